"""Stored chunks joined into the transcript.

Source: the Dispatch transcript contract, A.3 and B.3.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from ..wire.conversation import StoredChunk
from .log import Log
from .state import TranscriptState

__all__ = ["apply_history", "index_after", "is_there", "merge_by_seq", "merge_loaded"]


def apply_history(state: TranscriptState, chunks: Iterable[StoredChunk]) -> TranscriptState:
    """Return the state with `chunks` among its committed ones, ascending by `seq`.

    Of two chunks with one `seq` the incoming one wins, and inside `chunks` the later one.
    After a seal everything provisional goes and the seal is cleared; without a seal
    nothing provisional is touched. That is the seed's rule; `sync_history` of `sync.py` is
    right at any moment. Chunks that were unloaded stay unloaded: only `restore_earlier`
    brings them back.
    """
    committed = merge_loaded(state, chunks)
    if state.sealed_turn_id is None:
        return state._replace(committed=committed)
    return state._replace(
        committed=committed, provisional=Log(), accumulating=None, sealed_turn_id=None
    )


def merge_loaded(state: TranscriptState, chunks: Iterable[StoredChunk]) -> Log[StoredChunk]:
    """Return the committed chunks with `chunks`, except those below the unload watermark."""
    watermark = state.hidden_before_seq
    if watermark:
        chunks = [stored for stored in chunks if stored.seq >= watermark]
    return merge_by_seq(state.committed, chunks)


def merge_by_seq(committed: Log[StoredChunk], chunks: Iterable[StoredChunk]) -> Log[StoredChunk]:
    """Return the union by `seq`, ascending, where `chunks` win.

    It costs what `chunks` are, not what is there, as long as those that are new are a tail.
    """
    incoming = sorted({stored.seq: stored for stored in chunks}.values(), key=_seq)
    if not incoming:
        return committed
    if not committed or committed[-1].seq < incoming[0].seq:
        return committed.extend(incoming)
    new = [stored for stored in incoming if not is_there(committed, stored)]
    if not new or committed[-1].seq < new[0].seq:
        return committed.extend(new)
    union = {stored.seq: stored for stored in committed}
    union.update((stored.seq, stored) for stored in incoming)
    return Log(sorted(union.values(), key=_seq))


def is_there(committed: Log[StoredChunk], stored: StoredChunk) -> bool:
    """Tell whether the very same chunk is among the committed ones."""
    place = index_after(committed, stored.seq) - 1
    return place >= 0 and committed[place] == stored


def index_after(log: Log[StoredChunk], seq: int) -> int:
    """Return the position of the first chunk with a higher `seq`."""
    if not log or log[0].seq > seq:
        return 0
    guess = min(seq - log[0].seq + 1, len(log))
    if log[guess - 1].seq == seq:  # no gaps up to here, as the contract promises
        return guess
    return bisect_right(log, seq, key=_seq)


def _seq(stored: StoredChunk) -> int:
    return stored.seq
