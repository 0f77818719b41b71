"""The WebSocket messages of both directions.

Source: the Dispatch wire contract, section 3. The seed's messages come first, what
later versions added after them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import MISSING, Field

from .base import Json, Text, WireModel
from .conversation import ReasoningEffort
from .events import AgentEvent
from .surfaces import SurfaceCatalogEntry, SurfaceSpec, SurfaceUpdate

__all__ = [
    "CatalogMessage",
    "ChatDeltaMessage",
    "ChatErrorMessage",
    "ChatImage",
    "ChatQueueCancelMessage",
    "ChatQueueMessage",
    "ChatRequest",
    "ChatSendMessage",
    "ChatSubscribeMessage",
    "ChatUnsubscribeMessage",
    "ConversationCompactedMessage",
    "ConversationOpenMessage",
    "ConversationStatus",
    "ConversationStatusChangedMessage",
    "InvokeMessage",
    "SeedWsClientMessage",
    "SeedWsServerMessage",
    "SubscribeMessage",
    "SurfaceErrorMessage",
    "SurfaceMessage",
    "SurfaceUpdateMessage",
    "UnsubscribeMessage",
    "WsClientMessage",
    "WsServerMessage",
]

ConversationStatus = Literal["active", "queued", "idle", "closed"]


class SubscribeMessage(WireModel):
    """Ask for a surface and its updates."""

    type: Literal["subscribe"] = "subscribe"
    surface_id: Text
    conversation_id: Text | MISSING = MISSING


class UnsubscribeMessage(WireModel):
    """Stop the updates of a surface."""

    type: Literal["unsubscribe"] = "unsubscribe"
    surface_id: Text
    conversation_id: Text | MISSING = MISSING


class InvokeMessage(WireModel):
    """Call an action of a surface."""

    type: Literal["invoke"] = "invoke"
    surface_id: Text
    action_id: Text
    payload: Json | MISSING = MISSING
    conversation_id: Text | MISSING = MISSING


class ChatImage(WireModel):
    """An image sent along with a message."""

    url: Text
    mime_type: Text | MISSING = MISSING


class ChatRequest(WireModel):
    """A message that opens a turn, with what may be chosen for it."""

    message: Text
    conversation_id: Text | MISSING = MISSING
    model: Text | MISSING = MISSING
    cwd: Text | MISSING = MISSING
    reasoning_effort: ReasoningEffort | MISSING = MISSING
    workspace_id: Text | MISSING = MISSING
    computer_id: Text | MISSING = MISSING
    images: list[ChatImage] | MISSING = MISSING


class ChatSendMessage(ChatRequest):
    """A ChatRequest on the socket."""

    type: Literal["chat.send"] = "chat.send"


class ChatSubscribeMessage(WireModel):
    """Ask for the live events of a conversation."""

    type: Literal["chat.subscribe"] = "chat.subscribe"
    conversation_id: Text


class ChatUnsubscribeMessage(WireModel):
    """Stop the live events of a conversation."""

    type: Literal["chat.unsubscribe"] = "chat.unsubscribe"
    conversation_id: Text


class ChatQueueMessage(WireModel):
    """Text for the running turn, or for the next one."""

    type: Literal["chat.queue"] = "chat.queue"
    conversation_id: Text
    text: Text
    workspace_id: Text | MISSING = MISSING


class ChatQueueCancelMessage(WireModel):
    """Take one queued text back."""

    type: Literal["chat.queue.cancel"] = "chat.queue.cancel"
    conversation_id: Text
    message_id: Text


class CatalogMessage(WireModel):
    """Every surface the server offers."""

    type: Literal["catalog"] = "catalog"
    catalog: list[SurfaceCatalogEntry]


class SurfaceMessage(WireModel):
    """The answer to `subscribe`."""

    type: Literal["surface"] = "surface"
    spec: SurfaceSpec
    conversation_id: Text | MISSING = MISSING


class SurfaceUpdateMessage(WireModel):
    """A subscribed surface changed."""

    type: Literal["update"] = "update"
    update: SurfaceUpdate


class SurfaceErrorMessage(WireModel):
    """A surface operation failed, or a frame could not be read."""

    type: Literal["error"] = "error"
    message: Text
    surface_id: Text | MISSING = MISSING


class ChatDeltaMessage(WireModel):
    """One live event of a conversation."""

    type: Literal["chat.delta"] = "chat.delta"
    event: AgentEvent


class ChatErrorMessage(WireModel):
    """A chat operation could not start."""

    type: Literal["chat.error"] = "chat.error"
    message: Text
    conversation_id: Text | MISSING = MISSING


class ConversationOpenMessage(WireModel):
    """Every client is asked to show a conversation."""

    type: Literal["conversation.open"] = "conversation.open"
    conversation_id: Text
    workspace_id: Text | MISSING = MISSING


class ConversationStatusChangedMessage(WireModel):
    """A conversation's status changed; not ordered with its events."""

    type: Literal["conversation.statusChanged"] = "conversation.statusChanged"
    conversation_id: Text
    status: ConversationStatus
    workspace_id: Text | MISSING = MISSING


class ConversationCompactedMessage(WireModel):
    """A conversation's log was rewritten: drop what is cached and load afresh."""

    type: Literal["conversation.compacted"] = "conversation.compacted"
    conversation_id: Text
    new_conversation_id: Text
    messages_summarized: int
    messages_kept: int


SeedWsClientMessage = Annotated[
    SubscribeMessage | UnsubscribeMessage | InvokeMessage | ChatSendMessage,
    Field(discriminator="type"),
]
WsClientMessage = Annotated[
    SubscribeMessage
    | UnsubscribeMessage
    | InvokeMessage
    | ChatSendMessage
    | ChatSubscribeMessage
    | ChatUnsubscribeMessage
    | ChatQueueMessage
    | ChatQueueCancelMessage,
    Field(discriminator="type"),
]
SeedWsServerMessage = Annotated[
    CatalogMessage
    | SurfaceMessage
    | SurfaceUpdateMessage
    | SurfaceErrorMessage
    | ChatDeltaMessage
    | ChatErrorMessage,
    Field(discriminator="type"),
]
WsServerMessage = Annotated[
    CatalogMessage
    | SurfaceMessage
    | SurfaceUpdateMessage
    | SurfaceErrorMessage
    | ChatDeltaMessage
    | ChatErrorMessage
    | ConversationOpenMessage
    | ConversationStatusChangedMessage
    | ConversationCompactedMessage,
    Field(discriminator="type"),
]
