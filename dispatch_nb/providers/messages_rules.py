"""The rules for the messages of an Anthropic request, as its strictest models and hosts check.

Newer models of the API itself join equal neighbours or take a history that begins with the
assistant; older ones, and hosts such as Bedrock, do not, and newer ones refuse what older
ones allow (an assistant message at the end). A body without violations passes everywhere.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..wire.media import image_type
from .rules import bad_fields, bad_name, bad_text, is_base64, is_web_address

__all__ = ["messages_violations", "tool_loop"]

_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
# What may stand where, with the fields a block must have.
_BLOCKS: dict[str, dict[str, tuple[str, ...]]] = {
    "user": {
        "text": ("text",),
        "image": ("source",),
        "document": ("source",),
        "tool_result": ("tool_use_id",),
    },
    "assistant": {
        "text": ("text",),
        "tool_use": ("id", "name", "input"),
        "thinking": ("thinking", "signature"),
        "redacted_thinking": ("data",),
    },
    "tool_result": {"text": ("text",), "image": ("source",), "document": ("source",)},
}
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "text": ("cache_control", "citations"),
    "image": ("cache_control",),
    "document": ("cache_control", "citations", "context", "title"),
    "tool_use": ("cache_control",),
    "tool_result": ("cache_control", "content", "is_error"),
}
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_THINKING = ("thinking", "redacted_thinking")


def messages_violations(body: Mapping[str, Any]) -> list[str]:
    """Return why a strict server would refuse the messages of `body`: nothing if it would not.

    Parameters
    ----------
    body
        The JSON body of a request to the Messages API. Besides the messages, its
        `system`, `tools` and `thinking` are looked at where they decide about a history.
    """
    found: list[str] = []
    if "system" in body:
        found += _bad_system(body["system"])
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return [*found, "messages must be a list with at least one message."]
    history = _History(has_tools=bool(body.get("tools")))
    found += history.check(messages)
    thinking = body.get("thinking")
    if isinstance(thinking, Mapping) and thinking.get("type") == "enabled":
        found += _thoughtless_tool_loop(messages)
    return found


def _bad_system(system: object) -> Iterator[str]:
    if not isinstance(system, list):
        yield from bad_text("system", system)
        return
    for index, block in enumerate(system):
        if not isinstance(block, Mapping) or block.get("type") != "text":
            yield f"system[{index}] must be a text block."
        else:
            yield from bad_text(f"system[{index}].text", block.get("text"))


class _History:
    """What the messages so far decide about the next."""

    def __init__(self, *, has_tools: bool) -> None:
        self._has_tools = has_tools
        self._last_role: str | None = None
        self._call_ids: set[str] = set()
        self._waiting: list[str] = []

    def check(self, messages: Sequence[Any]) -> Iterator[str]:
        for index, message in enumerate(messages):
            where = f"messages[{index}]"
            role = message.get("role") if isinstance(message, Mapping) else None
            if not isinstance(message, Mapping):
                yield f"{where} must be an object, not {type(message).__name__}."
            elif role not in ("user", "assistant"):
                yield f"{where} has the role {role!r}: only user and assistant exist here."
            else:
                yield from bad_fields(where, message, ("role", "content"))
                yield from self._check_message(where, role, message.get("content"))
        yield from self._unanswered()
        if self._last_role == "assistant":
            yield "The last message must be the user's, not the assistant's."

    def _check_message(self, where: str, role: str, content: object) -> Iterator[str]:
        if self._last_role is None and role != "user":
            yield f"{where} is the first message and not the user's."
        elif role == self._last_role:
            yield f"{where} follows another {role} message: the two must take turns."
        self._last_role = role
        if isinstance(content, list):
            yield from self._check_blocks(f"{where}.content", role, content)
        else:
            yield from bad_text(f"{where}.content", content)
            yield from self._unanswered()

    def _check_blocks(self, where: str, role: str, blocks: list[Any]) -> Iterator[str]:
        if not blocks:
            yield f"{where} is an empty list."
        called: list[str] = []
        kinds = [block.get("type") if isinstance(block, Mapping) else None for block in blocks]
        for index, (kind, block) in enumerate(zip(kinds, blocks, strict=True)):
            place = f"{where}[{index}]"
            yield from _bad_block(place, kind, block, _BLOCKS[role])
            if kind == "tool_use" and role == "assistant":
                yield from self._check_call(place, block, called)
            elif kind == "tool_result" and role == "user":
                if any(before != "tool_result" for before in kinds[:index]):
                    yield f"{place} is a tool result behind other content: results come first."
                yield from self._check_result(place, block.get("tool_use_id"))
        yield from self._unanswered()
        self._waiting = called
        if kinds and role == "assistant" and kinds[-1] in _THINKING:
            yield f"{where} ends with {kinds[-1]}: text or a tool call must come after it."

    def _check_call(self, where: str, block: Mapping[str, Any], called: list[str]) -> Iterator[str]:
        call_id = block.get("id")
        if not isinstance(call_id, str) or not _CALL_ID.fullmatch(call_id):
            yield f"{where}.id must be letters, digits, _ or -, not {call_id!r}."
        if isinstance(call_id, str):
            if call_id in self._call_ids:
                yield f"{where}.id {call_id!r} was used before."
            self._call_ids.add(call_id)
            called.append(call_id)
        yield from bad_name(f"{where}.name", block.get("name"))
        if not isinstance(block.get("input"), Mapping):
            yield f"{where}.input must be an object, not {type(block.get('input')).__name__}."
        if not self._has_tools:
            yield f"{where} calls a tool, but the request describes no tools."

    def _check_result(self, where: str, call_id: object) -> Iterator[str]:
        if not isinstance(call_id, str) or call_id not in self._waiting:
            yield f"{where} answers {call_id!r}, which the message before it did not call."
        else:
            self._waiting.remove(call_id)

    def _unanswered(self) -> Iterator[str]:
        for call_id in self._waiting:
            yield f"The tool call {call_id!r} has no result in the next message."
        self._waiting = []


def _bad_block(
    where: str, kind: object, block: Any, allowed: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    if not isinstance(kind, str) or kind not in allowed:
        yield f"{where} has the type {kind!r} where {', '.join(allowed)} may stand."
        return
    yield from bad_fields(where, block, ("type", *allowed[kind]), _OPTIONAL.get(kind, ()))
    match kind:
        case "text":
            yield from bad_text(f"{where}.text", block.get("text"))
        case "image":
            yield from _bad_image(f"{where}.source", block.get("source"))
        case "thinking":
            yield from bad_text(f"{where}.signature", block.get("signature"))
        case "redacted_thinking":
            yield from bad_text(f"{where}.data", block.get("data"))
        case "tool_result":
            yield from _bad_result(where, block)
        case _:
            pass


def _bad_result(where: str, block: Mapping[str, Any]) -> Iterator[str]:
    is_error = block.get("is_error", False)
    if not isinstance(is_error, bool):
        yield f"{where}.is_error must be true or false, not {is_error!r}."
    content = block.get("content", "")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        yield f"{where}.content must be text or blocks, not {type(content).__name__}."
        return
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        yield from _bad_block(f"{where}.content[{index}]", kind, part, _BLOCKS["tool_result"])
        if is_error and kind != "text":
            yield f"{where}.content[{index}] must be text, because the result is an error."


def _bad_image(where: str, source: object) -> Iterator[str]:
    kind = source.get("type") if isinstance(source, Mapping) else None
    if isinstance(source, Mapping) and kind == "base64":
        yield from bad_fields(where, source, ("type", "media_type", "data"))
        if not is_base64(source.get("data")):
            yield f"{where}.data must be base64 text that holds an image."
        elif source.get("media_type") not in _IMAGE_TYPES:
            yield f"{where}.media_type must be one of {', '.join(_IMAGE_TYPES)}."
        elif image_type(base64.b64decode(source["data"])) != source["media_type"]:
            yield f"{where}.data is not an image of the type {source['media_type']}."
    elif isinstance(source, Mapping) and kind == "url":
        yield from bad_fields(where, source, ("type", "url"))
        if not is_web_address(source.get("url")):
            yield f"{where}.url must be an http(s) address."
    else:
        yield f"{where} must be an object of the type base64 or url."


def tool_loop(messages: Sequence[Any]) -> list[int]:
    """Return which assistant messages the last message goes on with, the first one first.

    Calls, their results and the calls behind them are one turn of the model's, which is
    looked at as a whole: its thinking stands where it begins.
    """
    asked: list[int] = []
    place = len(messages) - 1
    while place > 0 and "tool_result" in _kinds(messages[place]):
        asked.insert(0, place - 1)
        place -= 2
    return asked


def _thoughtless_tool_loop(messages: Sequence[Any]) -> Iterator[str]:
    """Yield the message that begins the turn which is gone on with, if it does not think first."""
    loop = tool_loop(messages)
    begun = _kinds(messages[loop[0]]) if loop else []
    if begun and begun[0] not in _THINKING:
        yield (
            f"messages[{loop[0]}] must begin with thinking: thinking is enabled "
            "and its tool calls are being answered."
        )


def _kinds(message: object) -> list[object]:
    content = message.get("content") if isinstance(message, Mapping) else None
    blocks = content if isinstance(content, list) else []
    return [block.get("type") for block in blocks if isinstance(block, Mapping)]
