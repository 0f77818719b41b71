"""The fifteen AgentEvents: what happens while a turn runs.

Source: the Dispatch wire contract, section 2. Live events never carry a `seq`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import MISSING, Field

from .base import Json, Number, Text, WireModel
from .conversation import Usage

__all__ = [
    "AgentEvent",
    "DoneEvent",
    "ErrorEvent",
    "ProviderRetryEvent",
    "ReasoningDeltaEvent",
    "SeedAgentEvent",
    "StatusEvent",
    "SteeringEvent",
    "StepCompleteEvent",
    "TextDeltaEvent",
    "ToolCallEvent",
    "ToolOutputEvent",
    "ToolResultEvent",
    "TurnEvent",
    "TurnSealedEvent",
    "TurnStartEvent",
    "UsageEvent",
    "UserMessageEvent",
]


class StatusEvent(WireModel):
    """A free-form word about the conversation; never a sign that a turn runs."""

    type: Literal["status"] = "status"
    conversation_id: Text
    status: Text


class TurnEvent(WireModel):
    """What every event of a turn carries."""

    conversation_id: Text
    turn_id: Text


class TurnStartEvent(TurnEvent):
    """The model loop begins; the user message is stored."""

    type: Literal["turn-start"] = "turn-start"


class TextDeltaEvent(TurnEvent):
    """More text of the answer."""

    type: Literal["text-delta"] = "text-delta"
    delta: Text


class ReasoningDeltaEvent(TurnEvent):
    """More of what the model thinks."""

    type: Literal["reasoning-delta"] = "reasoning-delta"
    delta: Text


class ToolCallEvent(TurnEvent):
    """The model asks for a tool, with its complete input."""

    type: Literal["tool-call"] = "tool-call"
    tool_call_id: Text
    tool_name: Text
    input: Json
    step_id: Text | MISSING = MISSING


class ToolResultEvent(TurnEvent):
    """A tool has answered."""

    type: Literal["tool-result"] = "tool-result"
    tool_call_id: Text
    tool_name: Text
    content: Text
    is_error: bool
    step_id: Text | MISSING = MISSING
    duration_ms: Number | MISSING = MISSING


class ToolOutputEvent(TurnEvent):
    """Output of a tool that still runs."""

    type: Literal["tool-output"] = "tool-output"
    tool_call_id: Text
    data: Text
    stream: Literal["stdout", "stderr"]


class UsageEvent(TurnEvent):
    """Tokens that the provider reported for the running step."""

    type: Literal["usage"] = "usage"
    usage: Usage
    step_id: Text | MISSING = MISSING


class ErrorEvent(TurnEvent):
    """A failure during the turn."""

    type: Literal["error"] = "error"
    message: Text
    code: Text | MISSING = MISSING


class DoneEvent(TurnEvent):
    """The model loop ended; `reason` is an open vocabulary."""

    type: Literal["done"] = "done"
    reason: Text
    duration_ms: Number | MISSING = MISSING
    usage: Usage | MISSING = MISSING
    context_size: int | MISSING = MISSING


class TurnSealedEvent(TurnEvent):
    """Everything the turn will ever store is stored."""

    type: Literal["turn-sealed"] = "turn-sealed"


class UserMessageEvent(TurnEvent):
    """The prompt that opened the turn; its first event."""

    type: Literal["user-message"] = "user-message"
    text: Text


class StepCompleteEvent(TurnEvent):
    """A step's model stream ended; not a sign that the step is stored."""

    type: Literal["step-complete"] = "step-complete"
    step_id: Text
    ttft_ms: Number | MISSING = MISSING
    decode_ms: Number | MISSING = MISSING
    gen_total_ms: Number | MISSING = MISSING


class SteeringEvent(TurnEvent):
    """Text of the person that reached the model at a tool-result boundary."""

    type: Literal["steering"] = "steering"
    text: Text


class ProviderRetryEvent(TurnEvent):
    """A provider failure will be retried after `delay_ms`; `attempt` is 0-based."""

    type: Literal["provider-retry"] = "provider-retry"
    attempt: int
    delay_ms: Number
    message: Text
    code: Text | MISSING = MISSING


SeedAgentEvent = Annotated[
    StatusEvent
    | TurnStartEvent
    | TextDeltaEvent
    | ReasoningDeltaEvent
    | ToolCallEvent
    | ToolResultEvent
    | ToolOutputEvent
    | UsageEvent
    | ErrorEvent
    | DoneEvent
    | TurnSealedEvent,
    Field(discriminator="type"),
]
AgentEvent = Annotated[
    StatusEvent
    | TurnStartEvent
    | TextDeltaEvent
    | ReasoningDeltaEvent
    | ToolCallEvent
    | ToolResultEvent
    | ToolOutputEvent
    | UsageEvent
    | ErrorEvent
    | DoneEvent
    | TurnSealedEvent
    | UserMessageEvent
    | StepCompleteEvent
    | SteeringEvent
    | ProviderRetryEvent,
    Field(discriminator="type"),
]
