"""Bytes of files, each locked by one holder among all processes of this machine.

A process that ends, however it does, loses its locks. The operating system knows holders
by process, so those within this one are told apart here; and it drops all locks of a
process on a file when any descriptor of that file is closed, so there is only ever one.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EACCES, EAGAIN, EDEADLK
from pathlib import Path

from ..errors import StoreError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, offset: int) -> None:
        os.lseek(descriptor, offset, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int, offset: int) -> None:
        os.lseek(descriptor, offset, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, offset: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)

    def _unlock(descriptor: int, offset: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, offset)


__all__ = ["take"]

_HELD_BY_ANOTHER = (EACCES, EAGAIN, EDEADLK)


@dataclass
class _OpenFile:
    descriptor: int
    offsets: set[int] = field(default_factory=set)


_files: dict[tuple[int, int], _OpenFile] = {}
_guard = threading.Lock()


def take(path: Path, offset: int) -> Callable[[], None] | None:
    """Lock one byte of a file, which is made if need be; None if someone else has it.

    Returns
    -------
    callable or None
        Gives the byte back.

    Raises
    ------
    StoreError
        If the file cannot be opened or its file system has no locks.
    """
    with _guard:
        try:
            return _take(path, offset)
        except OSError as error:
            raise StoreError(
                f"The file {path}, which says who is running a turn, cannot be locked: "
                f"{error.strerror}. Keep the store in a folder of this machine that you may write."
            ) from error


def _take(path: Path, offset: int) -> Callable[[], None] | None:
    identity, opened = _opened(path)
    if offset in opened.offsets:
        return None
    try:
        _lock(opened.descriptor, offset)
    except OSError as error:
        _close_unused(identity, opened)
        if error.errno in _HELD_BY_ANOTHER:
            return None
        raise
    opened.offsets.add(offset)

    def give_back() -> None:
        with _guard:
            # A forked child inherits this function, but not the lock.
            if _files.get(identity) is opened and offset in opened.offsets:
                _unlock(opened.descriptor, offset)
                opened.offsets.remove(offset)
                _close_unused(identity, opened)

    return give_back


def _opened(path: Path) -> tuple[tuple[int, int], _OpenFile]:
    # Opening what is open already, and closing it again, would drop every lock on it.
    if path.exists():
        identity = _identity(path.stat())
        if identity in _files:
            return identity, _files[identity]
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    identity = _identity(os.fstat(descriptor))
    return identity, _files.setdefault(identity, _OpenFile(descriptor))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _close_unused(identity: tuple[int, int], opened: _OpenFile) -> None:
    if not opened.offsets:
        del _files[identity]
        os.close(opened.descriptor)


def _forget() -> None:
    global _guard
    _guard = threading.Lock()
    _files.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)
