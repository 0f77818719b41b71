"""Provisional chunks that the store has taken: they get their `seq` where they stand."""

from __future__ import annotations

from ..wire.conversation import StoredChunk
from ..wire.extensions import ChunksCommittedEvent
from .history import merge_by_seq
from .log import Log
from .state import Provisional, TranscriptState, flushed

__all__ = ["commit_chunks"]


def commit_chunks(state: TranscriptState, event: ChunksCommittedEvent) -> TranscriptState:
    """Return the state with the oldest `event.count` provisional chunks of the turn committed.

    The chunk that still accumulates is among them when the turn has too few others. A
    reader that joined late may have fewer than `count`: it holds the last ones of the
    range. A `seq` that is already there stays as it is, because it came from the store and
    is whole, while a late reader's chunk may lack its beginning. Other turns' chunks are
    never touched.
    """
    provisional, accumulating = state.provisional, state.accumulating
    mine = _oldest_of_turn(provisional, event)
    if (
        len(mine) < event.count
        and accumulating is not None
        and accumulating.turn_id == event.turn_id
    ):
        provisional, accumulating = flushed(state), None
        mine = _oldest_of_turn(provisional, event)
    if not mine:
        return state
    first = event.first_seq + event.count - len(mine)
    stored = [
        StoredChunk(seq=seq, role=provisional[position].role, chunk=provisional[position].chunk)
        for seq, position in enumerate(mine, first)
    ]
    return state._replace(
        committed=_with_new(state.committed, stored),
        provisional=_without(provisional, mine),
        accumulating=accumulating,
    )


def _oldest_of_turn(provisional: Log[Provisional], event: ChunksCommittedEvent) -> list[int]:
    positions: list[int] = []
    for position, entry in enumerate(provisional):
        if len(positions) >= event.count:
            break
        if entry.turn_id == event.turn_id:
            positions.append(position)
    return positions


def _without(provisional: Log[Provisional], positions: list[int]) -> Log[Provisional]:
    if positions[-1] == len(positions) - 1:
        return provisional.drop(len(positions))
    gone = set(positions)
    return Log(entry for position, entry in enumerate(provisional) if position not in gone)


def _with_new(committed: Log[StoredChunk], stored: list[StoredChunk]) -> Log[StoredChunk]:
    if not committed or committed[-1].seq < stored[0].seq:
        return committed.extend(stored)
    return merge_by_seq(Log(stored), committed)
