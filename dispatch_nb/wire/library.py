"""What kernel and view of a store's list of conversations say to each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Number, Text, WireModel
from .view import ReplyMessage

__all__ = [
    "CloseConversationMessage",
    "LibraryKernelMessage",
    "LibraryViewMessage",
    "ListConversationsMessage",
    "ListedConversation",
    "ListingMessage",
    "OpenConversationMessage",
]


class ListedConversation(WireModel):
    """One line of the list.

    `cost_usd` is null where no price is known; with `is_cost_partial` the real cost is higher.
    `updated_ms` is the time of the last change, milliseconds since 1970 in UTC.
    """

    id: Text
    title: Text
    model: Text
    updated_ms: int
    turns: int
    tokens: int
    cost_usd: Number | None
    is_cost_partial: bool


class ListConversationsMessage(WireModel):
    """A view wants lines `offset` … of the conversations that hold `query`, newest first."""

    type: Literal["list"] = "list"
    request_id: Text
    query: Text
    offset: int
    limit: int


class OpenConversationMessage(WireModel):
    """The person opens a conversation; the view then shows the chat that is `opened`."""

    type: Literal["open"] = "open"
    request_id: Text
    conversation_id: Text


class CloseConversationMessage(WireModel):
    """The person goes back to the list."""

    type: Literal["close"] = "close"


class ListingMessage(WireModel):
    """The lines that were asked for, of `total` that there are."""

    type: Literal["listing"] = "listing"
    request_id: Text
    total: int
    rows: list[ListedConversation]


LibraryViewMessage = Annotated[ListingMessage | ReplyMessage, Field(discriminator="type")]
LibraryKernelMessage = Annotated[
    ListConversationsMessage | OpenConversationMessage | CloseConversationMessage,
    Field(discriminator="type"),
]
