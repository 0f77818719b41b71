"""A history as the messages of the Messages API: the pure conversion.

Source: Anthropic's description of the API, of its tools and of extended thinking;
`messages_rules` holds what of it the strictest models and hosts check.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from itertools import count, groupby
from typing import Any

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
from ..wire.extensions import PromptMessage
from ..wire.media import image_type
from .conversion import NO_IMAGE, NO_PROMPT, arguments_object, joined_text, result_text, tool_name
from .rules import is_image_address, is_web_address

__all__ = ["THINKING", "called_tools", "convert_messages", "system_text"]

THINKING = ("thinking", "redacted_thinking")

_Block = dict[str, Any]

_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def system_text(messages: Sequence[ChatMessage], system_prompt: str | None) -> str:
    """Return the instructions: the system prompt, and what system messages say, or ""."""
    texts = [system_prompt or ""]
    for message in messages:
        if message.role == "system":
            said = (c.text for c in message.chunks if isinstance(c, TextChunk | SystemChunk))
            texts.append("".join(said))
    return "\n\n".join(text for text in texts if text.strip())


def convert_messages(
    messages: Sequence[ChatMessage], *, model: str, provider: str, with_thinking: bool
) -> list[dict[str, Any]]:
    """Return `messages` as user and assistant messages that take turns.

    Results stand first in the user message behind their calls; what steers comes after
    them. Thinking goes back only with the signature that came with it, and only to the
    model that signed it. Error chunks and blank text are left out. Calls and results
    must be paired (`reconcile`); a history that grows is converted as its beginning was.

    Parameters
    ----------
    provider
        Whose details of chunks are used: the provider's id.
    with_thinking
        False leaves all thinking out.
    """
    ids = _CallIds()
    converted: list[dict[str, Any]] = []
    for message in messages:
        blocks: list[_Block] = []
        match message.role:
            case "user":
                blocks = _said_by_user(message.chunks)
            case "tool":
                blocks = [
                    _result(chunk, ids.of_result(chunk.tool_call_id))
                    for chunk in message.chunks
                    if isinstance(chunk, ToolResultChunk)
                ]
            case "assistant":
                details = _details(message, provider, model) if with_thinking else {}
                blocks = _said_by_assistant(message.chunks, details, ids)
            case _:
                pass
        if blocks:
            _append_or_join(
                converted, "assistant" if message.role == "assistant" else "user", blocks
            )
    return converted


def called_tools(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the tools that converted messages call, each once."""
    blocks = (block for message in messages for block in message["content"])
    return list(dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use"))


class _CallIds:
    """Gives every call an id that the API takes: its own, wherever that will do."""

    def __init__(self) -> None:
        self._sent: dict[str, str] = {}
        self._used: set[str] = set()

    def of_call(self, call_id: str) -> str:
        wanted = _NOT_IN_AN_ID.sub("_", call_id) or "call"
        candidates = (wanted if number == 1 else f"{wanted}_{number}" for number in count(1))
        sent = next(candidate for candidate in candidates if candidate not in self._used)
        self._used.add(sent)
        self._sent[call_id] = sent
        return sent

    def of_result(self, call_id: str) -> str:
        return self._sent.get(call_id, call_id)


def _append_or_join(converted: list[dict[str, Any]], role: str, blocks: list[_Block]) -> None:
    if not converted and role == "assistant":
        converted.append({"role": "user", "content": [{"type": "text", "text": NO_PROMPT}]})
    if not converted or converted[-1]["role"] != role:
        converted.append({"role": role, "content": blocks})
        return
    together = [*converted[-1]["content"], *blocks]
    if role == "user":
        together.sort(key=lambda block: block["type"] != "tool_result")
    converted[-1] = {"role": role, "content": together}


def _said_by_user(chunks: Sequence[Chunk]) -> list[_Block]:
    blocks: list[_Block] = []
    for kind, run in groupby(chunks, key=type):
        if kind is TextChunk:
            blocks += _text(list(run))
        elif kind is ImageChunk:
            blocks += [_image(chunk) for chunk in run if isinstance(chunk, ImageChunk)]
    return blocks


def _said_by_assistant(
    chunks: Sequence[Chunk], details: Mapping[int, Mapping[str, Any]], ids: _CallIds
) -> list[_Block]:
    blocks: list[_Block] = []
    for index, chunk in enumerate(chunks):
        match chunk:
            case TextChunk():
                blocks += _text([chunk])
            case ThinkingChunk() if index in details:
                blocks.append(_thinking(chunk, details[index]))
            case ToolCallChunk():
                blocks.append(_call(chunk, ids.of_call(chunk.tool_call_id)))
            case _:
                pass
    while blocks and blocks[-1]["type"] in THINKING:
        blocks.pop()  # of an answer that was stopped: the API takes no thinking at the end
    return blocks


def _text(chunks: Sequence[Chunk]) -> list[_Block]:
    text = joined_text(chunks)
    return [{"type": "text", "text": text}] if text else []


def _image(chunk: ImageChunk) -> _Block:
    if is_web_address(chunk.url):
        return {"type": "image", "source": {"type": "url", "url": chunk.url}}
    data = chunk.url.partition(",")[2]
    # The API looks at the image itself, and refuses one that is not what its address says.
    media_type = image_type(base64.b64decode(data[:24])) if is_image_address(chunk.url) else None
    if media_type is None:
        return {"type": "text", "text": NO_IMAGE}
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": media_type, "data": data},
    }


def _details(message: ChatMessage, provider: str, model: str) -> dict[int, Mapping[str, Any]]:
    """Return what of a message's details was signed for this model."""
    known = message.details if isinstance(message, PromptMessage) else {}
    return {
        index: detail.data
        for index, detail in known.items()
        if detail.provider == provider
        and isinstance(detail.data, Mapping)
        and (detail.data.get("signature") or detail.data.get("redacted_thinking"))
        and detail.data.get("model") in (None, model)
    }


def _thinking(chunk: ThinkingChunk, detail: Mapping[str, Any]) -> _Block:
    if redacted := detail.get("redacted_thinking"):
        return {"type": "redacted_thinking", "data": redacted}
    return {"type": "thinking", "thinking": chunk.text, "signature": detail["signature"]}


def _call(chunk: ToolCallChunk, call_id: str) -> _Block:
    return {
        "type": "tool_use",
        "id": call_id,
        "name": tool_name(chunk.tool_name),
        "input": arguments_object(chunk.input),
    }


def _result(chunk: ToolResultChunk, call_id: str) -> _Block:
    block = {"type": "tool_result", "tool_use_id": call_id, "content": result_text(chunk)}
    return {**block, "is_error": True} if chunk.is_error else block
