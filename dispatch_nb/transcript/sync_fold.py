"""Events folded into a transcript that remembers which chunks are stored.

A history answer may be ahead of the events, so an event may bring what is shown already.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from ..wire.events import TurnEvent, UserMessageEvent
from ..wire.extensions import LiveEvent
from .log import Log
from .state import Provisional, TranscriptState
from .sync_shown import realigned, shown, with_new_rows
from .sync_state import (
    MOST_LOOKED_AT,
    Hidden,
    SyncState,
    Track,
    is_silent,
    is_twin,
    tracked,
    with_entry,
    with_open_text,
)

__all__ = ["fold_tracked", "restarted", "revealed"]


def fold_tracked(
    state: TranscriptState,
    sync: SyncState,
    event: LiveEvent,
    fold: Callable[[TranscriptState, LiveEvent], TranscriptState],
) -> TranscriptState:
    """Return the state after `event`, without what is among the committed chunks already.

    `fold` folds an event into a state that remembers nothing.
    """
    if event.type == "text-delta" or event.type == "reasoning-delta":
        if sync.hidden is not None:
            going_on = _hidden_extended(state, sync, sync.hidden, event.type, event.delta)
            if going_on is not None:
                return going_on
        elif state.accumulating is not None:
            longer = fold(state, event)
            if longer.provisional is state.provisional:
                return longer
            return _with_event(state, longer, sync, event)
    if isinstance(event, UserMessageEvent) and event.text:
        if any(track.turn_id == event.turn_id and track.entries for track in sync.tracks):
            state = restarted(state, sync, event.turn_id)
            sync = tracked(state)
        sync = _with_turn(sync, event)
    before = revealed(state, sync)
    after = fold(before, event)
    return state if after is before else _with_event(before, after, sync, event)


def _hidden_extended(
    state: TranscriptState, sync: SyncState, hidden: Hidden, kind: str, delta: str
) -> TranscriptState | None:
    """Return the state with hidden text that goes on as its twin does; None if it does not."""
    growing, twin, offset = hidden
    is_same_kind = (kind == "text-delta") == (growing.kind == "text")
    if not is_same_kind or not twin.startswith(delta, offset):
        return None
    longer = Hidden(growing.extended(delta), twin, offset + len(delta))
    return state._replace(generating=True, provider_retry=None, sync=sync._replace(hidden=longer))


def revealed(state: TranscriptState, sync: SyncState) -> TranscriptState:
    """Return the state with the text that streams, shown by its twin or not."""
    if sync.hidden is None:
        return state
    return state._replace(accumulating=sync.hidden.growing)


def _with_turn(sync: SyncState, event: UserMessageEvent) -> SyncState:
    """Return the memory with the turn that `event` begins, still empty.

    The oldest echo of its text is claimed.
    """
    known = next((track for track in sync.tracks if track.turn_id == event.turn_id), None)
    if known is None:
        known = Track(event.turn_id, Log(), after=sync.base, known=sync.known())
        sync = sync._replace(tracks=(*sync.tracks, known))
    if known.seen_before:
        return sync
    claimed = next(
        (e for e in sync.echoes if e.text == event.text and e.client_message_id is None), None
    )
    if claimed is None:
        return sync
    echoes = list(sync.echoes)
    echoes.remove(claimed)
    known = known._replace(after=max(claimed.after, sync.base), known=claimed.known)
    return sync._replace(echoes=tuple(echoes), tracks=_with_track(sync.tracks, known))


def restarted(state: TranscriptState, sync: SyncState, turn_id: str) -> TranscriptState:
    """Return the state without what events of the turn built; they are expected anew."""
    growing = revealed(state, sync).accumulating
    if growing is not None and growing.turn_id == turn_id:
        state, sync = state._replace(accumulating=None), sync._replace(hidden=None)
    return shown(state, _with_restarted(sync, turn_id))


def _with_restarted(sync: SyncState, turn_id: str) -> SyncState:
    old = next((track for track in sync.tracks if track.turn_id == turn_id), None)
    if old is None:
        fresh = Track(turn_id, Log(), after=sync.base, known=sync.known(), replayed=True)
        return sync._replace(tracks=(*sync.tracks, fresh))
    again = Track(
        turn_id,
        Log(),
        after=old.after,
        known=old.known,
        replayed=True,
        seen_before=old.seen_before or bool(old.entries),
        required=old.required or (old.above > 0 and not old.has_rivals),
        pin=old.pin if old.start is None or old.has_rivals or old.above else old.start,
        before=old.start if old.above and not old.has_rivals else old.before,
    )
    return sync._replace(tracks=_with_track(sync.tracks, again))


def _with_event(
    before: TranscriptState, after: TranscriptState, sync: SyncState, event: LiveEvent
) -> TranscriptState:
    """Return `after` with what the event built given to its turn, and compared with the rows."""
    tracks = sync.tracks
    old = tracks[-1] if tracks else None
    for entry in after.provisional[len(before.provisional) :]:
        tracks = _with_entry(tracks, sync, entry)
    growing = after.accumulating
    if growing is not None and growing is not before.accumulating:
        tracks = _with_open_text(tracks, sync, growing.turn_id)
    changed = sync._replace(tracks=_with_border(tracks, event), hidden=None)
    if not tracks or not changed.rows:
        return after._replace(sync=changed)
    newest = changed.tracks[-1]
    is_open = newest.start is None or newest.has_rivals
    is_named = is_open and newest.called and not (old is not None and old.called)
    is_proven = bool(newest.skipped) and old is not None and newest.proven > old.proven
    is_reached = is_open and changed.is_windowed and _may_reach(changed, newest, old)
    if event.type in _BORDERS or is_named or is_proven or is_reached:
        return realigned(after, changed)
    if newest.start is None or changed.last_seq <= newest.cursor:
        return after._replace(sync=changed)
    return with_new_rows(after, changed)


def _may_reach(sync: SyncState, newest: Track, old: Track | None) -> bool:
    """Tell whether a new entry may be where what was read first begins, or prove it."""
    known = len(old.entries) if old is not None and old.turn_id == newest.turn_id else 0
    first = list(islice((row for row in sync.rows if not is_silent(row)), MOST_LOOKED_AT))
    return any(
        is_twin(entry, row.stored)
        for entry in newest.entries[known:]
        for number, row in enumerate(first)
        if number == 0 or row.stored.chunk.type in ("tool-call", "tool-result")
    )


_BORDERS = frozenset({"user-message", "turn-start", "error", "done", "turn-sealed"})


def _with_entry(
    tracks: tuple[Track, ...], sync: SyncState, entry: Provisional
) -> tuple[Track, ...]:
    tracks = _with_owner(tracks, sync, entry.turn_id)
    for track in reversed(tracks):
        if track.turn_id == entry.turn_id:
            return _with_track(tracks, with_entry(track, entry))
    return tracks


def _with_open_text(tracks: tuple[Track, ...], sync: SyncState, turn_id: str) -> tuple[Track, ...]:
    tracks = _with_owner(tracks, sync, turn_id)
    track = next(track for track in reversed(tracks) if track.turn_id == turn_id)
    return _with_track(tracks, with_open_text(track))


def _with_owner(tracks: tuple[Track, ...], sync: SyncState, turn_id: str) -> tuple[Track, ...]:
    """Return the tracks with one for the turn, whose beginning was never seen if it is new."""
    if any(track.turn_id == turn_id for track in tracks):
        return tracks
    return (*tracks, Track(turn_id, Log(), after=sync.base, known=sync.known(), replayed=True))


def _with_track(tracks: tuple[Track, ...], changed: Track) -> tuple[Track, ...]:
    if tracks[-1].turn_id == changed.turn_id:
        return (*tracks[:-1], changed)
    return tuple(changed if track.turn_id == changed.turn_id else track for track in tracks)


def _with_border(tracks: tuple[Track, ...], event: LiveEvent) -> tuple[Track, ...]:
    if not isinstance(event, TurnEvent) or event.type not in _BORDERS:
        return tracks
    track = next((each for each in tracks if each.turn_id == event.turn_id), None)
    if track is None:
        return tracks
    match event.type:
        case "turn-start":
            track = track._replace(started=True, failed=False)
        case "error":
            track = track._replace(failed=not track.started)
        case "done" | "turn-sealed":
            track = track._replace(started=True, ended=True)
        case _:
            return tracks
    return _with_track(tracks, track)
