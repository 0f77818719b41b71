"""What a notebook keeps of a conversation, to show it without a kernel."""

from __future__ import annotations

from ..conversation.port import Conversation
from ..transcript.live import to_snapshot
from ..wire.conversation import ImageChunk
from ..wire.view import SavedImage, SnapshotMessage
from .outbox import SNAPSHOT_CHUNKS

__all__ = ["MOST_IMAGE_TEXT", "saved_snapshot"]

MOST_IMAGE_TEXT = 4 * 2**20
"""Characters of images that a notebook keeps for one chat: the newest, each once."""


def saved_snapshot(conversation: Conversation) -> SnapshotMessage:
    """Return the newest chunks of a conversation, with the images that they show."""
    live, upcoming = conversation.position()
    snapshot = to_snapshot(live, next=upcoming, window=SNAPSHOT_CHUNKS)
    shown = [s.chunk.url for s in snapshot.transcript.committed if isinstance(s.chunk, ImageChunk)]
    images: list[SavedImage] = []
    room = MOST_IMAGE_TEXT
    for url in dict.fromkeys(reversed(shown)):
        data = conversation.image(url)
        if data is not None and len(data) <= room:
            room -= len(data)
            images.append(SavedImage(url=url, data=data))
    return snapshot.model_copy(update={"images": images}) if images else snapshot
