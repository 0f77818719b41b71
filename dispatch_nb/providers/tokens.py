"""The scripted provider's tokens: words and single marks, counted the same everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ..engine.contracts import Tool
from ..wire.conversation import (
    ChatMessage,
    Chunk,
    ErrorChunk,
    ImageChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)

__all__ = ["count_request", "count_tokens", "pieces"]

_PIECE = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")


def pieces(text: str) -> list[str]:
    """Return `text` cut into tokens: a word or a mark, with the space before it."""
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """Return the number of tokens of `text`."""
    return sum(1 for _ in _PIECE.finditer(text))


def count_request(
    messages: Sequence[ChatMessage], tools: Sequence[Tool], system_prompt: str | None
) -> int:
    """Return the number of tokens of a whole request: system prompt, tools and messages."""
    total = count_tokens(system_prompt or "")
    for tool in tools:
        total += count_tokens(f"{tool.name} {tool.description} {json.dumps(tool.parameters)}")
    return total + sum(count_tokens(_text(c)) for message in messages for c in message.chunks)


def _text(chunk: Chunk) -> str:
    match chunk:
        case TextChunk() | SystemChunk():
            return chunk.text
        case ToolCallChunk():
            return f"{chunk.tool_name} {json.dumps(chunk.input)}"
        case ToolResultChunk():
            return chunk.content
        case ImageChunk():
            return chunk.url
        case ThinkingChunk() | ErrorChunk():  # not sent to a model
            return ""
