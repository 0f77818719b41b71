"""Stored and live chunks of a foreign backend joined, at any moment and exactly.

Towards our own conversations events say when chunks are stored (`commit_chunks`). A
backend without such events leaves it to its client to find out: history may be read at any
time, answers may be behind the events or ahead of them, a replay may begin anew. The
functions here keep apart which stored chunk is which live one. Feed them so:

* subscribe, then read the history; hand every answer to `sync_history`;
* when a subscription on a new connection brings its first `user-message`, call
  `begin_replay` with its turn id just before folding it;
* fold all events with `fold_event`, as always;
* show an own prompt at once with `append_user_message`, take it back with `reject_echo`.

States that have passed through one of these functions must get their history from
`sync_history` alone, never from `apply_history`.

Source: the Dispatch transcript contract, Part D.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from ..wire.conversation import StoredChunk
from .history import merge_loaded
from .log import Log
from .state import TranscriptState
from .sync_fold import frozen, realigned, restarted, revealed, with_new_rows
from .sync_state import Echo, Row, SyncState, index_after, tracked

__all__ = ["append_user_message", "begin_replay", "claim_echo", "reject_echo", "sync_history"]


def begin_replay(state: TranscriptState, turn_id: str) -> TranscriptState:
    """Return the state in which the turn's events are expected from its first one on.

    What its events built so far is dropped, unless it is stored; no other turn's chunks
    are. Of a turn that nobody saw yet the prompt is looked for among all stored chunks: the
    last one of that text is taken for it (D.4.6), although an older turn of the same text
    may be the last that was read. The events that follow tell, and else the seal.
    """
    return restarted(state, tracked(state), turn_id)


def sync_history(
    state: TranscriptState,
    chunks: Iterable[StoredChunk],
    *,
    requested_after_seal: Collection[str] = (),
    requested_after_start: Collection[str] = (),
    turn_ids: Mapping[int, str] | None = None,
) -> TranscriptState:
    """Return the state with `chunks` among the committed ones, and no chunk twice.

    Exactly those provisional chunks go whose stored twins are in. Turns are compared in
    order and together: role, kind, content, call id and step id of each chunk, a text that
    still grows by its beginning. Answers may be partial, late, repeated, or ahead of the
    events: what events bring afterwards is compared in the same way.

    Where the wire alone cannot tell two readings apart, the one that loses nothing is
    taken: a prompt that was answered already in what had been read before it was announced
    is an older one of the same text, a prompt that two turns of that text may own belongs to
    the earlier one, and an unstored steering text that equals the next prompt stays. Text may
    then show twice until the turn's seal is settled. Texts that are equal show once until
    then where an own prompt was claimed by someone else's turn, where a replayed turn took
    an older prompt (see `begin_replay`), and where a turn that may yet fail took the prompt
    of a later one that nobody saw.

    Parameters
    ----------
    state
        The state when the answer arrives.
    chunks
        The answer: all stored chunks behind those known when it was requested.
    requested_after_seal
        The turns whose `turn-sealed` had been folded when the answer was requested. Only
        their chunks that were never stored are dropped.
    requested_after_start
        The turns whose `turn-start` had been folded then: their prompts are certainly in.
    turn_ids
        The turn of each stored chunk by `seq`, where the backend tells it. No reading is
        doubtful then.
    """
    answer = list(chunks)
    before = tracked(state)
    state = revealed(state, before)._replace(committed=merge_loaded(state, answer))
    if state.sealed_turn_id in requested_after_seal:
        state = state._replace(sealed_turn_id=None)
    sync = _with_proofs(before, requested_after_seal, requested_after_start)
    sync = _with_rows(sync._replace(hidden=None), answer, turn_ids or {})
    is_tail = all(stored.seq > before.last_seq for stored in answer)
    is_settling = any(track.turn_id in requested_after_seal for track in sync.tracks)
    newest = sync.tracks[-1] if sync.tracks else None
    is_placed = newest is not None and newest.start is not None and not newest.has_rivals
    if is_tail and is_placed and not is_settling:
        return with_new_rows(state, sync)
    aligned = realigned(state, sync)
    if not is_settling or aligned.sync is None:
        return aligned
    return realigned(revealed(aligned, aligned.sync), _settled(aligned.sync, requested_after_seal))


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


def _with_rows(
    sync: SyncState, answer: list[StoredChunk], turn_ids: Mapping[int, str]
) -> SyncState:
    new = {
        stored.seq: Row(stored, turn_ids.get(stored.seq))
        for stored in answer
        if stored.seq > sync.base
    }
    if new and min(new) <= sync.last_seq:
        new = {row.stored.seq: row for row in sync.rows} | new
        sync = sync._replace(rows=Log())
    sync = sync._replace(rows=sync.rows.extend(new[seq] for seq in sorted(new)))
    if sync.loaded:
        return sync
    last = sync.last_seq
    return sync._replace(
        loaded=True,
        tracks=tuple(t if t.known is not None else t._replace(known=last) for t in sync.tracks),
        echoes=tuple(e if e.known is not None else e._replace(known=last) for e in sync.echoes),
    )


def _settled(sync: SyncState, sealed: Collection[str]) -> SyncState:
    """Return the memory without the sealed turns, and without what they did not store."""
    newest = max(i for i, track in enumerate(sync.tracks) if track.turn_id in sealed)
    is_placed = sync.tracks[newest].start is not None
    old = [
        track._replace(skipped=(), entries=Log(), taken=0) if track.turn_id in sealed else track
        for track in sync.tracks[: newest + 1]
    ]
    sync = frozen(sync, old)
    return sync._replace(
        rows=sync.rows.drop(index_after(sync.rows, sync.base)),
        exact=is_placed,
        echoes=tuple(e for e in sync.echoes if e.row is None or e.row > sync.base),
    )


def append_user_message(
    state: TranscriptState, text: str, *, client_message_id: str | None = None
) -> TranscriptState:
    """Return the state with a prompt shown to its sender before any event confirms it.

    It stays last until the `user-message` of its text claims it, and goes where that
    stands; of several equal ones the oldest is claimed. When its stored twin is read first
    it is shown as that. With a `client_message_id` only `claim_echo` claims it, so that
    the same text from someone else does not.
    """
    sync = tracked(state)
    known = sync.known()
    echo = Echo(text, sync.last_seq if known is not None else 0, known, client_message_id)
    return state._replace(sync=sync._replace(echoes=(*sync.echoes, echo)))


def claim_echo(state: TranscriptState, client_message_id: str) -> TranscriptState:
    """Return the state without the prompt of this id, whose `user-message` comes next or came."""
    return _without_echo(state, lambda echo: echo.client_message_id == client_message_id)


def reject_echo(
    state: TranscriptState, text: str, *, client_message_id: str | None = None
) -> TranscriptState:
    """Return the state without a prompt that the backend refused; the same object if it has none.

    Without an id the newest unclaimed prompt of that text goes: which of several equal ones
    was refused the wire does not tell, and they look the same. A prompt that a turn claimed
    is never taken back.
    """
    return _without_echo(
        state,
        lambda echo: echo.text == text and echo.client_message_id == client_message_id,
    )


def _without_echo(state: TranscriptState, is_meant: Callable[[Echo], bool]) -> TranscriptState:
    sync = state.sync
    if sync is None:
        return state
    for index in reversed(range(len(sync.echoes))):
        if is_meant(sync.echoes[index]):
            echoes = sync.echoes[:index] + sync.echoes[index + 1 :]
            return state._replace(sync=sync._replace(echoes=echoes))
    return state
