"""What a reader of our own log remembers, which is told by events what is stored.

Nothing is compared there: chunks get their `seq` in the order in which events built them,
without gaps, so the place of a chunk says which stored one it is. Where stored chunks were read
that events have not told of yet, what events build there is not shown again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..wire.conversation import StoredChunk
from ..wire.events import UserMessageEvent
from ..wire.extensions import ChunksCommittedEvent, PromptSentEvent
from .commit import commit_chunks
from .history import merge_loaded
from .log import Log
from .sync_state import Echo

if TYPE_CHECKING:
    from .state import Accumulating, TranscriptState

__all__ = [
    "Told",
    "announce_prompt",
    "commit_told",
    "fold_told",
    "joined",
    "last_read",
    "replayed",
]

MOST_CLAIMED = 32
"""How many newest prompts' ids are remembered for views that missed their events."""

_E = TypeVar("_E")


class Told(NamedTuple):
    """What is known beside the transcript where events say what is stored.

    Events have told of every chunk up to the `seq` `upto`; None before anything is known.
    Chunks were read up to `ahead`, if that is not 0: of what events built since, the first
    `hidden` chunks are shown by these, and the text `growing` that still streams. `turn` is
    the newest turn and the `seq` of its prompt. `sent` announces whose prompt the next
    `user-message` of a turn is, as turn id and client message id; `claimed` are the newest
    such ids whose prompts came.
    """

    upto: int | None = None
    ahead: int = 0
    hidden: int = 0
    growing: Accumulating | None = None
    turn: tuple[str, int] | None = None
    sent: tuple[str, str] | None = None
    claimed: tuple[str, ...] = ()
    echoes: tuple[Echo, ...] = ()


def fold_told(
    state: TranscriptState,
    told: Told,
    event: _E,
    fold: Callable[[TranscriptState, _E], TranscriptState],
) -> TranscriptState:
    """Return what `fold` makes of `event`, without what is among the committed already."""
    if isinstance(event, UserMessageEvent) and event.text:
        told = _with_prompt(state, told, event)
        state = state._replace(sync=told)
    if not told.ahead:
        return fold(state, event)
    growing = told.growing
    before = state if growing is None else state._replace(accumulating=growing)
    after = fold(before, event)
    return state if after is before else _hidden(after, told._replace(growing=None))


def announce_prompt(state: TranscriptState, event: PromptSentEvent) -> TranscriptState:
    """Return the state that knows whose prompt the next `user-message` of the turn is."""
    if not isinstance(state.sync, Told):
        return state
    sent = (event.turn_id, event.client_message_id)
    return state._replace(sync=state.sync._replace(sent=sent))


def commit_told(state: TranscriptState, event: ChunksCommittedEvent) -> TranscriptState:
    """Return the state with the oldest `event.count` chunks of the turn committed."""
    told = state.sync
    if not isinstance(told, Told):
        # What is found out by comparison needs no telling.
        return commit_chunks(state, event) if told is None else state
    hidden = min(told.hidden, event.count)
    is_over = told.growing is not None and hidden < event.count
    known = hidden + is_over
    rest = {"first_seq": event.first_seq + known, "count": event.count - known}
    after = state
    if known < event.count:
        after = commit_chunks(state, event.model_copy(update=rest) if known else event)
    if after is state and not known:
        return state
    upto = max(told.upto or 0, event.first_seq + event.count - 1)
    return after._replace(
        sync=told._replace(
            upto=upto,
            ahead=told.ahead if told.ahead > upto else 0,
            hidden=told.hidden - hidden,
            growing=None if is_over else told.growing,
        )
    )


def joined(
    state: TranscriptState,
    told: Told,
    chunks: list[StoredChunk],
    client_message_ids: Mapping[int, str],
) -> TranscriptState:
    """Return the state with `chunks` among the committed ones, and none of them twice.

    What is read first, before any event, is where the events go on.
    """
    committed = merge_loaded(state, chunks)
    known = set(client_message_ids.values())
    echoes = tuple(e for e in told.echoes if e.client_message_id not in known)
    if committed is not state.committed:
        state = state._replace(committed=committed)
    last = last_read(state)
    if told.upto is None and not state.provisional and state.accumulating is None:
        return state._replace(sync=told._replace(upto=last, echoes=echoes))
    upto = told.upto or 0
    if last <= max(upto, told.ahead):
        if len(echoes) == len(told.echoes):
            return state
        return state._replace(sync=told._replace(echoes=echoes))
    return _hidden(state, told._replace(upto=upto, ahead=last, echoes=echoes))


def replayed(
    state: TranscriptState, told: Told, turn_id: str, first_seq: int | None
) -> TranscriptState:
    """Return the state in which the turn's events are expected from its first one on."""
    upto = told.upto or 0
    if first_seq is None:
        first_seq = told.turn[1] if told.turn and told.turn[0] == turn_id else upto + 1
    growing = state.accumulating
    last = last_read(state)
    return state._replace(
        provisional=Log(entry for entry in state.provisional if entry.turn_id != turn_id),
        accumulating=None if growing and growing.turn_id == turn_id else growing,
        sync=told._replace(
            upto=first_seq - 1, ahead=last if last >= first_seq else 0, hidden=0, growing=None
        ),
    )


def last_read(state: TranscriptState) -> int:
    """Return the `seq` of the newest chunk that was read, unloaded since or not."""
    return state.committed[-1].seq if state.committed else max(state.hidden_before_seq - 1, 0)


def _hidden(state: TranscriptState, told: Told) -> TranscriptState:
    """Return the state without provisional chunks that are among the committed ones."""
    read = told.ahead - (told.upto or 0) - told.hidden
    gone = min(read, len(state.provisional))
    growing = state.accumulating if gone < read else None
    return state._replace(
        provisional=state.provisional.drop(gone) if gone else state.provisional,
        accumulating=None if growing is not None else state.accumulating,
        sync=told._replace(hidden=told.hidden + gone, growing=growing),
    )


def _with_prompt(state: TranscriptState, told: Told, event: UserMessageEvent) -> Told:
    """Return the memory with the turn that `event` begins; the echo of its prompt is claimed."""
    shown = len(state.provisional) + (state.accumulating is not None)
    place = (told.upto or 0) + told.hidden + (told.growing is not None) + shown + 1
    told = told._replace(upto=told.upto or 0, turn=(event.turn_id, place))
    if told.sent is None or told.sent[0] != event.turn_id:
        return told
    id = told.sent[1]
    return told._replace(
        sent=None,
        claimed=(*told.claimed[1 - MOST_CLAIMED :], id),
        echoes=tuple(echo for echo in told.echoes if echo.client_message_id != id),
    )
