"""The rules for the messages of an OpenAI-compatible request, as the strictest servers check.

No server enforces them all. OpenAI refuses wrong shapes, long ids, names outside its
pattern and calls that are not answered at once; chat templates of served models (vLLM,
llama.cpp, and hosts built on them) refuse a system message that is not the first, equal
neighbours, a closing assistant message and arguments that are not an object; gateways to
other APIs refuse blank text and repeated ids.

One rule is left out on purpose. Mistral's own API refuses a user message after a tool
result, which is where steering stands: it could be kept only with an invented answer in
between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .rules import bad_fields, bad_name, bad_text, is_image_address

__all__ = ["chat_violations"]

_LONGEST_CALL_ID = 40
_THINKING = ("reasoning_details", "thinking_blocks")
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "system": (("role", "content"), ("name",)),
    "developer": (("role", "content"), ("name",)),
    "user": (("role", "content"), ("name",)),
    "assistant": (
        ("role",),
        ("content", "tool_calls", "name", "refusal", "reasoning_content", *_THINKING),
    ),
    "tool": (("role", "content", "tool_call_id"), ()),
}
_PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url"),
    "assistant": ("text",),
    "tool": ("text",),
}
_INSTRUCTIONS = ("system", "developer")


def chat_violations(body: Mapping[str, Any]) -> list[str]:
    """Return why a strict server would refuse the messages of `body`: nothing if it would not.

    Parameters
    ----------
    body
        The JSON body of a request for chat completions.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return ["messages must be a list with at least one message."]
    return list(_History().check(messages))


class _History:
    """What the messages so far decide about the next."""

    def __init__(self) -> None:
        self._last_role: str | None = None
        self._call_ids: set[str] = set()
        self._waiting: list[str] = []

    def check(self, messages: list[Any]) -> Iterator[str]:
        for index, message in enumerate(messages):
            where = f"messages[{index}]"
            role = message.get("role") if isinstance(message, Mapping) else None
            if not isinstance(message, Mapping):
                yield f"{where} must be an object, not {type(message).__name__}."
            elif not isinstance(role, str) or role not in _FIELDS:
                yield f"{where} has the role {role!r}, which does not exist."
            else:
                yield from self._check_place(where, role)
                yield from bad_fields(where, message, *_FIELDS[role])
                yield from self._check_message(where, role, message)
                self._last_role = role
        yield from self._unanswered()
        if self._last_role not in ("user", "tool"):
            yield f"The last message must be the user's or a tool's, not {self._last_role!r}."

    def _check_place(self, where: str, role: str) -> Iterator[str]:
        if role != "tool":
            yield from self._unanswered()
        if role in _INSTRUCTIONS and self._last_role is not None:
            yield f"{where} is a {role} message and not the first message."
        elif role in ("user", "assistant") and role == self._last_role:
            yield f"{where} follows another {role} message: the two must take turns."
        elif role == "assistant" and self._last_role in (None, *_INSTRUCTIONS):
            yield f"{where} is an assistant message before any user message."

    def _unanswered(self) -> Iterator[str]:
        for call_id in self._waiting:
            yield f"The tool call {call_id!r} is not answered directly after its message."
        self._waiting = []

    def _check_message(self, where: str, role: str, message: Mapping[str, Any]) -> Iterator[str]:
        content = message.get("content")
        calls = message.get("tool_calls")
        if role == "assistant" and "tool_calls" in message:
            yield from self._check_calls(f"{where}.tool_calls", calls)
        if role == "tool":
            yield from self._check_result(where, message.get("tool_call_id"))
        if "reasoning_content" in message:
            yield from bad_text(f"{where}.reasoning_content", message["reasoning_content"])
        for name in _THINKING:
            if name in message:
                yield from _bad_thinking(f"{where}.{name}", message[name])
        if content is not None or not (role == "assistant" and calls):
            yield from _bad_content(f"{where}.content", content, _PARTS[role])

    def _check_calls(self, where: str, calls: object) -> Iterator[str]:
        if not isinstance(calls, list) or not calls:
            yield f"{where} must be a list with at least one call, or be absent."
            return
        for index, call in enumerate(calls):
            if not isinstance(call, Mapping):
                yield f"{where}[{index}] must be an object, not {type(call).__name__}."
                continue
            yield from _bad_call(f"{where}[{index}]", call)
            call_id = call.get("id")
            if isinstance(call_id, str):
                if call_id in self._call_ids:
                    yield f"{where}[{index}].id {call_id!r} was used before."
                self._call_ids.add(call_id)
                self._waiting.append(call_id)

    def _check_result(self, where: str, call_id: object) -> Iterator[str]:
        if not isinstance(call_id, str):
            yield f"{where}.tool_call_id must be text, not {type(call_id).__name__}."
        elif call_id not in self._waiting:
            yield f"{where} answers {call_id!r}, which no message directly before it called."
        else:
            if call_id != self._waiting[0]:
                yield f"{where} answers {call_id!r} before {self._waiting[0]!r}, called earlier."
            self._waiting.remove(call_id)


def _bad_call(where: str, call: Mapping[str, Any]) -> Iterator[str]:
    yield from bad_fields(where, call, ("id", "type", "function"))
    call_id = call.get("id")
    yield from bad_text(f"{where}.id", call_id)
    if isinstance(call_id, str) and len(call_id) > _LONGEST_CALL_ID:
        yield f"{where}.id is longer than {_LONGEST_CALL_ID} characters."
    if call.get("type") != "function":
        yield f"{where}.type must be 'function', not {call.get('type')!r}."
    function = call.get("function")
    if not isinstance(function, Mapping):
        yield f"{where}.function must be an object, not {type(function).__name__}."
        return
    yield from bad_fields(f"{where}.function", function, ("name", "arguments"))
    yield from bad_name(f"{where}.function.name", function.get("name"))
    yield from _bad_arguments(f"{where}.function.arguments", function.get("arguments"))


def _bad_arguments(where: str, arguments: object) -> Iterator[str]:
    if not isinstance(arguments, str):
        yield f"{where} must be JSON as text, not {type(arguments).__name__}."
        return
    try:
        value = json.loads(arguments, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        yield f"{where} must be JSON: {error}."
    else:
        if not isinstance(value, dict):
            yield f"{where} must be a JSON object, not {type(value).__name__}."


def _bad_thinking(where: str, blocks: object) -> Iterator[str]:
    if not isinstance(blocks, list) or not blocks:
        yield f"{where} must be a list with at least one block, or be absent."
        return
    for index, block in enumerate(blocks):
        if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
            yield f"{where}[{index}] must be an object with a type."


def _bad_content(where: str, content: object, kinds: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(content, list):
        yield from bad_text(where, content)
        return
    if not content:
        yield f"{where} is an empty list."
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind not in kinds:
            yield f"{where}[{index}] has the type {kind!r} where {' or '.join(kinds)} may stand."
        elif kind == "text":
            yield from bad_fields(f"{where}[{index}]", part, ("type", "text"))
            yield from bad_text(f"{where}[{index}].text", part.get("text"))
        else:
            yield from bad_fields(f"{where}[{index}]", part, ("type", "image_url"))
            yield from _bad_image(f"{where}[{index}].image_url", part.get("image_url"))


def _bad_image(where: str, image: object) -> Iterator[str]:
    if not isinstance(image, Mapping):
        yield f"{where} must be an object, not {type(image).__name__}."
        return
    yield from bad_fields(where, image, ("url",), ("detail",))
    if not is_image_address(image.get("url")):
        yield f"{where}.url must be an http(s) address or an image as a base64 data URL."


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")
