"""The request body of OpenAI-compatible chat completions.

Source: the Dispatch turn contract, section 8.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..engine.contracts import ProviderOptions, Tool
from ..wire.conversation import (
    ChatMessage,
    Chunk,
    ImageChunk,
    SystemChunk,
    TextChunk,
    ToolCallChunk,
    ToolResultChunk,
)

__all__ = ["convert_messages", "request_body"]

_HINT_LENGTH = 200


def request_body(
    model: str, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
) -> dict[str, Any]:
    """Return the JSON body of a streaming request."""
    body: dict[str, Any] = {
        "model": options.model or model,
        "messages": convert_messages(messages, options.system_prompt),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    if options.temperature is not None:
        body["temperature"] = options.temperature
    if options.max_tokens is not None:
        body["max_tokens"] = options.max_tokens
    if options.reasoning_effort is not None:
        body["reasoning_effort"] = options.reasoning_effort
    return body


def convert_messages(
    messages: Sequence[ChatMessage], system_prompt: str | None = None
) -> list[dict[str, Any]]:
    """Return `messages` as the API wants them, the system prompt first.

    Thinking and error chunks are not sent back; a message that holds nothing else is
    left out, because the API refuses empty ones.
    """
    converted: list[dict[str, Any]] = []
    if system_prompt:
        converted.append({"role": "system", "content": system_prompt})
    for message in messages:
        converted += _convert(message)
    return converted


def _convert(message: ChatMessage) -> list[dict[str, Any]]:
    match message.role:
        case "tool":
            return [_result(c) for c in message.chunks if isinstance(c, ToolResultChunk)]
        case "assistant":
            return _assistant(message.chunks)
        case "user":
            content = _user_content(message.chunks)
            return [{"role": "user", "content": content}] if content else []
        case "system":
            text = "".join(c.text for c in message.chunks if isinstance(c, TextChunk | SystemChunk))
            return [{"role": "system", "content": text}] if text else []


def _user_content(chunks: Sequence[Chunk]) -> str | list[dict[str, Any]]:
    if not any(isinstance(chunk, ImageChunk) for chunk in chunks):
        return _joined_text(chunks)
    parts: list[dict[str, Any]] = []
    for chunk in chunks:
        if isinstance(chunk, TextChunk):
            parts.append({"type": "text", "text": chunk.text})
        elif isinstance(chunk, ImageChunk):
            parts.append({"type": "image_url", "image_url": {"url": chunk.url}})
    return parts


def _assistant(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    text = _joined_text(chunks)
    calls = [_call(chunk) for chunk in chunks if isinstance(chunk, ToolCallChunk)]
    if calls:
        return [{"role": "assistant", "content": text or None, "tool_calls": calls}]
    return [{"role": "assistant", "content": text}] if text else []


def _joined_text(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk))


def _call(chunk: ToolCallChunk) -> dict[str, Any]:
    function = {"name": chunk.tool_name, "arguments": _arguments(chunk.input)}
    return {"id": chunk.tool_call_id, "type": "function", "function": function}


def _arguments(given: Any) -> str:
    """Return arguments as valid JSON text, also where the model's own were not valid."""
    if given is None:
        return "{}"
    if isinstance(given, str):
        try:
            json.loads(given)
        except ValueError:
            given = {"invalid_arguments": given[:_HINT_LENGTH]}
        else:
            return given
    return json.dumps(given, ensure_ascii=False)


def _result(chunk: ToolResultChunk) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": chunk.tool_call_id, "content": chunk.content}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}
