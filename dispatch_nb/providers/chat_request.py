"""The request body of OpenAI-compatible chat completions.

Source: the Dispatch turn contract, section 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

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
from ..wire.extensions import PromptMessage
from .chat_thinking import thinking_to_send
from .conversion import NO_IMAGE, NO_PROMPT, arguments_text, joined_text, result_text, tool_name
from .rules import is_image_address

__all__ = ["convert_messages", "request_body"]

_Content: TypeAlias = str | list[dict[str, Any]]


def request_body(
    model: str,
    messages: Sequence[ChatMessage],
    tools: Sequence[Tool],
    options: ProviderOptions,
    *,
    provider: str = "openai",
    is_openai: bool = False,
) -> dict[str, Any]:
    """Return the JSON body of a streaming request.

    Parameters
    ----------
    provider
        The id of the provider, whose own details of its thinking go back to it.
    is_openai
        Whether OpenAI's own API is asked, which names one option otherwise than the
        servers that follow it, and wants no thinking back.
    """
    body: dict[str, Any] = {
        "model": options.model or model,
        "messages": _begun(
            convert_messages(
                messages, options.system_prompt, provider=None if is_openai else provider
            )
        ),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    # OpenAI's reasoning models refuse the older name, which other servers know alone.
    longest = "max_completion_tokens" if is_openai else "max_tokens"
    chosen = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "seed": options.seed,
        longest: options.max_tokens,
        "reasoning_effort": options.reasoning_effort,
    }
    body |= {name: value for name, value in chosen.items() if value is not None}
    if options.schema is not None:
        form = {
            "name": options.schema.name,
            "schema": dict(options.schema.schema),
            "strict": options.schema.strict,
        }
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body | dict(options.extra_body)


def convert_messages(
    messages: Sequence[ChatMessage],
    system_prompt: str | None = None,
    *,
    provider: str | None = None,
) -> list[dict[str, Any]]:
    """Return `messages` as the strictest servers of this API want them.

    They want one system message, at the head; user and assistant messages that take
    turns, so neighbours of one role become one; no empty content; tool names and
    arguments in the form that is prescribed for tools. Thinking goes back with the tool
    calls that it led to, and only to a `provider` that asked for it with a detail; error
    chunks are not sent. Calls and results go out as they are: `reconcile` has paired them.
    """
    system = [system_prompt or ""]
    converted: list[dict[str, Any]] = []
    for message in messages:
        match message.role:
            case "system":
                system.append(_injected_text(message.chunks))
            case "tool":
                converted += [_result(c) for c in message.chunks if isinstance(c, ToolResultChunk)]
            case "user" if content := _user_content(message.chunks):
                _append_or_join(converted, {"role": "user", "content": content})
            case "assistant" if said := _assistant(message, provider):
                _append_or_join(converted, said)
            case _:
                pass
    instructions = "\n\n".join(text for text in system if text.strip())
    head = [{"role": "system", "content": instructions}] if instructions else []
    return head + converted


def _begun(converted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages that a user begins."""
    place = 1 if converted and converted[0]["role"] == "system" else 0
    if len(converted) > place and converted[place]["role"] == "assistant":
        converted.insert(place, {"role": "user", "content": NO_PROMPT})
    return converted


def _append_or_join(converted: list[dict[str, Any]], message: dict[str, Any]) -> None:
    last = converted[-1] if converted else None
    if last is None or last["role"] != message["role"] or "tool_calls" in last:
        converted.append(message)
    else:
        content = _joined_contents(last["content"], message["content"])
        converted[-1] = {**message, "content": content}


def _joined_contents(first: _Content | None, second: _Content | None) -> _Content | None:
    if first is None or second is None:
        return first or second
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_as_parts(first), *_as_parts(second)]


def _as_parts(content: _Content) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _user_content(chunks: Sequence[Chunk]) -> _Content:
    if not any(isinstance(chunk, ImageChunk) for chunk in chunks):
        return joined_text(chunks)
    parts: list[dict[str, Any]] = []
    for chunk in chunks:
        if isinstance(chunk, TextChunk) and chunk.text.strip():
            parts.append({"type": "text", "text": chunk.text})
        elif isinstance(chunk, ImageChunk):
            parts.append(_image(chunk))
    return parts


def _image(chunk: ImageChunk) -> dict[str, Any]:
    if is_image_address(chunk.url):
        return {"type": "image_url", "image_url": {"url": chunk.url}}
    return {"type": "text", "text": NO_IMAGE}


def _assistant(message: ChatMessage, provider: str | None) -> dict[str, Any] | None:
    text = joined_text(message.chunks)
    calls = [_call(chunk) for chunk in message.chunks if isinstance(chunk, ToolCallChunk)]
    if not calls:
        return {"role": "assistant", "content": text} if text else None
    said = {"role": "assistant", "content": text or None, "tool_calls": calls}
    if provider is not None and isinstance(message, PromptMessage):
        said |= thinking_to_send(message.chunks, message.details, provider)
    return said


def _injected_text(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk | SystemChunk))


def _call(chunk: ToolCallChunk) -> dict[str, Any]:
    function = {"name": tool_name(chunk.tool_name), "arguments": arguments_text(chunk.input)}
    return {"id": chunk.tool_call_id, "type": "function", "function": function}


def _result(chunk: ToolResultChunk) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": chunk.tool_call_id, "content": result_text(chunk)}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}
