"""Where chunks without a stored twin stand among the stored ones.

A backend does not store everything that it streams: an unknown steering text, the calls of
an aborted step, the error that a turn died of. What it left out stays where it was said, and
goes with its own turn alone.

Source: the Dispatch transcript contract, D.3.8, D.3.10, D.3.11 and D.6.5.
"""

from __future__ import annotations

from ..wire.conversation import StoredChunk
from .history import index_after
from .log import Log
from .state import Provisional, TranscriptState
from .sync_state import MOST_LOOKED_AT, SyncState, Track, names_its_step

__all__ = ["in_order", "places_of"]


def places_of(sync: SyncState) -> tuple[int | None, ...]:
    """Return for each turn the `seq` of the row that its unstored end follows; None for the last.

    That is the last row of the turn. A turn without rows stands before the first row of the
    next turn that has some, and without any such turn last, unless it is certain what is
    older: the rows that had been read when a turn began that failed at once, or none of
    those that were read first, when they begin inside the turn.
    """
    places: list[int | None] = []
    bound: int | None = None
    for number, track in reversed(list(enumerate(sync.tracks))):
        if track.start is not None:
            places.append(track.cursor)
            bound = track.start - 1 if _hides_older(sync, track, track.start) else None
        else:
            if is_above(sync, track):
                bound = sync.rows[0].stored.seq - 1
            else:
                known = _known_place(sync, track, sync.tracks[:number])
                bound = known if bound is None or (known is not None and known < bound) else bound
            places.append(bound)
    return tuple(reversed(places))


def _hides_older(sync: SyncState, track: Track, start: int) -> bool:
    """Tell whether turns without rows are older than this one for certain.

    They would stand before all that was read, and not be seen.
    """
    if not sync.is_windowed or start > sync.rows[0].stored.seq or track.required:
        return True
    proofs = track.entries.view(track.above, min(track.above + MOST_LOOKED_AT, track.taken))
    return sync.rows[0].turn_id is not None or any(map(names_its_step, proofs))


def _known_place(sync: SyncState, track: Track, older: tuple[Track, ...]) -> int | None:
    """Return the last row that was read when a turn began that failed at once."""
    if not track.failed or track.replayed or track.known is None:
        return None
    if sync.is_windowed and track.known < sync.rows[0].stored.seq:
        return None
    return max(track.known, sync.base, *(other.cursor for other in older))


def is_above(sync: SyncState, track: Track) -> bool:
    """Tell whether the turn, of which no entry has a row, begins before all that was read."""
    return sync.is_windowed and (track.required or sync.rows[0].turn_id == track.turn_id)


def in_order(state: TranscriptState) -> list[Log[StoredChunk] | Log[Provisional] | None]:
    """Return the logs of chunks as they follow on screen; None stands for the text that grows.

    What stands before the oldest chunk that is loaded is on a page above, and not shown.
    """
    sync, committed = state.sync, state.committed
    if not isinstance(sync, SyncState):
        return [committed, state.provisional, None]
    first = committed[0].seq if committed else state.hidden_before_seq
    parts: list[Log[StoredChunk] | Log[Provisional] | None] = []
    shown = 0
    place = sync.last_seq if sync.place is None else sync.place
    groups: list[tuple[int, tuple[Log[Provisional] | None, ...]]]
    groups = [(after, (log,)) for after, log in sync.asides]
    # An older turn of which nothing is known stands last, even behind the newest one.
    for after, logs in sorted([*groups, (place, (state.provisional, None))], key=_after):
        if first > 1 and after < min(first, sync.last_seq):
            continue
        stop = index_after(committed, after) if after < sync.last_seq else len(committed)
        parts += [committed.view(shown, stop), *logs]
        shown = stop
    return [*parts, committed.view(shown, len(committed))]


def _after(group: tuple[int, object]) -> int:
    return group[0]
