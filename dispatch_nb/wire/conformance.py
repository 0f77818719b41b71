"""One stable label per variant, exhaustive under the type checker.

Source: the Dispatch wire contract, section 6. The seed's guards stay pinned at the
seed's variants; the wider ones know every variant. An unknown value is an error, never
a made-up label.
"""

from __future__ import annotations

from typing import Never

from ..errors import UnknownVariantError
from . import conversation as c
from . import events as e
from . import messages as m

__all__ = [
    "agent_event_label",
    "assert_agent_event_exhaustive",
    "assert_chunk_exhaustive",
    "assert_ws_client_message_exhaustive",
    "assert_ws_server_message_exhaustive",
    "chunk_label",
    "ws_client_message_label",
    "ws_server_message_label",
]


def _unknown(value: Never, union: str) -> Never:
    label = getattr(value, "type", None)
    name = repr(label) if label is not None else f"a {type(value).__name__}"
    raise UnknownVariantError(f"{name} is not a variant of {union} that this version knows.")


def assert_agent_event_exhaustive(event: e.SeedAgentEvent) -> str:
    """Return the label of one of the seed's eleven events."""
    match event:
        case (
            e.StatusEvent()
            | e.TurnStartEvent()
            | e.TextDeltaEvent()
            | e.ReasoningDeltaEvent()
            | e.ToolCallEvent()
            | e.ToolResultEvent()
            | e.ToolOutputEvent()
            | e.UsageEvent()
            | e.ErrorEvent()
            | e.DoneEvent()
            | e.TurnSealedEvent()
        ):
            return event.type
        case _:
            _unknown(event, "the seed's AgentEvent")


def agent_event_label(event: e.AgentEvent) -> str:
    """Return the label of one of the fifteen events."""
    match event:
        case (
            e.UserMessageEvent()
            | e.StepCompleteEvent()
            | e.SteeringEvent()
            | e.ProviderRetryEvent()
        ):
            return event.type
        case _:
            return assert_agent_event_exhaustive(event)


def assert_chunk_exhaustive(chunk: c.SeedChunk) -> str:
    """Return the label of one of the seed's six chunks."""
    match chunk:
        case (
            c.TextChunk()
            | c.ThinkingChunk()
            | c.ToolCallChunk()
            | c.ToolResultChunk()
            | c.ErrorChunk()
            | c.SystemChunk()
        ):
            return chunk.type
        case _:
            _unknown(chunk, "the seed's Chunk")


def chunk_label(chunk: c.Chunk) -> str:
    """Return the label of any chunk."""
    match chunk:
        case c.ImageChunk():
            return chunk.type
        case _:
            return assert_chunk_exhaustive(chunk)


def assert_ws_server_message_exhaustive(message: m.SeedWsServerMessage) -> str:
    """Return the label of one of the seed's six server messages."""
    match message:
        case (
            m.CatalogMessage()
            | m.SurfaceMessage()
            | m.SurfaceUpdateMessage()
            | m.SurfaceErrorMessage()
            | m.ChatDeltaMessage()
            | m.ChatErrorMessage()
        ):
            return message.type
        case _:
            _unknown(message, "the seed's server messages")


def ws_server_message_label(message: m.WsServerMessage) -> str:
    """Return the label of any server message."""
    match message:
        case (
            m.ConversationOpenMessage()
            | m.ConversationStatusChangedMessage()
            | m.ConversationCompactedMessage()
        ):
            return message.type
        case _:
            return assert_ws_server_message_exhaustive(message)


def assert_ws_client_message_exhaustive(message: m.SeedWsClientMessage) -> str:
    """Return the label of one of the seed's four client messages."""
    match message:
        case (
            m.SubscribeMessage() | m.UnsubscribeMessage() | m.InvokeMessage() | m.ChatSendMessage()
        ):
            return message.type
        case _:
            _unknown(message, "the seed's client messages")


def ws_client_message_label(message: m.WsClientMessage) -> str:
    """Return the label of any client message."""
    match message:
        case (
            m.ChatSubscribeMessage()
            | m.ChatUnsubscribeMessage()
            | m.ChatQueueMessage()
            | m.ChatQueueCancelMessage()
        ):
            return message.type
        case _:
            return assert_ws_client_message_exhaustive(message)
