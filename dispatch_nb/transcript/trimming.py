"""Committed chunks unloaded, and older ones loaded again.

Source: the Dispatch transcript contract, B.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..wire.conversation import StoredChunk
from .history import merge_by_seq
from .log import Log
from .state import TranscriptState

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "MIN_LIMIT",
    "chunk_limit",
    "fresh_window",
    "oldest_loaded",
    "restore_earlier",
    "select_has_earlier",
    "trim_transcript",
    "unload_unit",
    "window_transcript",
    "with_page",
]

DEFAULT_LIMIT = 256
MIN_LIMIT = 10
MAX_LIMIT = 100_000


def chunk_limit(value: object) -> int:
    """Return how many chunks may stay loaded: `value` as a whole number within the bounds.

    What is no finite number gives the default.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return DEFAULT_LIMIT
    return min(max(math.floor(value), MIN_LIMIT), MAX_LIMIT)


def unload_unit(limit: float) -> int:
    """Return in which portions chunks are unloaded: a quarter of the limit."""
    return math.ceil(limit / 4)


def fresh_window(limit: float) -> int:
    """Return how many chunks a first load asks for: three quarters of the limit."""
    return max(1, math.floor(limit * 0.75))


def trim_transcript(state: TranscriptState, limit: float) -> TranscriptState:
    """Return the state without its oldest committed chunks when more than `limit` are loaded.

    Whole unload units go, never anything provisional. A limit that is not positive and
    finite means none.
    """
    if not math.isfinite(limit) or limit <= 0:
        return state
    loaded = len(state.committed) + len(state.provisional) + (state.accumulating is not None)
    if loaded <= limit:
        return state
    unit = unload_unit(limit)
    return _without_oldest(state, math.ceil((loaded - limit) / unit) * unit)


def window_transcript(state: TranscriptState, newest: int) -> TranscriptState:
    """Return the state with its `newest` committed chunks only, at most."""
    return _without_oldest(state, len(state.committed) - max(newest, 0))


def oldest_loaded(state: TranscriptState) -> int:
    """Return the `seq` of the oldest committed chunk here, else the unload watermark."""
    return state.committed[0].seq if state.committed else state.hidden_before_seq


def select_has_earlier(state: TranscriptState) -> bool:
    """Return whether the conversation has stored chunks before those loaded."""
    return oldest_loaded(state) > 1


def restore_earlier(
    state: TranscriptState, earlier: Iterable[StoredChunk], count: int
) -> TranscriptState:
    """Return the state with the newest `count` (at least one) of `earlier` in front.

    Only chunks older than those loaded count; without any, the very same state comes back.
    """
    oldest = oldest_loaded(state)
    older = merge_by_seq(Log(), (stored for stored in earlier if stored.seq < oldest))
    if oldest <= 1 or not older:
        return state
    restored = older[-max(count, 1) :]
    return state._replace(
        committed=Log((*restored, *state.committed)),
        hidden_before_seq=restored[0].seq,
        hidden_thinking_count=max(state.hidden_thinking_count - _thinking(restored), 0),
    )


def with_page(state: TranscriptState, page: Iterable[StoredChunk]) -> TranscriptState:
    """Return the state with an older page in front; the very same if it does not reach it."""
    older = merge_by_seq(Log(), page)
    if not older or older[-1].seq != oldest_loaded(state) - 1:
        return state
    return restore_earlier(state, older, len(older))


def _without_oldest(state: TranscriptState, count: int) -> TranscriptState:
    dropped = state.committed[: max(count, 0)]
    if not dropped:
        return state
    kept = state.committed.drop(len(dropped))
    return state._replace(
        committed=kept,
        hidden_before_seq=kept[0].seq if kept else dropped[-1].seq + 1,
        hidden_thinking_count=state.hidden_thinking_count + _thinking(dropped),
    )


def _thinking(chunks: list[StoredChunk]) -> int:
    return sum(stored.chunk.type == "thinking" for stored in chunks)
