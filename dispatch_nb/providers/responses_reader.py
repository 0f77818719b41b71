"""The answer of OpenAI's Responses API, event by event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..engine.contracts import (
    AnswerInfo,
    Detail,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolInputDelta,
    UsageReport,
    UsageSoFar,
)
from ..wire.conversation import Usage
from .chat_calls import tool_call
from .chat_errors import stream_failure
from .chat_usage import count, first_count

__all__ = ["ResponseReader", "read_response_usage"]

_CACHE_READ = (("input_tokens_details", "cached_tokens"),)
_CACHE_WRITE = (("input_tokens_details", "cache_write_tokens"),)
_REASONING = (("output_tokens_details", "reasoning_tokens"),)
_TEXTS = ("response.output_text.delta", "response.refusal.delta")
_THOUGHTS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


@dataclass(slots=True)
class _Item:
    """An output item that has begun."""

    data: dict[str, Any]
    arguments: list[str] = field(default_factory=list)
    has_words: bool = False

    @property
    def kind(self) -> str:
        return _text(self.data.get("type"))


class ResponseReader:
    """Turns the events of one response into provider events.

    Items are found by `output_index`, by `item_id` where a server sends no index, and else
    are the latest. Calls of functions come out once their turn is complete, or in their
    place before later reasoning. Items that nobody asked for, such as the searches of a
    provider's own tools, are passed over.
    """

    kind: ClassVar[str] = "a response"

    def __init__(self) -> None:
        self._items: dict[int | str, _Item] = {}
        self._latest: _Item | None = None
        self._calls: list[_Item] = []
        self._usage: Mapping[str, Any] | None = None
        self._info: AnswerInfo | None = None
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the response is complete, incomplete or failed."""
        return self._ended

    def feed(self, data: Mapping[str, Any], event: str = "") -> list[ProviderEvent]:
        """Return the events of one frame, whose name is `event`."""
        kind = data.get("type") or event
        if kind in _TEXTS:
            return self._words(data, TextDelta)
        if kind in _THOUGHTS:
            return self._words(data, ReasoningDelta)
        match kind:
            case "response.created" | "response.in_progress":
                self._note(_mapping(data.get("response")))
                return [] if self._usage is None else [UsageSoFar(_report(self._usage))]
            case "response.output_item.added":
                self._begin(data)
            case "response.reasoning_summary_part.added":
                return self._new_part(data)
            case "response.function_call_arguments.delta":
                return _more_input(self._item(data), _text(data.get("delta")))
            case "response.function_call_arguments.done":
                self._item(data).arguments[:] = [_text(data.get("arguments"))]
            case "response.output_item.done":
                return self._finish_item(data)
            case "response.completed" | "response.incomplete" | "response.done":
                return self._complete(_mapping(data.get("response")))
            case "response.failed" | "response.cancelled" | "response.canceled":
                return self._fail(_mapping(data.get("response")))
            case _ if kind == "error" or data.get("error"):
                return [*self.usage(), stream_failure(data)]
            case _:
                pass
        return []

    def close(self, *, marked: bool) -> list[ProviderEvent] | None:
        """Return None: a response says itself that it is complete."""
        return None

    def usage(self) -> list[ProviderEvent]:
        """Return what is left to say of an answer that broke off: who answered, and usage."""
        events: list[ProviderEvent] = []
        if self._info is not None:
            events.append(self._info)
            self._info = None
        if self._usage is not None:
            events.append(_report(self._usage))
            self._usage = None
        return events

    def whole(self, data: Mapping[str, Any]) -> list[ProviderEvent] | None:
        """Return the events of an answer that was not streamed, None if it is none."""
        if isinstance(data.get("output"), list):
            failed = data.get("status") in ("failed", "cancelled")
            return self._fail(data) if failed else self._complete(data)
        if data.get("error"):
            return [stream_failure(data)]
        return None

    def _note(self, response: Mapping[str, Any]) -> None:
        if self._info is None:
            found = _text(response.get("id")) or None, _text(response.get("model")) or None
            self._info = AnswerInfo(*found) if any(found) else None
        if isinstance(usage := response.get("usage"), Mapping) and usage:
            self._usage = usage

    def _item(self, data: Mapping[str, Any]) -> _Item:
        """Return the item that an event is about."""
        keys = _keys(data.get("output_index"), data.get("item_id"))
        known = next((self._items[key] for key in keys if key in self._items), None)
        return known or self._latest or self._begin({})

    def _begin(self, data: Mapping[str, Any]) -> _Item:
        item = self._latest = _Item(dict(_mapping(data.get("item"))))
        for key in _keys(data.get("output_index"), item.data.get("id")):
            self._items[key] = item
        if item.kind == "function_call":
            self._calls.append(item)
        return item

    def _words(
        self, data: Mapping[str, Any], kind: type[TextDelta | ReasoningDelta]
    ) -> list[ProviderEvent]:
        delta = data.get("delta")
        if not isinstance(delta, str) or not delta:
            return []
        self._item(data).has_words = True
        return [*self._take_calls(), kind(delta)] if self._calls else [kind(delta)]

    def _new_part(self, data: Mapping[str, Any]) -> list[ProviderEvent]:
        """Return the border between two parts of a summary: each is a block of its own."""
        is_later = self._item(data).has_words and data.get("summary_index") not in (None, 0)
        return [Detail({"type": "summary_part"})] if is_later else []

    def _finish_item(self, data: Mapping[str, Any]) -> list[ProviderEvent]:
        done = _mapping(data.get("item"))
        keys = _keys(data.get("output_index"), done.get("id"))
        known = any(key in self._items for key in keys)
        item = self._item({**data, "item_id": done.get("id")}) if known else self._begin(data)
        item.data |= done
        if item.kind == "function_call":
            return []
        events = [] if item.has_words else _whole_words(item.data)
        if item.kind == "reasoning":
            kept = {name: value for name, value in item.data.items() if value is not None}
            events.append(Detail(kept, alone=not (item.has_words or events)))
        return [*self._take_calls(), *events] if events else []

    def _complete(self, response: Mapping[str, Any]) -> list[ProviderEvent]:
        self._ended = True
        self._note(response)
        events: list[ProviderEvent] = []
        output = response.get("output")
        if self._latest is None and isinstance(output, list):  # it came as a whole
            for index, item in enumerate(output):
                events += self._finish_item({"output_index": index, "item": item})
        status = _text(response.get("status")) or "completed"
        # An incomplete response says why: its tokens ran out, or a filter cut it.
        why = _text(_mapping(response.get("incomplete_details")).get("reason"))
        return [*events, *self._take_calls(), *self.usage(), Finish(why or status)]

    def _fail(self, response: Mapping[str, Any]) -> list[ProviderEvent]:
        self._note(response)
        status = _text(response.get("status")) or "failed"
        said = response.get("error") or {"message": f"the response is {status}"}
        return [*self.usage(), stream_failure({"error": said})]

    def _take_calls(self) -> list[ProviderEvent]:
        calls, self._calls = self._calls, []
        return [_call(item) for item in calls]


def _report(raw: Mapping[str, Any]) -> UsageReport:
    return UsageReport(read_response_usage(raw), first_count(raw, _REASONING), raw)


def read_response_usage(raw: Mapping[str, Any]) -> Usage:
    """Return a response's usage object under the contract's names."""
    counts: dict[str, int] = {}
    if (cache_read := first_count(raw, _CACHE_READ)) is not None:
        counts["cache_read_tokens"] = cache_read
    if (cache_write := first_count(raw, _CACHE_WRITE)) is not None:
        counts["cache_write_tokens"] = cache_write
    return Usage(
        input_tokens=count(raw.get("input_tokens")) or 0,
        output_tokens=count(raw.get("output_tokens")) or 0,
        **counts,
    )


def _keys(*marks: object) -> list[int | str]:
    """Return those of `marks` that name an item."""
    return [mark for mark in marks if isinstance(mark, int | str)]


def _more_input(item: _Item, piece: str) -> list[ProviderEvent]:
    item.arguments.append(piece)
    call_id = _text(item.data.get("call_id")) or _text(item.data.get("id"))
    name = _text(item.data.get("name"))
    return [ToolInputDelta(call_id, name, piece)] if piece and call_id and name else []


def _call(item: _Item) -> ProviderEvent:
    arguments = item.data.get("arguments") or "".join(item.arguments)
    call_id = _text(item.data.get("call_id")) or _text(item.data.get("id"))
    given = arguments if isinstance(arguments, str | dict) else ""
    return tool_call(call_id, _text(item.data.get("name")), given)


def _whole_words(item: Mapping[str, Any]) -> list[ProviderEvent]:
    """Return what an item says that came without deltas."""
    events: list[ProviderEvent] = []
    for name in ("summary", "content"):
        parts = item.get(name)
        for part in parts if isinstance(parts, list) else ():
            text = _text(_mapping(part).get("text")) or _text(_mapping(part).get("refusal"))
            if text and item.get("type") == "reasoning":
                events.append(ReasoningDelta(text))
            elif text and item.get("type") == "message":
                events.append(TextDelta(text))
    return events


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
