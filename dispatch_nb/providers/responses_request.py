"""The request body of OpenAI's Responses API.

Nothing is stored at the provider and no earlier response is referred to: the history is
ours, and all of it is sent. What a reasoning model wants back of its reasoning comes as an
encrypted item, which is kept as the detail of a thinking chunk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.contracts import ProviderOptions, Tool
from ..wire.conversation import (
    ChatMessage,
    Chunk,
    ImageChunk,
    SystemChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from ..wire.extensions import ChunkDetail, PromptMessage
from .conversion import NO_IMAGE, arguments_text, result_text, tool_name
from .rules import is_image_address

__all__ = ["convert_input", "responses_body"]

# Other models refuse to be asked for reasoning of any kind.
_REASONS = re.compile(r"(o\d|codex|gpt-([5-9]|\d\d))(?!.*-chat)")


def responses_body(
    model: str,
    messages: Sequence[ChatMessage],
    tools: Sequence[Tool],
    options: ProviderOptions,
    *,
    provider: str = "openai-responses",
) -> dict[str, Any]:
    """Return the JSON body of a streaming request.

    Parameters
    ----------
    provider
        The id of the provider, whose own reasoning items go back to it.
    """
    name = options.model or model
    instructions, items = convert_input(messages, options.system_prompt, provider=provider)
    body: dict[str, Any] = {"model": name, "input": items, "stream": True, "store": False}
    if instructions:
        body["instructions"] = instructions
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    if _REASONS.match(name.rpartition("/")[2]):
        body["include"] = ["reasoning.encrypted_content"]
    if options.reasoning_effort is not None:
        body["reasoning"] = {"effort": options.reasoning_effort, "summary": "auto"}
    chosen = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        # OpenAI has no seed here and says so; servers that follow it may have one.
        "seed": options.seed,
        "max_output_tokens": options.max_tokens,
    }
    body |= {name: value for name, value in chosen.items() if value is not None}
    if options.schema is not None:
        form = {
            "type": "json_schema",
            "name": options.schema.name,
            "schema": dict(options.schema.schema),
            "strict": options.schema.strict,
        }
        body["text"] = {"format": form}
    return body | dict(options.extra_body)


def convert_input(
    messages: Sequence[ChatMessage], system_prompt: str | None = None, *, provider: str
) -> tuple[str, list[dict[str, Any]]]:
    """Return `messages` as instructions and input items, each chunk in its place.

    A reasoning item goes back only to the `provider` it came from, and only before what it
    led to: alone it is refused. Calls and results go out as they are: `reconcile` has
    paired them.
    """
    system = [system_prompt or ""]
    items: list[dict[str, Any]] = []
    for message in messages:
        match message.role:
            case "system":
                system.append(_injected_text(message.chunks))
            case "tool":
                items += [_result(c) for c in message.chunks if isinstance(c, ToolResultChunk)]
            case "user" if content := _user_content(message.chunks):
                items.append({"role": "user", "content": content})
            case "assistant":
                details = message.details if isinstance(message, PromptMessage) else {}
                items += _assistant(message.chunks, details, provider)
            case _:
                pass
    return "\n\n".join(text for text in system if text.strip()), items


def _user_content(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for chunk in chunks:
        if isinstance(chunk, TextChunk) and chunk.text.strip():
            parts.append({"type": "input_text", "text": chunk.text})
        elif isinstance(chunk, ImageChunk):
            parts.append(_image(chunk))
    return parts


def _image(chunk: ImageChunk) -> dict[str, Any]:
    if is_image_address(chunk.url):
        return {"type": "input_image", "image_url": chunk.url}
    return {"type": "input_text", "text": NO_IMAGE}


def _assistant(
    chunks: Sequence[Chunk], details: Mapping[int, ChunkDetail], provider: str
) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    waiting: dict[str, Any] | None = None  # reasoning that has led to nothing yet
    text = ""
    for index, chunk in enumerate(chunks):
        if isinstance(chunk, TextChunk):
            text += chunk.text
            continue
        if not isinstance(chunk, ThinkingChunk | ToolCallChunk):
            continue
        said, text = _said(text), ""
        if said:
            items += [waiting, *said] if waiting else said
            waiting = None
        if isinstance(chunk, ThinkingChunk):
            waiting = _reasoning(details.get(index), provider) or waiting
        else:
            items += [waiting, _call(chunk)] if waiting else [_call(chunk)]
            waiting = None
    said = _said(text)
    return [*items, waiting, *said] if said and waiting else [*items, *said]


def _said(text: str) -> list[dict[str, Any]]:
    content = [{"type": "output_text", "text": text}]
    if not text.strip():
        return []
    # Some servers know an item by its type alone.
    return [{"type": "message", "role": "assistant", "content": content}]


def _reasoning(detail: ChunkDetail | None, provider: str) -> dict[str, Any] | None:
    if detail is None or detail.provider != provider or not isinstance(detail.data, dict):
        return None
    item: dict[str, Any] = detail.data
    # One that is only referred to is not found again, as nothing is stored.
    is_whole = item.get("encrypted_content") or item.get("content")
    return dict(item) if item.get("type") == "reasoning" and is_whole else None


def _injected_text(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk | SystemChunk))


def _call(chunk: ToolCallChunk) -> dict[str, Any]:
    return {
        "type": "function_call",
        "call_id": chunk.tool_call_id,
        "name": tool_name(chunk.tool_name),
        "arguments": arguments_text(chunk.input),
    }


def _result(chunk: ToolResultChunk) -> dict[str, Any]:
    return {
        "type": "function_call_output",
        "call_id": chunk.tool_call_id,
        "output": result_text(chunk),
    }


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
        # Strict is the default here, and refuses schemas with optional fields.
        "strict": False,
    }
