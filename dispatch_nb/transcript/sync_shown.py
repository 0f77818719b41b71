"""What is on screen after stored chunks and events were compared.

Source: the Dispatch transcript contract, D.4.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .log import Log
from .state import Provisional, TranscriptState
from .sync_advance import CUT_OFF, advance, retreat
from .sync_align import align
from .sync_echoes import align_echoes
from .sync_places import places_of
from .sync_state import Aside, Hidden, Row, SyncState, Track

__all__ = ["frozen", "realigned", "shown", "with_new_rows", "with_older_rows"]

MOST_TRACKS = 8


def with_new_rows(state: TranscriptState, sync: SyncState) -> TranscriptState:
    """Return the state after the newest turn was compared with the rows behind its cursor.

    When that does not come out even, all turns are aligned anew.
    """
    growing = state.accumulating
    done = advance(sync.tracks[-1], sync.rows, growing)
    if done.cost >= CUT_OFF:
        return realigned(state, sync)
    passed = done.track.taken - sync.tracks[-1].taken
    changed = sync._replace(tracks=(*sync.tracks[:-1], done.track))
    return shown(state, changed, done.open_twin, passed=passed)


def with_older_rows(
    state: TranscriptState, sync: SyncState, fresh: Sequence[Row]
) -> TranscriptState | None:
    """Return the state after a page before the rows was compared; None if that needs them all."""
    first = sync.tracks[0]
    is_page = sync.rows.view(0, len(fresh)) == Log(fresh)
    if first.start is None or first.has_rivals or not is_page:
        return None
    if first.above:
        longer = retreat(first, fresh)
        if longer is None:
            return None
        sync = sync._replace(tracks=(longer, *sync.tracks[1:]))
    newest = sync.tracks[-1]
    open_twin = advance(newest, sync.rows, state.accumulating).open_twin
    return shown(state, sync, open_twin, passed=0)


def realigned(state: TranscriptState, sync: SyncState) -> TranscriptState:
    """Return the state after all turns were aligned with the rows."""
    excess = len(sync.tracks) - MOST_TRACKS
    if excess > 0:
        sync = frozen(sync, sync.tracks[:excess])
    growing = state.accumulating
    tracks = align(sync, growing)
    open_twin = None
    if growing is not None and tracks and tracks[-1].start is not None:
        open_twin = advance(tracks[-1], sync.rows, growing).open_twin
    return shown(state, sync._replace(tracks=tracks), open_twin)


def frozen(sync: SyncState, old: Sequence[Track]) -> SyncState:
    """Return the memory with the oldest turns as they are now, never to be aligned again."""
    places = places_of(sync)
    kept = [
        aside
        for track, place in zip(old, places, strict=False)
        for aside in _asides(track, sync.last_seq if place is None else place)
    ]
    base = max([sync.base, *(track.cursor for track in old)])
    return sync._replace(frozen=(*sync.frozen, *kept), tracks=sync.tracks[len(old) :], base=base)


def _asides(track: Track, place: int) -> list[Aside]:
    if track.settled:
        return []
    return [*track.skipped, *(Aside(place, entry) for entry in track.entries[track.taken :])]


def shown(
    state: TranscriptState,
    sync: SyncState,
    open_twin: str | None = None,
    *,
    passed: int | None = None,
) -> TranscriptState:
    """Return the state in which exactly what has no stored twin is provisional.

    `passed` says that of the newest turn's provisional chunks only so many first ones go.
    """
    growing, hidden = state.accumulating, sync.hidden
    if growing is not None:
        hidden = None
    if growing is not None and open_twin is not None:
        hidden = Hidden(growing, open_twin, len(growing.text))
        growing = None
    *places, place = places_of(sync) or (None,)
    asides = list(sync.frozen)
    for track, each in zip(sync.tracks, places, strict=False):
        asides += _asides(track, sync.last_seq if each is None else each)
    rest: Log[Provisional] = Log()
    if sync.tracks and not sync.tracks[-1].settled:
        newest = sync.tracks[-1]
        asides += newest.skipped
        if passed is not None and passed + len(newest.entries) - newest.taken == len(
            state.provisional
        ):
            rest = state.provisional.drop(passed)
        else:
            rest = Log(newest.entries[newest.taken :])
    return state._replace(
        provisional=rest,
        accumulating=growing,
        sync=sync._replace(
            hidden=hidden,
            echoes=align_echoes(sync),
            asides=_grouped(asides),
            place=None if place is None or place >= sync.last_seq else place,
        ),
    )


def _grouped(asides: list[Aside]) -> tuple[tuple[int, Log[Provisional]], ...]:
    asides.sort(key=_after)
    groups = groupby(asides, key=_after)
    return tuple((after, Log(aside.entry for aside in group)) for after, group in groups)


def _after(aside: Aside) -> int:
    return aside.after
