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

from ..wire.conversation import Chunk, ErrorChunk, Role, TextChunk, ToolCallChunk, ToolResultChunk
from ..wire.events import SteeringEvent, TurnEvent, UserMessageEvent
from ..wire.extensions import LiveEvent
from .log import Log
from .state import Accumulating, AccumulatingKind, Provisional, TranscriptState, flushed

__all__ = ["fold_event"]


def fold_event(state: TranscriptState, event: LiveEvent) -> TranscriptState:
    """Return the state after `event`; `state` stays as it is.

    An event that is no part of the transcript, or of a kind nobody knows, returns the
    very same object. Events are not told apart by conversation: that is the caller's part.
    """
    match event.type:
        case "text-delta":
            return _extend(state, "text", event.turn_id, event.delta)
        case "reasoning-delta":
            return _extend(state, "thinking", event.turn_id, event.delta)
        case "tool-call":
            call = ToolCallChunk(
                tool_call_id=event.tool_call_id,
                tool_name=event.tool_name,
                input=event.input,
                step_id=event.step_id,
            )
            return _append(state, event, "assistant", call, generating=True)
        case "tool-result":
            result = ToolResultChunk(
                tool_call_id=event.tool_call_id,
                tool_name=event.tool_name,
                content=event.content,
                is_error=event.is_error,
                step_id=event.step_id,
            )
            return _append(state, event, "tool", result, generating=True)
        case "error":
            error = ErrorChunk(message=event.message, code=event.code)
            return _append(state, event, "assistant", error, generating=False)
        case "user-message" | "steering":
            return _append_user_text(state, event)
        case "turn-start":
            return state._replace(
                current_turn_id=event.turn_id, generating=True, provider_retry=None
            )
        case "usage":
            return state._replace(latest_usage=event.usage)
        case "done":
            return _flush(state)
        case "turn-sealed":
            return _flush(state)._replace(sealed_turn_id=event.turn_id)
        case "provider-retry":
            return state._replace(provider_retry=event)
        case _:
            return state


def _extend(
    state: TranscriptState, kind: AccumulatingKind, turn_id: str, delta: str
) -> TranscriptState:
    growing = state.accumulating
    if growing is not None and growing.kind == kind:
        return state._replace(
            accumulating=growing.extended(delta), generating=True, provider_retry=None
        )
    return state._replace(
        provisional=flushed(state),
        accumulating=Accumulating(kind, turn_id, Log((delta,))),
        generating=True,
        provider_retry=None,
    )


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
