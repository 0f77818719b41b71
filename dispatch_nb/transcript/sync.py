"""Stored and live chunks joined, at any moment and exactly.

There are two kinds of readers, and these functions serve both. Where events say what is stored
(our own log), a state begins with `told_state` and all is exact; `told.py` says how. A foreign
backend leaves it to its client to find out which stored chunk is which live one: a state begins
with `initial_state`, history may be read at any time, and answers may be behind the events or
ahead of them. Feed a state so:

=========================== ================================= =================================
                            events say what is stored         a foreign backend
=========================== ================================= =================================
at first                    history, or a snapshot, of the    subscribe, then read the history
                            moment where the events go on
an answer, a page           `sync_history`                    `sync_history`
a turn's events begin anew  `begin_replay`, just before the   `begin_replay`, just before the
                            first of them                     first `user-message` of a new
                                                              connection
an event                    `fold_live`                       `fold_event`
an own prompt               `append_user_message` with an id  `append_user_message`
it was taken                the event `nb.prompt-sent` says   its `user-message` says so, or
                            so just before `user-message`     `claim_echo`
it was refused              `reject_echo`                     `reject_echo`
=========================== ================================= =================================

Who reads only the newest chunks of a foreign backend at first asks for no more until they are
there, and once more for the tail after the replayed `turn-start`: when nothing else proves that
what was read begins inside the running turn, this does (`requested_after_start`).

States that have passed through one of these functions must get their history from
`sync_history` alone, never from `apply_history`.

Source: the Dispatch transcript contract, Part D.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..wire.conversation import StoredChunk
from .history import merge_loaded
from .log import Log
from .own_prompts import append_user_message, claim_echo, reject_echo
from .state import TranscriptState, initial_state
from .sync_fold import restarted, revealed
from .sync_shown import frozen, realigned, with_new_rows, with_older_rows
from .sync_state import Row, SyncState, Track, index_after, tracked
from .told import Told, joined, replayed
from .trimming import with_page

__all__ = [
    "append_user_message",
    "begin_replay",
    "claim_echo",
    "reject_echo",
    "sync_history",
    "told_state",
]


def told_state() -> TranscriptState:
    """Return the state before anything is known of a log whose events say what is stored."""
    return initial_state()._replace(sync=Told())


def begin_replay(
    state: TranscriptState, turn_id: str, *, first_seq: int | None = None
) -> TranscriptState:
    """Return the state in which the turn's events are expected from its first one on.

    What its events built so far is dropped, unless it is stored; no other turn's chunks
    are. Of a turn of a foreign backend that nobody saw yet the prompt is looked for among all
    stored chunks: the last one of that text is taken for it (D.4.6), although an older turn of
    the same text may be the last that was read. The events that follow tell, and else the
    seal.

    Parameters
    ----------
    first_seq
        The `seq` of the turn's prompt where events say what is stored. Without it the turn is
        the one whose `user-message` was folded last, or else one of which nothing is stored.
    """
    if isinstance(state.sync, Told):
        return replayed(state, state.sync, turn_id, first_seq)
    return restarted(state, tracked(state), turn_id)


def sync_history(
    state: TranscriptState,
    chunks: Iterable[StoredChunk],
    *,
    requested_after_seal: Collection[str] = (),
    requested_after_start: Collection[str] = (),
    turn_ids: Mapping[int, str] | None = None,
    client_message_ids: Mapping[int, str] | None = None,
    is_page: bool = False,
) -> TranscriptState:
    """Return the state with `chunks` among the committed ones, and no chunk twice.

    Exactly those provisional chunks go whose stored twins are in. Where events say what is
    stored their places tell which these are: there is nothing to compare, and what follows
    here is not needed.

    Towards a foreign backend turns are compared in order and together: role, kind, content,
    call id and step id of each chunk, a text that still grows by its beginning. Answers may be
    partial, late, repeated, or ahead of the events: what events bring afterwards is compared in
    the same way. A chunk that the backend never stored stays where it was said until its own
    turn is settled; what was said before the oldest chunk that is loaded comes with its page.

    Where the wire alone cannot tell two readings apart, the one that loses nothing is
    taken: a prompt that was answered already in what had been read before it was announced,
    or before an own one that it claims was sent, is an older one of the same text, a prompt
    that two turns of that text may own belongs to the earlier one, and an unstored steering
    text that equals the next prompt stays. Text may then show twice until the turn's seal is
    settled, or until a call tells. Texts that are equal show once until
    then where an own prompt was claimed by someone else's turn, where a replayed turn took
    an older prompt (see `begin_replay`), where a steering text took the equal prompt that was
    read ahead, and where a turn that may yet fail took the prompt of a later one.

    Parameters
    ----------
    state
        The state when the answer arrives.
    chunks
        The answer: all stored chunks behind those known when it was requested, the newest
        ones alone if none were known, or a page of older ones.
    requested_after_seal
        The turns whose `turn-sealed` had been folded when the answer was requested. Only
        their chunks that were never stored are dropped.
    requested_after_start
        The turns whose `turn-start` had been folded then: their prompts are certainly in.
    turn_ids
        The turn of each stored chunk by `seq`, where the backend tells it. No reading is
        doubtful then.
    client_message_ids
        The ids of stored prompts by `seq`, where the backend tells them: own prompts among
        them are claimed.
    is_page
        Whether `chunks` are an older page that the reader asked for: they come back although
        they were unloaded. One that does not reach what is loaded came too late, and is
        ignored.
    """
    answer = list(chunks)
    sent = client_message_ids or {}
    if is_page:
        with_older = with_page(state, answer)
        if with_older is state or isinstance(state.sync, Told):
            return with_older
        state = with_older
    if isinstance(state.sync, Told):
        return joined(state, state.sync, answer, sent)
    for client_message_id in sent.values():
        state = claim_echo(state, client_message_id)
    before = tracked(state)
    state = revealed(state, before)._replace(committed=merge_loaded(state, answer))
    if state.sealed_turn_id in requested_after_seal:
        state = state._replace(sealed_turn_id=None)
    sync = _with_proofs(before, requested_after_seal, requested_after_start)
    is_told_more = any(
        new.required and not old.required and new.start is None
        for old, new in zip(before.tracks, sync.tracks, strict=True)
    )
    fresh = _fresh(before, answer, turn_ids or {})
    sync = _with_rows(sync._replace(hidden=None), fresh)
    is_settling = any(track.turn_id in requested_after_seal for track in sync.tracks)
    newest = sync.tracks[-1] if sync.tracks else None
    is_placed = newest is not None and newest.start is not None and not newest.has_rivals
    if is_placed and not is_settling and not is_told_more:
        if not fresh or fresh[0].stored.seq > before.last_seq:
            return with_new_rows(state, sync)
        turned = with_older_rows(state, sync, fresh)
        if turned is not None:
            return turned
    aligned = realigned(state, sync)
    if not is_settling:
        return aligned
    memory = tracked(aligned)
    return realigned(revealed(aligned, memory), _settled(memory, requested_after_seal))


def _with_proofs(sync: SyncState, sealed: Collection[str], started: Collection[str]) -> SyncState:
    """Return the memory with what is certainly among the rows of the answer."""
    return sync._replace(
        tracks=tuple(
            track._replace(
                required=track.required or track.turn_id in sealed or track.turn_id in started,
                complete=track.complete or track.turn_id in sealed,
            )
            for track in sync.tracks
        )
    )


def _fresh(sync: SyncState, answer: list[StoredChunk], turn_ids: Mapping[int, str]) -> list[Row]:
    """Return the rows of the answer that are not there yet, ascending."""
    found = {stored.seq: stored for stored in answer if stored.seq > sync.base}
    fresh = []
    for seq in sorted(found):
        row = Row(found[seq], turn_ids.get(seq))
        at = index_after(sync.rows, seq) - 1
        known = sync.rows[at] if at >= 0 else None
        is_same = known is not None and known.stored == row.stored
        if known is None or not is_same or row.turn_id not in (None, known.turn_id):
            fresh.append(row)
    return fresh


def _with_rows(sync: SyncState, fresh: list[Row]) -> SyncState:
    if fresh and fresh[0].stored.seq <= sync.last_seq:
        rows = {row.stored.seq: row for row in (*sync.rows, *fresh)}
        sync = sync._replace(rows=Log(rows[seq] for seq in sorted(rows)))
    else:
        sync = sync._replace(rows=sync.rows.extend(fresh))
    if sync.loaded:
        return sync
    last = sync.last_seq
    return sync._replace(
        loaded=True,
        tracks=tuple(t if t.known is not None else t._replace(known=last) for t in sync.tracks),
        echoes=tuple(e if e.known is not None else e._replace(known=last) for e in sync.echoes),
    )


def _settled(sync: SyncState, sealed: Collection[str]) -> SyncState:
    """Return the memory without the sealed turns, and without what they did not store.

    They are remembered where an older turn, which may have failed, took a prompt that can be
    theirs: the rows that come later tell.
    """
    tracks = tuple(
        track._replace(settled=track.settled or track.turn_id in sealed) for track in sync.tracks
    )
    newest = max(number for number, track in enumerate(tracks) if track.settled)
    if any(_may_be_of_another(tracks, number) for number in range(newest)):
        return sync._replace(tracks=tracks)
    is_placed = tracks[newest].start is not None
    sync = frozen(sync._replace(tracks=tracks), tracks[: newest + 1])
    return sync._replace(
        rows=sync.rows.drop(index_after(sync.rows, sync.base)),
        exact=is_placed,
        echoes=tuple(e for e in sync.echoes if e.row is None or e.row > sync.base),
    )


def _may_be_of_another(tracks: tuple[Track, ...], number: int) -> bool:
    """Tell whether the prompt that this turn took may be a later one's that is settled."""
    track = tracks[number]
    if track.settled or track.start is None or not track.has_rivals:
        return False
    prompt = track.entries[0].chunk
    return any(
        later.settled and any(entry.chunk == prompt for entry in later.entries[:1])
        for later in tracks[number + 1 :]
    )
