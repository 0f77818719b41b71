"""Frames that were read once are kept: the next one reads what is new or changed alone."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from ..transcript.live import LiveState
from .build import describe
from .columns import INTEGER, Column, FrameSpec
from .growing import GrowingFrame
from .news import Mark, News, mark
from .read import FrameStore, is_numbered
from .scope import Scope

__all__ = ["NO_KEYS", "Kept", "Kind", "Rows", "asked", "bring_up", "keyed", "keys_of"]

NO_KEYS = np.empty(0, dtype="int64")
"""The keys of rows that are kept, and to which others are only ever added."""

_KEY = "row_key"
_ROOM = 1_024
# Beside a frame of the whole store many of single conversations are small.
_LEAST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as they were read, and what they belong to: ascending numbers, if it is known.

    `whole` is what the frame is a view of, if it may be kept as it is.
    """

    frame: pd.DataFrame
    keys: Any = None
    whole: GrowingFrame | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """How a frame is read, and how it is known which of its rows are to be read again.

    Parameters
    ----------
    spec
        Its columns.
    read
        Reads the rows of a scope.
    refresh
        Reads what is new or changed into a kept frame; False if all has to be read again.
    upto
        Whether chunks that a live state does not know yet make a difference.
    add_live
        Adds what a live state knows and the store has not got yet.
    begin
        In place of `read` where the frame is to be kept.
    """

    spec: FrameSpec
    read: Callable[[FrameStore, Connection, FrameSpec, Scope, LiveState | None], Rows]
    refresh: Callable[[Kept, FrameStore, News], bool]
    upto: bool = True
    add_live: Callable[[pd.DataFrame, str, LiveState], pd.DataFrame] | None = None
    begin: Callable[[Kept, FrameStore, Connection], Rows] | None = None


class Kept:
    """A frame of a store, or of one conversation in it, as it stood at a mark."""

    def __init__(self, kind: Kind, conversation_id: str | None) -> None:
        self.kind = kind
        self.conversation_id = conversation_id
        self.rows: GrowingFrame | None = None
        self.mark: Mark | None = None
        self.parts: dict[str, Kept] = {}

    @property
    def scope(self) -> Scope:
        """The rows it holds."""
        return Scope(None if self.conversation_id is None else (self.conversation_id,))

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        own = 0 if self.rows is None else self.rows.nbytes
        return own + sum(part.nbytes for part in self.parts.values())

    def part(self, kind: Kind) -> Kept:
        """Return rows that are kept to make this frame of."""
        return self.parts.setdefault(kind.spec.name, Kept(kind, self.conversation_id))


_Key = tuple[str, str | None]


class _Frames:
    """The frames that are kept of one store."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.kept: dict[_Key, Kept] = {}


_stores: WeakKeyDictionary[FrameStore, _Frames] = WeakKeyDictionary()
_used: OrderedDict[tuple[ref[FrameStore], _Key], int] = OrderedDict()
_lock = threading.Lock()


def asked(
    kind: Kind,
    store: FrameStore,
    scope: Scope,
    live: LiveState | None,
    columns: Sequence[str] | None,
) -> pd.DataFrame:
    """Return a frame; one of a whole SQLite store or conversation is kept for the next time.

    Then only rows that were added or changed since are read and derived again, by whomever
    they were written, and nothing that stayed as it was is copied but the numbers of columns
    that changed somewhere. Kept frames of all stores together take at most a quarter of the
    machine's memory: those go first that were asked for longest ago, and all of a store go
    with it.
    """
    spec = kind.spec if columns is None else kind.spec.only(columns)
    if scope.is_everything or scope.is_of_conversation:
        frames = _frames_of(store)
        # Locked first, so that who waits here sees what those saw who were faster.
        with frames.lock, store.connect() as connection:
            if _is_kept(kind, frames, scope, live, connection, columns):
                ids = scope.conversation_ids
                frame = _refreshed(kind, store, frames, connection, None if ids is None else ids[0])
                if live is not None and kind.add_live is not None and ids is not None:
                    frame = kind.add_live(frame, ids[0], live)
                return frame if columns is None else describe(frame[spec.names], spec)
    with store.connect() as connection:
        return kind.read(store, connection, spec, scope, live).frame


def _frames_of(store: FrameStore) -> _Frames:
    with _lock:
        return _stores.setdefault(store, _Frames())


def _is_kept(
    kind: Kind,
    frames: _Frames,
    scope: Scope,
    live: LiveState | None,
    connection: Connection,
    columns: Sequence[str] | None,
) -> bool:
    ids = scope.conversation_ids
    if not is_numbered(connection):
        return False
    # A few columns are read alone, unless all of them are here anyway.
    if columns is not None and (kind.spec.name, ids and ids[0]) not in frames.kept:
        return False
    if live is None or not kind.upto or ids is None:
        return True
    # A state that lags behind the store is read by itself: it is about to catch up.
    newest = text("SELECT last_seq FROM conversations WHERE conversation_id = :id")
    return (connection.scalar(newest, {"id": ids[0]}) or 0) <= scope.upto


def _refreshed(
    kind: Kind,
    store: FrameStore,
    frames: _Frames,
    connection: Connection,
    conversation_id: str | None,
) -> pd.DataFrame:
    key = (kind.spec.name, conversation_id)
    kept = frames.kept.get(key) or Kept(kind, conversation_id)
    # One that fails half-way is not to be gone on with.
    frames.kept.pop(key, None)
    frame = bring_up(kept, store, connection)
    if kept.rows is not None:
        frames.kept[key] = kept
        frame = kept.rows.frame()
        _make_room((ref(store), key), kept.nbytes)
    assert frame is not None
    return frame


def bring_up(kept: Kept, store: FrameStore, connection: Connection) -> pd.DataFrame | None:
    """Bring kept rows up to date; if they cannot be kept, return them and keep none."""
    now = mark(connection)
    if kept.rows is not None and kept.mark is not None:
        news = News(connection, kept.mark, now, kept.conversation_id)
        if news.is_none or (not news.is_past_telling and kept.kind.refresh(kept, store, news)):
            kept.mark = now
            return None
    kept.rows, kept.mark, kept.parts = None, None, {}
    if kept.kind.begin is not None:
        rows = kept.kind.begin(kept, store, connection)
    else:
        rows = kept.kind.read(store, connection, kept.kind.spec, kept.scope, None)
    if rows.keys is None or (len(rows.keys) and not _ascends(rows.keys)):
        kept.parts = {}
        return rows.frame
    kept.rows = rows.whole if rows.whole is not None else _grown(kept.kind.spec, rows)
    kept.mark = now
    return None


def _grown(spec: FrameSpec, rows: Rows) -> GrowingFrame:
    count = len(rows.frame)
    whole = GrowingFrame(spec, count + count // 4 + _ROOM)
    whole.append(rows.frame, rows.keys)
    return whole


def _ascends(keys: Any) -> bool:
    return bool(keys[0] >= 0 and (np.diff(keys) >= 0).all())


def _make_room(used: tuple[ref[FrameStore], _Key], size: int) -> None:
    """Note what was used last, and let go of what is too much."""
    with _lock:
        for each in [each for each in _used if each[0]() is None]:
            del _used[each]
        _used[used] = size
        _used.move_to_end(used)
        while len(_used) > 1 and sum(_used.values()) > _most_bytes():
            (store, key), _ = _used.popitem(last=False)
            found = store()
            if found is not None:
                _stores[found].kept.pop(key, None)


def _most_bytes() -> int:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory = 0  # a system that does not tell
    return max(memory // 4, _LEAST_BYTES)


def keyed(spec: FrameSpec, table: str, connection: Connection) -> FrameSpec:
    """Return a spec that also reads the rowid of each row, where there is one."""
    if not is_numbered(connection):
        return spec
    key = Column(_KEY, INTEGER, f"{table}.rowid", "What it is kept by")
    return replace(spec, inputs=(*spec.inputs, key))


def keys_of(values: dict[str, Any]) -> Any:
    """Return the rowids that were read, or None."""
    if _KEY not in values:
        return None
    return np.asarray(values[_KEY], dtype="int64")
