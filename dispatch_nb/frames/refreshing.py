"""Which rows of a frame are to be read again after something happened in the store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .cache import Kept
from .news import News, rowids
from .read import FrameStore
from .scope import Scope

__all__ = [
    "append_chunks",
    "read_again",
    "refresh_calls",
    "refresh_deltas",
    "refresh_latency",
    "refresh_steps",
    "refresh_turns",
]

# So many rows of a large frame are read one by one at most: then all at once is faster.
_FEW = 1_000


def read_again(kept: Kept, store: FrameStore, news: News, table: str, keys: Any) -> bool:
    """Read what belongs to some rows of a table, and put it where it was; False if it is much."""
    rows = kept.rows
    assert rows is not None
    if len(keys) == 0:
        return True
    if len(keys) > max(_FEW, len(rows) // 4):
        return False
    scope = Scope(chosen=(table, tuple(keys.tolist())))
    found = kept.kind.read(store, news.connection, kept.kind.spec, scope, None)
    if found.keys is None or not np.isin(found.keys, keys).all():
        return False
    if len(found.keys) > 1 and not (np.diff(found.keys) >= 0).all():
        return False
    rows.replace(keys, found.frame, found.keys)
    return True


def _numbers(found: set[Any]) -> Any:
    return np.array(sorted(found), dtype="int64")


def refresh_steps(kept: Kept, store: FrameStore, news: News) -> bool:
    """Read steps again: those that were added or changed."""
    return read_again(kept, store, news, "steps", _numbers(news.of("steps", "rowid")))


def refresh_calls(kept: Kept, store: FrameStore, news: News) -> bool:
    """Read calls again: those that were added or changed, or whose chunks were."""
    found = news.of("tool_calls", "rowid")
    if news.has_changed("chunks"):
        turns = news.of("chunks", "turn_id")
        found |= set(rowids(news.connection, "tool_calls", "turn_id", turns).tolist())
    return read_again(kept, store, news, "tool_calls", _numbers(found))


def refresh_turns(kept: Kept, store: FrameStore, news: News) -> bool:
    """Read turns again: those that were added or changed themselves, or of which anything was."""
    turns = set().union(*(news.of(table, "turn_id") for table in _OF_TURNS))
    keys = rowids(news.connection, "turns", "turn_id", turns)
    return read_again(kept, store, news, "turns", keys)


_OF_TURNS = ("turns", "steps", "chunks", "tool_calls")


def refresh_deltas(kept: Kept, store: FrameStore, news: News) -> bool:
    """Read deltas again: those of turns with new events, new chunks or new steps."""
    turns = set().union(*(news.of(table, "turn_id") for table in ("turns", "steps", "chunks")))
    turns |= {turn_id for _, turn_id, has_deltas in news.events if has_deltas}
    keys = rowids(news.connection, "turns", "turn_id", turns - {None})
    told = {turn_id for _, turn_id, has_deltas in news.events if has_deltas}
    if len(rowids(news.connection, "turns", "turn_id", told - {None})) < len(told):
        return False  # deltas of a turn that is not stored yet
    return read_again(kept, store, news, "turns", keys)


def refresh_latency(kept: Kept, store: FrameStore, news: News) -> bool:
    """Read latency again: the steps of turns with new events, new steps or new calls."""
    turns = set().union(*(news.of(table, "turn_id") for table in ("turns", "steps", "tool_calls")))
    turns |= {turn_id for _, turn_id, _ in news.events if turn_id is not None}
    keys = rowids(news.connection, "steps", "turn_id", turns)
    return read_again(kept, store, news, "steps", keys)


def append_chunks(kept: Kept, store: FrameStore, news: News) -> bool:
    """Read what belongs to new chunks, behind the rest; no writer changes those that are stored."""
    if news.has_changed("chunks"):
        return False
    first, last = news.added_from("chunks"), news.now.last["chunks"]
    if first == last:
        return True
    scope = Scope(rows=("chunks", first, last))
    if kept.conversation_id is not None:
        scope = replace(scope, conversation_ids=(kept.conversation_id,))
    found = kept.kind.read(store, news.connection, kept.kind.spec, scope, None)
    if found.keys is None:
        return False
    assert kept.rows is not None
    kept.rows.append(found.frame, found.keys)
    return True
