"""What is shown: chunks in order, and messages.

Source: the Dispatch transcript contract, A.4 and A.5.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from ..wire.conversation import ChatMessage, Chunk, Role
from .state import TranscriptState

__all__ = ["RenderedChunk", "select_chunks", "select_messages"]


class RenderedChunk(NamedTuple):
    """A chunk in its place; `seq` is None while it is provisional.

    `streaming` is true for the chunk that still grows, and for no other.
    """

    seq: int | None
    role: Role
    chunk: Chunk
    provisional: bool
    streaming: bool = False


def select_chunks(state: TranscriptState) -> list[RenderedChunk]:
    """Return committed chunks, then provisional ones, then the one that still grows."""
    rendered = [
        RenderedChunk(stored.seq, stored.role, stored.chunk, False) for stored in state.committed
    ]
    rendered += (RenderedChunk(None, entry.role, entry.chunk, True) for entry in state.provisional)
    if state.accumulating is not None:
        chunk = state.accumulating.to_chunk()
        rendered.append(RenderedChunk(None, "assistant", chunk, True, streaming=True))
    return rendered


def select_messages(state: TranscriptState) -> list[ChatMessage]:
    """Return the shown chunks with neighbours of one role joined into one message.

    Original message borders cannot be told from chunks: two user messages in a row are one
    here, and so are the results of a step's calls.
    """
    return [
        ChatMessage(role=role, chunks=[rendered.chunk for rendered in run])
        for role, run in groupby(select_chunks(state), key=lambda rendered: rendered.role)
    ]
