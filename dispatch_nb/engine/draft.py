"""The assistant's message while it streams in.

Source: the Dispatch turn contract, section 4.
"""

from __future__ import annotations

import json
from typing import Any

from ..wire.conversation import ChatMessage, Chunk, TextChunk, ThinkingChunk, ToolCallChunk
from ..wire.extensions import ChunkDetail, PromptMessage
from .contracts import ToolCall

__all__ = ["Draft", "call_chunk", "json_text"]


class Draft:
    """Chunks under construction: deltas of one kind extend the last chunk of that kind."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []
        self._details: dict[int, ChunkDetail] = {}
        self._open: type[TextChunk] | type[ThinkingChunk] | None = None
        self._parts: list[str] = []

    def extend(self, kind: type[TextChunk] | type[ThinkingChunk], delta: str) -> None:
        """Add text to the open chunk, or open a new one if that is of another kind."""
        if self._open is not kind:
            self._flush()
            self._open = kind
        self._parts.append(delta)

    def add(self, chunk: Chunk) -> None:
        """Add a whole chunk."""
        self._flush()
        self._chunks.append(chunk)

    def end(
        self, kind: type[TextChunk] | type[ThinkingChunk], detail: ChunkDetail, *, alone: bool
    ) -> None:
        """End the open chunk with its detail; an empty one has it if there is none, or `alone`."""
        if alone or self._open is not kind:
            self._flush()
            self._open = kind
        self._flush()
        self._details[len(self._chunks) - 1] = detail

    def message(self) -> ChatMessage | None:
        """Return the message so far, the open chunk included; None if there is nothing."""
        self._flush()
        if not self._chunks:
            return None
        chunks = list(self._chunks)
        if not self._details:
            return ChatMessage(role="assistant", chunks=chunks)
        return PromptMessage(role="assistant", chunks=chunks, details=dict(self._details))

    def _flush(self) -> None:
        if self._open is not None:
            self._chunks.append(self._open(text="".join(self._parts)))
            self._open = None
            self._parts = []


def call_chunk(call: ToolCall, step_id: str) -> ToolCallChunk:
    """Return a call as the transcript holds it.

    A model may send what no JSON reader takes, such as NaN or very deep nesting. The
    transcript then holds the input as text, so that it can be stored and shown.
    """
    try:
        return _with_input(call, call.input, step_id)
    except ValueError:
        return _with_input(call, json_text(call.input), step_id)


def _with_input(call: ToolCall, input: Any, step_id: str) -> ToolCallChunk:
    return ToolCallChunk(
        tool_call_id=call.tool_call_id, tool_name=call.tool_name, input=input, step_id=step_id
    )


def json_text(value: Any) -> str:
    """Return a value as JSON, or words in its place where it cannot be written so."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return "(arguments that cannot be written as JSON)"
