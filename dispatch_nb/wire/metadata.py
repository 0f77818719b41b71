"""What is told about conversations beside their chunks: metadata, and queued texts.

Source: the Dispatch wire contract, sections 4 and 5.
"""

from __future__ import annotations

from pydantic import MISSING

from .base import Number, Text, WireModel
from .messages import ConversationStatus

__all__ = ["MESSAGE_QUEUE", "ConversationMeta", "MessageQueue", "QueuedMessage"]

MESSAGE_QUEUE = "message-queue"
"""The id of the message queue's surface, and of the renderer of its one field."""


class ConversationMeta(WireModel):
    """One conversation in a list; times are milliseconds since the epoch.

    `workspace_id` is absent in older backends; `compacted_from` names the conversation
    that holds the log from before a compaction.
    """

    id: Text
    created_at: Number
    last_activity_at: Number
    title: Text
    status: ConversationStatus
    workspace_id: Text | MISSING = MISSING
    compacted_from: Text | MISSING = MISSING


class QueuedMessage(WireModel):
    """A text that waits for the running turn; `queued_at` is milliseconds since the epoch."""

    id: Text
    text: Text
    queued_at: Number


class MessageQueue(WireModel):
    """The payload of the message queue's surface; without messages nothing waits."""

    messages: list[QueuedMessage]
