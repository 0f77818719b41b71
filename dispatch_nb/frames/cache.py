"""Chunks that were read once are kept: the next frame reads the new rows alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import pandas as pd
from sqlalchemy import Connection, text

from .arrow import MANY_ROWS, can_read, divided, read_parts
from .build import build_frame
from .columns import FrameSpec
from .growing import GrowingFrame, joined
from .log_columns import CHUNKS
from .mending import mend
from .read import Columns, FrameStore, batches, is_numbered, select
from .scope import Scope

__all__ = ["read_chunks", "stored_chunks"]

_CONVERSATIONS = 16
"""How many conversations are kept at most, those that were read last, beside the whole."""

_ROOM = 4_096
_CHANGED = "SELECT MAX(n) FROM row_changes WHERE table_name IN ('chunks', 'deleted')"


class _Kept:
    """The stored chunks of a scope, up to a row of the table or a seq."""

    def __init__(self) -> None:
        self.frame: GrowingFrame | None = None
        self.last = 0
        self.change: int | None = None


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.kept: OrderedDict[str | None, _Kept] = OrderedDict()

    def of(self, conversation_id: str | None) -> _Kept:
        kept = self.kept.pop(conversation_id, None) or _Kept()
        self.kept[conversation_id] = kept
        if len(self.kept) > _CONVERSATIONS + 1:
            oldest = next(key for key in self.kept if key is not None)
            del self.kept[oldest]
        return kept


_caches: WeakKeyDictionary[FrameStore, _Cache] = WeakKeyDictionary()
_caches_lock = threading.Lock()


def stored_chunks(store: FrameStore, connection: Connection, scope: Scope) -> pd.DataFrame:
    """Return the stored chunks, all of them or those of one conversation, as `CHUNKS` says.

    Only rows that were added since the last call are read. They are in the order in which
    they were stored, a conversation's by `seq`.
    """
    if not is_numbered(connection):
        parts = read_chunks(store, connection, CHUNKS, scope)
        return joined(CHUNKS, (build_frame(CHUNKS, part) for part in parts))
    with _caches_lock:
        cache = _caches.setdefault(store, _Cache())
    ids = scope.conversation_ids
    with cache.lock:
        kept = cache.of(None if ids is None else ids[0])
        change = connection.scalar(text(_CHANGED))
        if kept.frame is None or kept.change != change:
            kept.frame, kept.last, kept.change = None, 0, change
        last = _last(connection, ids)
        if kept.frame is None:
            # Memory that is never written to is not there: room for more costs nothing yet.
            kept.frame = GrowingFrame(CHUNKS, last + last // 4 + _ROOM)
        if last > kept.last:
            rows = None if ids else ("chunks", kept.last, last)
            fresh = Scope(ids, rows=rows, after=kept.last if ids else 0)
            for part in read_chunks(store, connection, CHUNKS, fresh):
                kept.frame.append(build_frame(CHUNKS, part))
            kept.last = last
        return kept.frame.frame()


def _last(connection: Connection, ids: tuple[str, ...] | None) -> int:
    """Return the last seq of a conversation, or the last row of all."""
    if ids is None:
        return connection.scalar(text("SELECT MAX(rowid) FROM chunks")) or 0
    newest = text("SELECT MAX(seq) FROM chunks WHERE conversation_id = :id")
    return connection.scalar(newest, {"id": ids[0]}) or 0


def read_chunks(
    store: FrameStore, connection: Connection, spec: FrameSpec, scope: Scope
) -> Iterator[Columns]:
    """Yield the columns of stored chunks part by part, by whichever way is fastest."""
    numbered = is_numbered(connection)
    if numbered and scope.conversation_ids is None and not scope.of_some_turns:
        first, last = scope.rows[1:] if scope.rows else (0, _last(connection, None))
        if last - first >= MANY_ROWS and store.path is not None and can_read():
            for values in read_parts(store.path, spec, divided("chunks", first, last)):
                yield mend(connection, values)
            return
    sql, names = select(spec, scope, numbered=numbered)
    for values in batches(connection, sql, names, scope):
        yield mend(connection, values)
