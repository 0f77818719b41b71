"""What a model is asked with: the stored messages, repaired, their images whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..store.rows import ImageRow
from ..transcript.reconcile import reconcile
from ..wire.conversation import ChatMessage, Chunk, ImageChunk
from .images import data_url, digest_of

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["prompt_messages", "with_images"]


def prompt_messages(store: Store, conversation_id: str) -> list[ChatMessage]:
    """Return a conversation's messages as a provider may get them."""
    messages = reconcile(store.messages(conversation_id))
    wanted = {
        digest
        for message in messages
        for chunk in message.chunks
        if isinstance(chunk, ImageChunk) and (digest := digest_of(chunk.url)) is not None
    }
    return with_images(messages, store.images(wanted)) if wanted else messages


def with_images(
    messages: Sequence[ChatMessage], images: Mapping[str, ImageRow]
) -> list[ChatMessage]:
    """Return messages whose stored images are data: URLs; those not in `images` stay."""
    return [
        message.model_copy(update={"chunks": [_whole(chunk, images) for chunk in message.chunks]})
        if any(isinstance(chunk, ImageChunk) for chunk in message.chunks)
        else message
        for message in messages
    ]


def _whole(chunk: Chunk, images: Mapping[str, ImageRow]) -> Chunk:
    row = images.get(digest_of(chunk.url) or "") if isinstance(chunk, ImageChunk) else None
    if row is None:
        return chunk
    return ImageChunk(url=data_url(row.mime_type, row.data), mime_type=row.mime_type)
