"""The tool calls of a chat completion, gathered from the fragments they come in.

Servers mark the fragments of one call by its index, by its id, by both, or by nothing.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.contracts import ProviderEvent, ToolCall, ToolInputDelta

__all__ = ["Calls", "tool_call"]


@dataclass(slots=True, eq=False)
class _Call:
    """A tool call whose fragments are still coming."""

    place: int
    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    whole: Mapping[str, Any] | None = None  # arguments that came as an object, not as text

    @property
    def text(self) -> str:
        return "".join(self.arguments)

    def extend(self, call_id: str, name: str, arguments: Any) -> None:
        # Servers repeat id and name, or send them empty later: the first one counts.
        self.call_id = self.call_id or call_id
        self.name = self.name or name
        if isinstance(arguments, Mapping):
            self.whole = arguments
        elif isinstance(arguments, str):
            self.arguments.append(arguments)
        elif arguments is not None:
            self.arguments.append(json.dumps(arguments))

    def is_complete(self) -> bool:
        try:
            json.loads(self.text)
        except (ValueError, RecursionError):
            return self.whole is not None
        return True


class Calls:
    """The calls of one answer; `add` takes what each delta says of them."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    def add(self, fragments: object) -> list[ProviderEvent]:
        """Add the fragments of one delta: a list, of which each entry is of another call.

        Return what they add to arguments, as far as it is known whose these are.
        """
        touched: list[_Call] = []
        events: list[ProviderEvent] = []
        for fragment in fragments if isinstance(fragments, list) else ():
            if not isinstance(fragment, Mapping):
                continue
            function = fragment.get("function")
            function = function if isinstance(function, Mapping) else {}
            index, call_id = fragment.get("index"), _text(fragment.get("id"))
            name = _text(function.get("name"))
            if isinstance(index, int):
                call = self._at_index(index, call_id, name, touched)
            else:
                call = self._without_index(call_id, name, touched)
            arguments = function.get("arguments")
            call.extend(call_id, name, arguments)
            if call.call_id:
                self._by_id.setdefault(call.call_id, call)
            touched.append(call)
            if call.call_id and call.name and arguments and isinstance(arguments, str):
                events.append(ToolInputDelta(call.call_id, call.name, arguments))
        return events

    def add_function(self, function: object) -> None:
        """Add a fragment of the legacy `function_call`, of which an answer has one."""
        if isinstance(function, Mapping):
            call = self._calls[0] if self._calls else self._new(0)
            call.extend("", _text(function.get("name")), function.get("arguments"))

    def take(self) -> list[ToolCall]:
        """Return the calls in their order, once."""
        calls = sorted(self._calls, key=lambda call: call.place)
        self._calls, self._by_index, self._by_id = [], {}, {}
        taken: list[ToolCall] = []
        for call in calls:
            if not (call.call_id or call.name or call.whole or call.text.strip()):
                continue
            used = {other.tool_call_id for other in taken}
            call_id = "" if call.call_id in used else call.call_id
            arguments = call.text if call.whole is None else dict(call.whole)
            taken.append(tool_call(call_id, call.name, arguments))
        return taken

    def _at_index(self, index: int, call_id: str, name: str, touched: list[_Call]) -> _Call:
        call = self._by_index.get(index)
        if call is None:
            known = self._by_id.get(call_id)
            if known is not None and not name:
                return known
        elif not name or not (call in touched or (call_id and call.call_id not in ("", call_id))):
            return call
        # Some servers give every parallel call the index 0: a new name under a new id.
        call = self._by_index[index] = self._new(index)
        return call

    def _without_index(self, call_id: str, name: str, touched: list[_Call]) -> _Call:
        if call_id in self._by_id:
            return self._by_id[call_id]
        if self._calls:
            latest = self._calls[-1]
            if call_id:
                is_other = bool(latest.call_id or name)
            else:
                is_other = bool(name) and (
                    latest in touched or name != latest.name or latest.is_complete()
                )
            if not is_other:
                return latest
        return self._new(max((call.place for call in self._calls), default=-1) + 1)

    def _new(self, place: int) -> _Call:
        call = _Call(place)
        self._calls.append(call)
        return call


def tool_call(call_id: str, name: str, arguments: str | dict[str, Any]) -> ToolCall:
    """Return a complete call; arguments that are not JSON stay text, none become ``{}``.

    A call without an id gets one of its own: its result could not be told apart.
    """
    call_id = call_id or f"call_{secrets.token_hex(8)}"
    if isinstance(arguments, dict):
        return ToolCall(call_id, name, arguments)
    if not arguments.strip():
        return ToolCall(call_id, name, {})
    try:
        return ToolCall(call_id, name, json.loads(arguments, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return ToolCall(call_id, name, arguments)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
