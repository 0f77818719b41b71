"""What our own events add to a transcript: the borders of blocks, and the images of a prompt."""

from __future__ import annotations

from ..wire.conversation import TextChunk, ThinkingChunk
from ..wire.extensions import ChunkDetailEvent, PromptImagesEvent
from .state import Provisional, TranscriptState, flushed

__all__ = ["add_images", "end_block"]


def add_images(state: TranscriptState, event: PromptImagesEvent) -> TranscriptState:
    """Return the state with the images of a prompt behind its text."""
    if not event.images:
        return state
    entries = [Provisional("user", image, event.turn_id) for image in event.images]
    return state._replace(
        provisional=flushed(state).extend(entries), accumulating=None, generating=True
    )


def end_block(state: TranscriptState, event: ChunkDetailEvent) -> TranscriptState:
    """Return the state in which what streams next is a chunk of its own.

    Where no chunk of the event's kind streams, and where the event says so, an empty one
    comes first.
    """
    growing = state.accumulating
    provisional = flushed(state)
    if event.alone or growing is None or growing.kind != event.kind:
        chunk = TextChunk(text="") if event.kind == "text" else ThinkingChunk(text="")
        provisional = provisional.append(Provisional("assistant", chunk, event.turn_id))
    return state._replace(
        provisional=provisional, accumulating=None, generating=True, provider_retry=None
    )
