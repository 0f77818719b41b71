"""What a turn has shown and not stored yet, in the form in which it is stored."""

from __future__ import annotations

from ..transcript.state import TranscriptState
from ..wire.conversation import ChatMessage, ImageChunk, TextChunk, ThinkingChunk

__all__ = ["unstored_messages"]


def unstored_messages(state: TranscriptState, turn_id: str) -> list[ChatMessage]:
    """Return a turn's provisional chunks as messages: each tool result alone, as stored.

    Images belong to the text of the person before them.
    """
    entries = [(p.role, p.chunk) for p in state.provisional if p.turn_id == turn_id]
    open_text = state.accumulating
    if open_text is not None:
        chunk = TextChunk if open_text.kind == "text" else ThinkingChunk
        entries.append(("assistant", chunk(text=open_text.text)))
    messages: list[ChatMessage] = []
    for role, entry in entries:
        belongs = role == "assistant" or isinstance(entry, ImageChunk)
        if messages and belongs and role == messages[-1].role:
            messages[-1] = ChatMessage(role=role, chunks=[*messages[-1].chunks, entry])
        else:
            messages.append(ChatMessage(role=role, chunks=[entry]))
    return messages
