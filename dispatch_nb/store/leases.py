"""Who runs turns in a conversation: one at a time, of all that have the store open.

A lease is held by a lock of the operating system or of the database server, which falls
with its holder: after a crash nobody waits, and nobody has to guess who is still alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from . import file_locks
from .database import Database

__all__ = ["Leases", "Release", "leases_of"]

Release = Callable[[], None]

# Positive in the signed numbers that lock a byte of a file, or stand for a lock on a server.
_KEY_BITS = 62


class Leases(Protocol):
    """The leases on the conversations of one store."""

    def take(self, conversation_id: str) -> Release | None:
        """Return the way to give the lease back, or None if someone else holds it."""
        ...

    def close(self) -> None:
        """Let go of what the leases need; those of a server are given back."""
        ...


def leases_of(database: Database, path: Path | None) -> Leases:
    """Return the leases of a store: on a server, in a file, or in memory."""
    if database.is_server:
        return _ServerLeases(database)
    return _MemoryLeases() if path is None else _FileLeases(path)


class _MemoryLeases:
    """Leases among the threads of one process."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._guard = threading.Lock()

    def take(self, conversation_id: str) -> Release | None:
        with self._guard:
            if conversation_id in self._held:
                return None
            self._held.add(conversation_id)
        return lambda: self._give_back(conversation_id)

    def close(self) -> None:
        pass

    def _give_back(self, conversation_id: str) -> None:
        with self._guard:
            self._held.discard(conversation_id)


class _FileLeases:
    """Leases among processes: a byte, for each conversation, of a file beside the store's."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}-turns")

    def take(self, conversation_id: str) -> Release | None:
        return file_locks.take(self._path, _key(conversation_id))

    def close(self) -> None:
        pass


class _ServerLeases(_MemoryLeases):
    """Leases among all clients of a server: advisory locks of one session."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._session: sa.Connection | None = None
        self._asking = threading.Lock()

    def take(self, conversation_id: str) -> Release | None:
        # The server would give one session the same lock twice.
        give_back = super().take(conversation_id)
        if give_back is None:
            return None
        try:
            taken = self._ask(sa.func.pg_try_advisory_lock, conversation_id)
        except BaseException:
            super()._give_back(conversation_id)
            raise
        if not taken:
            super()._give_back(conversation_id)
            return None
        return give_back

    def close(self) -> None:
        with self._asking:
            if self._session is not None:
                self._session.close()
                self._session = None

    def _give_back(self, conversation_id: str) -> None:
        if self._session is not None:
            self._ask(sa.func.pg_advisory_unlock, conversation_id)
        super()._give_back(conversation_id)

    def _ask(self, function: Callable[[int], sa.ColumnElement[bool]], conversation_id: str) -> bool:
        with self._asking, self._database.sentences():
            if self._session is None:
                self._session = self._database.session()
            return bool(self._session.scalar(sa.select(function(_key(conversation_id)))))


def _key(conversation_id: str) -> int:
    digest = blake2b(conversation_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - _KEY_BITS)
