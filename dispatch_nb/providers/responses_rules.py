"""The rules for the input of a Responses request, as the strictest servers check it.

OpenAI refuses wrong shapes, long ids, names outside its pattern, calls without results and
results without calls, and reasoning without what it led to. Blank text is refused by
servers that hand it on to other APIs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .rules import bad_fields, bad_name, bad_text, is_image_address

__all__ = ["responses_violations"]

_LONGEST_CALL_ID = 64
_PARTS = {
    "user": ("input_text", "input_image"),
    "system": ("input_text",),
    "developer": ("input_text",),
    "assistant": ("output_text", "refusal"),
}
_REASONING = ("encrypted_content", "content", "status")


def responses_violations(body: Mapping[str, Any]) -> list[str]:
    """Return why a strict server would refuse the input of `body`: nothing if it would not.

    Parameters
    ----------
    body
        The JSON body of a request for a response.
    """
    items = body.get("input")
    if not isinstance(items, list) or not items:
        return ["input must be a list with at least one item."]
    found = list(bad_text("instructions", body["instructions"])) if "instructions" in body else []
    if body.get("store") is not False:
        found.append("store must be false: the history is ours.")
    if "previous_response_id" in body:
        found.append("previous_response_id must not be there: the history is ours.")
    return [*found, *_Input().check(items)]


class _Input:
    """What the items so far decide about the next."""

    def __init__(self) -> None:
        self._call_ids: set[str] = set()
        self._waiting: list[str] = []
        self._leads_nowhere = ""  # the reasoning that waits for what it led to

    def check(self, items: list[Any]) -> Iterator[str]:
        last = ""
        for index, item in enumerate(items):
            where = f"input[{index}]"
            if not isinstance(item, Mapping):
                yield f"{where} must be an object, not {type(item).__name__}."
                continue
            last = str(item.get("type", "message" if "role" in item else None))
            led_to = last == "function_call" or item.get("role") == "assistant"
            if self._leads_nowhere and not led_to:
                yield f"{self._leads_nowhere} is reasoning without the item it led to."
            self._leads_nowhere = where if last == "reasoning" else ""
            if last == "message" and item.get("role") != "assistant":
                # A model's own words and thoughts may stand behind its calls.
                yield from self._unanswered()
            yield from self._item(where, last, item)
            last = "assistant" if item.get("role") == "assistant" else last
        if self._leads_nowhere:
            yield f"{self._leads_nowhere} is reasoning without the item it led to."
        yield from self._unanswered()
        if last not in ("message", "function_call_output"):
            yield f"The last item must be the user's or a function's output, not {last!r}."

    def _item(self, where: str, kind: str, item: Mapping[str, Any]) -> Iterator[str]:
        match kind:
            case "message":
                yield from _bad_message(where, item)
            case "function_call":
                yield from self._call(where, item)
            case "function_call_output":
                yield from self._output(where, item)
            case "reasoning":
                yield from bad_fields(where, item, ("type", "id", "summary"), _REASONING)
                if not (item.get("encrypted_content") or item.get("content")):
                    yield f"{where} only refers to reasoning, and nothing is stored."
            case _:
                yield f"{where} has the type {kind!r}, which is not sent."

    def _call(self, where: str, item: Mapping[str, Any]) -> Iterator[str]:
        yield from bad_fields(where, item, ("type", "call_id", "name", "arguments"))
        yield from bad_name(f"{where}.name", item.get("name"))
        yield from _bad_arguments(f"{where}.arguments", item.get("arguments"))
        call_id = item.get("call_id")
        yield from bad_text(f"{where}.call_id", call_id)
        if not isinstance(call_id, str):
            return
        if len(call_id) > _LONGEST_CALL_ID:
            yield f"{where}.call_id is longer than {_LONGEST_CALL_ID} characters."
        if call_id in self._call_ids:
            yield f"{where}.call_id {call_id!r} was used before."
        self._call_ids.add(call_id)
        self._waiting.append(call_id)

    def _output(self, where: str, item: Mapping[str, Any]) -> Iterator[str]:
        yield from bad_fields(where, item, ("type", "call_id", "output"))
        yield from bad_text(f"{where}.output", item.get("output"))
        call_id = item.get("call_id")
        if call_id in self._waiting:
            self._waiting.remove(call_id)
        else:
            yield f"{where} answers {call_id!r}, which was not called."

    def _unanswered(self) -> Iterator[str]:
        for call_id in self._waiting:
            yield f"The function call {call_id!r} has no output before the next message."
        self._waiting = []


def _bad_message(where: str, item: Mapping[str, Any]) -> Iterator[str]:
    yield from bad_fields(where, item, ("role", "content"), ("type",))
    role, content = item.get("role"), item.get("content")
    if not isinstance(role, str) or role not in _PARTS:
        yield f"{where} has the role {role!r}, which does not exist."
    elif isinstance(content, str):
        yield from bad_text(f"{where}.content", content)
    elif not isinstance(content, list) or not content:
        yield f"{where}.content must be text or a list with at least one part."
    else:
        for index, part in enumerate(content):
            yield from _bad_part(f"{where}.content[{index}]", part, _PARTS[role])


def _bad_part(where: str, part: object, kinds: tuple[str, ...]) -> Iterator[str]:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or kind not in kinds:
        yield f"{where} has the type {kind!r} where {' or '.join(kinds)} may stand."
    elif kind == "input_image":
        yield from bad_fields(where, part, ("type", "image_url"), ("detail",))
        if not is_image_address(part.get("image_url")):
            yield f"{where}.image_url must be an http(s) address or an image as a data URL."
    else:
        field = "refusal" if kind == "refusal" else "text"
        yield from bad_fields(where, part, ("type", field))
        yield from bad_text(f"{where}.{field}", part.get(field))


def _bad_arguments(where: str, arguments: object) -> Iterator[str]:
    if not isinstance(arguments, str):
        yield f"{where} must be JSON as text, not {type(arguments).__name__}."
        return
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError) as error:
        yield f"{where} must be JSON: {error}."
    else:
        if not isinstance(value, dict):
            yield f"{where} must be a JSON object, not {type(value).__name__}."
