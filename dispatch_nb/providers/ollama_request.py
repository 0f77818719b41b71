"""The request body of Ollama's own chat API."""

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
from .conversion import NO_IMAGE, arguments_text, joined_text, result_text, tool_name
from .rules import is_image_address

__all__ = ["ollama_body"]

# It knows three levels of thinking.
_EFFORTS = {"xhigh": "high", "max": "high"}


def ollama_body(
    model: str, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
) -> dict[str, Any]:
    """Return the JSON body of a streaming request.

    `options.extra_body` reaches what only this API has, such as ``{"options": {"num_ctx":
    16384}}``, which then stands for all of its options.
    """
    body: dict[str, Any] = {
        "model": options.model or model,
        "messages": _messages(messages, options.system_prompt),
        "stream": True,
    }
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    if options.schema is not None:
        body["format"] = dict(options.schema.schema)
    if options.reasoning_effort is not None:
        body["think"] = _EFFORTS.get(options.reasoning_effort, options.reasoning_effort)
    chosen = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "seed": options.seed,
        "num_predict": options.max_tokens,
    }
    if given := {name: value for name, value in chosen.items() if value is not None}:
        body["options"] = given
    return body | dict(options.extra_body)


def _messages(messages: Sequence[ChatMessage], system_prompt: str | None) -> list[dict[str, Any]]:
    system = [system_prompt or ""]
    converted: list[dict[str, Any]] = []
    for message in messages:
        match message.role:
            case "system":
                said = (c.text for c in message.chunks if isinstance(c, TextChunk | SystemChunk))
                system.append("".join(said))
            case "tool":
                converted += [_result(c) for c in message.chunks if isinstance(c, ToolResultChunk)]
            case "user":
                converted += _user(message.chunks)
            case "assistant":
                converted += _assistant(message.chunks)
    instructions = "\n\n".join(text for text in system if text.strip())
    head = [{"role": "system", "content": instructions}] if instructions else []
    return head + converted


def _user(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    text, images = [joined_text(chunks)], []
    for chunk in chunks:
        if isinstance(chunk, ImageChunk):
            # Only what the request holds itself is taken, without the head of a data URL.
            if chunk.url.startswith("data:") and is_image_address(chunk.url):
                images.append(chunk.url.partition(",")[2])
            else:
                text.append(NO_IMAGE)
    content = "\n".join(filter(None, text))
    if not (content or images):
        return []
    said: dict[str, Any] = {"role": "user", "content": content}
    return [{**said, "images": images} if images else said]


def _assistant(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    text = joined_text(chunks)
    calls = [_call(chunk) for chunk in chunks if isinstance(chunk, ToolCallChunk)]
    if calls:
        return [{"role": "assistant", "content": text, "tool_calls": calls}]
    return [{"role": "assistant", "content": text}] if text else []


def _call(chunk: ToolCallChunk) -> dict[str, Any]:
    arguments = json.loads(arguments_text(chunk.input))
    return {"function": {"name": tool_name(chunk.tool_name), "arguments": arguments}}


def _result(chunk: ToolResultChunk) -> dict[str, Any]:
    name = tool_name(chunk.tool_name)
    return {"role": "tool", "content": result_text(chunk), "tool_name": name}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}
