"""The conversation model: roles, chunks, stored chunks, messages, usage, metrics.

Source: the Dispatch wire contract, section 1.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import MISSING, Field

from .base import Json, Number, Text, WireModel

__all__ = [
    "ROLES",
    "ChatMessage",
    "Chunk",
    "ConversationHistoryResponse",
    "ErrorChunk",
    "ImageChunk",
    "ReasoningEffort",
    "Role",
    "SeedChunk",
    "StepMetrics",
    "StoredChunk",
    "SystemChunk",
    "TextChunk",
    "ThinkingChunk",
    "ToolCallChunk",
    "ToolResultChunk",
    "TurnMetrics",
    "Usage",
]

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")

ReasoningEffort = Literal["low", "medium", "high", "xhigh", "max"]


class TextChunk(WireModel):
    """Text that a person or a model wrote."""

    type: Literal["text"] = "text"
    text: Text


class ThinkingChunk(WireModel):
    """What a model thought before it answered."""

    type: Literal["thinking"] = "thinking"
    text: Text


class ToolCallChunk(WireModel):
    """A model's request to run a tool; `input` may be any JSON, also null or raw text."""

    type: Literal["tool-call"] = "tool-call"
    tool_call_id: Text
    tool_name: Text
    input: Json
    step_id: Text | MISSING = MISSING


class ToolResultChunk(WireModel):
    """What a tool gave back for the call with the same `tool_call_id`."""

    type: Literal["tool-result"] = "tool-result"
    tool_call_id: Text
    tool_name: Text
    content: Text
    is_error: bool
    step_id: Text | MISSING = MISSING


class ErrorChunk(WireModel):
    """A failure that is part of the transcript."""

    type: Literal["error"] = "error"
    message: Text
    code: Text | MISSING = MISSING


class SystemChunk(WireModel):
    """Injected content that neither the person nor the model wrote."""

    type: Literal["system"] = "system"
    text: Text


class ImageChunk(WireModel):
    """An image, by data URL, http(s) URL or a path the server understands."""

    type: Literal["image"] = "image"
    url: Text
    mime_type: Text | MISSING = MISSING


SeedChunk = Annotated[
    TextChunk | ThinkingChunk | ToolCallChunk | ToolResultChunk | ErrorChunk | SystemChunk,
    Field(discriminator="type"),
]
Chunk = Annotated[
    TextChunk
    | ThinkingChunk
    | ToolCallChunk
    | ToolResultChunk
    | ErrorChunk
    | SystemChunk
    | ImageChunk,
    Field(discriminator="type"),
]


class StoredChunk(WireModel):
    """A chunk with the place it has in its conversation's log.

    `seq` is assigned by the store: 1-based, per conversation, without gaps.
    """

    seq: int
    role: Role
    chunk: Chunk


class ChatMessage(WireModel):
    """Chunks of one role that belong together, as a provider sees them."""

    role: Role
    chunks: list[Chunk]


class Usage(WireModel):
    """Tokens of one request or of a sum of requests; every number of tokens here means this.

    `input_tokens` is the whole prompt. `cache_read_tokens`, which a cache held, and
    `cache_write_tokens`, which one took, are parts of it and not additions to it; one that
    is absent was not reported. `output_tokens` is all that the model produced, what it
    thought included: `reasoning_tokens`, where a store has them, are a part of it. What the
    provider itself said stays beside it, as it was (`usage_json`). Who counted is said beside
    it too: ``reported`` by the provider, ``estimated`` from the characters that went to and
    fro, or ``missing``; and whether it is a lower bound, because a request was cut off.
    """

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int | MISSING = MISSING
    cache_write_tokens: int | MISSING = MISSING


class StepMetrics(WireModel):
    """Usage and timing (milliseconds) of one step."""

    step_id: Text
    usage: Usage
    ttft_ms: Number | MISSING = MISSING
    decode_ms: Number | MISSING = MISSING
    gen_total_ms: Number | MISSING = MISSING


class TurnMetrics(WireModel):
    """Usage, steps and timing (milliseconds) of one sealed turn.

    `usage` is the sum over steps; `context_size` is the last step's input plus output.
    """

    turn_id: Text
    usage: Usage
    steps: list[StepMetrics]
    duration_ms: Number | MISSING = MISSING
    context_size: int | MISSING = MISSING


class ConversationHistoryResponse(WireModel):
    """Committed chunks, ascending by `seq`.

    `latest_seq` is the last chunk's `seq`, or the requested `since_seq` when empty.
    """

    chunks: list[StoredChunk]
    latest_seq: int
