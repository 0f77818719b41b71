"""One live event folded into the transcript.

Source: the Dispatch transcript contract, A.2 with the later additions of B.2. In short,
where *flush* means that the accumulating chunk becomes a provisional one:

==================== ===================== ================ ==========================
event                provisional           accumulating     besides
==================== ===================== ================ ==========================
text-delta,          flush if the other    extended, or
reasoning-delta      kind accumulates      begun            generating
tool-call            flush, call           none             generating
tool-result          flush, result         none             generating
error                flush, error          none             not generating
user-message,        flush, user text      none             generating
steering
turn-start                                                  current_turn_id, generating
usage                                                       latest_usage
done                 flush                 none             not generating
turn-sealed          flush                 none             sealed_turn_id, not generating
provider-retry                                              provider_retry
==================== ===================== ================ ==========================

All but `usage`, `user-message` and `steering` clear an announced retry. Every other event
is not part of the transcript: the very same state comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..wire.base import WireModel
from ..wire.conversation import Chunk, ErrorChunk, Role, TextChunk, ToolCallChunk, ToolResultChunk
from ..wire.events import (
    DoneEvent,
    ErrorEvent,
    ProviderRetryEvent,
    ReasoningDeltaEvent,
    SteeringEvent,
    TextDeltaEvent,
    ToolCallEvent,
    ToolResultEvent,
    TurnEvent,
    TurnSealedEvent,
    TurnStartEvent,
    UsageEvent,
    UserMessageEvent,
)
from ..wire.extensions import LiveEvent
from .log import Log
from .state import Accumulating, AccumulatingKind, Provisional, TranscriptState, flushed
from .sync_fold import fold_tracked
from .told import Told, fold_told

__all__ = ["fold_event"]

_tuple = tuple.__new__


def fold_event(state: TranscriptState, event: LiveEvent) -> TranscriptState:
    """Return the state after `event`; `state` stays as it is.

    An event that is no part of the transcript, or of a kind nobody knows, returns the
    very same object. Events are not told apart by conversation: that is the caller's part.
    A state that got its stored chunks from `sync_history` does not show again what an event
    brings and a history read brought before.
    """
    fold = _folds.get(type(event))
    sync = state.sync
    if sync is None or (type(sync) is Told and not sync.ahead and fold is not _append_user_text):
        # Most events come this way: every look at something counts.
        return state if fold is None else fold(state, event)
    if isinstance(sync, Told):
        return fold_told(state, sync, event, _fold)
    return fold_tracked(state, sync, event, _fold)


def _fold(state: TranscriptState, event: LiveEvent) -> TranscriptState:
    fold = _folds.get(type(event))
    return state if fold is None else fold(state, event)


def _text_delta(state: TranscriptState, event: TextDeltaEvent) -> TranscriptState:
    return _extend(state, "text", event.turn_id, event.delta)


def _reasoning_delta(state: TranscriptState, event: ReasoningDeltaEvent) -> TranscriptState:
    return _extend(state, "thinking", event.turn_id, event.delta)


def _extend(
    state: TranscriptState, kind: AccumulatingKind, turn_id: str, delta: str
) -> TranscriptState:
    growing = state.accumulating
    if growing is None or growing.kind != kind:
        return state._replace(
            provisional=flushed(state),
            accumulating=Accumulating(kind, turn_id, Log((delta,))),
            generating=True,
            provider_retry=None,
        )
    longer = growing.extended(delta)
    if state.generating and state.provider_retry is None:
        # Most events come this way, and `_replace` would cost as much as all the rest.
        return _tuple(TranscriptState, (*state[:2], longer, *state[3:]))
    return state._replace(accumulating=longer, generating=True, provider_retry=None)


def _tool_call(state: TranscriptState, event: ToolCallEvent) -> TranscriptState:
    call = ToolCallChunk(
        tool_call_id=event.tool_call_id,
        tool_name=event.tool_name,
        input=event.input,
        step_id=event.step_id,
    )
    return _append(state, event, "assistant", call, generating=True)


def _tool_result(state: TranscriptState, event: ToolResultEvent) -> TranscriptState:
    result = ToolResultChunk(
        tool_call_id=event.tool_call_id,
        tool_name=event.tool_name,
        content=event.content,
        is_error=event.is_error,
        step_id=event.step_id,
    )
    return _append(state, event, "tool", result, generating=True)


def _error(state: TranscriptState, event: ErrorEvent) -> TranscriptState:
    error = ErrorChunk(message=event.message, code=event.code)
    return _append(state, event, "assistant", error, generating=False)


def _turn_start(state: TranscriptState, event: TurnStartEvent) -> TranscriptState:
    return state._replace(current_turn_id=event.turn_id, generating=True, provider_retry=None)


def _usage(state: TranscriptState, event: UsageEvent) -> TranscriptState:
    return state._replace(latest_usage=event.usage)


def _done(state: TranscriptState, event: DoneEvent) -> TranscriptState:
    return _flush(state)


def _turn_sealed(state: TranscriptState, event: TurnSealedEvent) -> TranscriptState:
    return _flush(state)._replace(sealed_turn_id=event.turn_id)


def _provider_retry(state: TranscriptState, event: ProviderRetryEvent) -> TranscriptState:
    return state._replace(provider_retry=event)


def _append(
    state: TranscriptState, event: TurnEvent, role: Role, chunk: Chunk, *, generating: bool
) -> TranscriptState:
    return state._replace(
        provisional=flushed(state).append(Provisional(role, chunk, event.turn_id)),
        accumulating=None,
        generating=generating,
        provider_retry=None,
    )


def _append_user_text(
    state: TranscriptState, event: UserMessageEvent | SteeringEvent
) -> TranscriptState:
    if not event.text:
        return state
    entry = Provisional("user", TextChunk(text=event.text), event.turn_id)
    return state._replace(
        provisional=flushed(state).append(entry), accumulating=None, generating=True
    )


def _flush(state: TranscriptState) -> TranscriptState:
    return state._replace(
        provisional=flushed(state), accumulating=None, generating=False, provider_retry=None
    )


_folds: dict[type[WireModel], Callable[[TranscriptState, Any], TranscriptState]] = {
    TextDeltaEvent: _text_delta,
    ReasoningDeltaEvent: _reasoning_delta,
    ToolCallEvent: _tool_call,
    ToolResultEvent: _tool_result,
    ErrorEvent: _error,
    UserMessageEvent: _append_user_text,
    SteeringEvent: _append_user_text,
    TurnStartEvent: _turn_start,
    UsageEvent: _usage,
    DoneEvent: _done,
    TurnSealedEvent: _turn_sealed,
    ProviderRetryEvent: _provider_retry,
}
