"""The answer of OpenAI-compatible chat completions, frame by frame.

Source: the Dispatch turn contract, section 8, and what compatible servers were seen to send.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..engine.contracts import (
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    UsageReport,
)
from ..wire.conversation import Usage
from .chat_errors import stream_failure

__all__ = ["ChunkReader", "read_usage"]


@dataclass(slots=True)
class _Gathered:
    """A tool call whose fragments are still coming."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""
    whole: Mapping[str, Any] | None = None  # arguments that came as an object, not as text

    def extend(self, fragment: Mapping[str, Any]) -> None:
        function = _mapping(fragment.get("function"))
        # Servers repeat id and name, or send them empty later: the first one counts.
        self.call_id = self.call_id or _text(fragment.get("id"))
        self.name = self.name or _text(function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, Mapping):
            self.whole = arguments
        else:
            self.arguments += _text(arguments)

    def is_other(self, fragment: Mapping[str, Any]) -> bool:
        """Whether `fragment` begins another call: it names a function under a new id."""
        call_id, name = _text(fragment.get("id")), _mapping(fragment.get("function")).get("name")
        return bool(call_id and name and self.call_id and call_id != self.call_id)

    def call(self) -> ToolCall:
        """Return the complete call; arguments that do not parse stay text."""
        call_id = self.call_id or f"call_{secrets.token_hex(8)}"
        if self.whole is not None:
            return ToolCall(call_id, self.name, dict(self.whole))
        if not self.arguments.strip():
            return ToolCall(call_id, self.name, {})
        try:
            return ToolCall(call_id, self.name, json.loads(self.arguments, parse_constant=_refuse))
        except (ValueError, RecursionError):
            return ToolCall(call_id, self.name, self.arguments)


class ChunkReader:
    """Turns the JSON frames of one answer into provider events.

    `feed` gives what each frame adds; `close` gives what is known only at the end: calls
    that no finish reason completed, usage (the last that was sent, once) and the finish.
    """

    kind: ClassVar[str] = "a chat completion"

    def __init__(self) -> None:
        self._calls: dict[int, _Gathered] = {}
        self._latest: _Gathered | None = None
        self._usage: Mapping[str, Any] | None = None
        self._finish: str | None = None

    @property
    def ended(self) -> bool:
        """Never: usage may come after the finish reason, until the end mark."""
        return False

    def feed(self, frame: Mapping[str, Any], event: str = "") -> list[ProviderEvent]:
        """Return the events of one frame, whose name is `event`."""
        usage = frame.get("usage") or _mapping(frame.get("x_groq")).get("usage")
        if isinstance(usage, Mapping):
            self._usage = usage
        events: list[ProviderEvent] = []
        choices = frame.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            # Only the first of several alternative answers is shown.
            if isinstance(choice, Mapping) and choice.get("index", 0) in (0, None):
                events += self._choice(choice)
        if event == "error" or frame.get("error") or frame.get("object") == "error":
            events += [*self._usage_report(), stream_failure(frame)]
        return events

    def close(self, *, marked: bool) -> list[ProviderEvent] | None:
        """Return the events that complete the answer; `marked` if ``[DONE]`` has come.

        None if there was neither the mark nor a finish reason. Some servers leave out one
        of them.
        """
        if not marked and self._finish is None:
            return None
        events = [*self._take_calls(), *self._usage_report()]
        return events if self._finish is None else [*events, Finish(self._finish)]

    def usage(self) -> list[ProviderEvent]:
        """Return only the usage: what is left to say of an answer that broke off."""
        return self._usage_report()

    def whole(self, data: Mapping[str, Any]) -> list[ProviderEvent] | None:
        """Return the events of an answer that was not streamed, None if it is none."""
        if not (data.get("choices") or data.get("error")):
            return None
        events = self.feed(data)
        if events and isinstance(events[-1], Failure):
            return events
        return events + (self.close(marked=True) or [])

    def _choice(self, choice: Mapping[str, Any]) -> list[ProviderEvent]:
        # Some servers send the whole message beside each delta: it must not count twice.
        delta = choice.get("delta")
        part = delta if isinstance(delta, Mapping) else _mapping(choice.get("message"))
        events: list[ProviderEvent] = [*_thinking(part), *_content(part.get("content"))]
        if refusal := _text(part.get("refusal")):
            events.append(TextDelta(refusal))
        fragments = part.get("tool_calls")
        for fragment in fragments if isinstance(fragments, list) else ():
            if isinstance(fragment, Mapping):
                self._gather(fragment)
        if reason := _text(choice.get("finish_reason")):
            self._finish = reason
            events += self._take_calls()
        return events

    def _gather(self, fragment: Mapping[str, Any]) -> None:
        call_id, index = _text(fragment.get("id")), fragment.get("index")
        if not isinstance(index, int):
            # No index: a new id begins a call, anything else goes on with the latest.
            is_new = self._latest is None or (call_id and call_id != self._latest.call_id)
            index = self._next_index() if is_new else max(self._calls)
        gathered = self._calls.get(index)
        if gathered is not None and gathered.is_other(fragment):
            index = self._next_index()  # some servers give every parallel call the index 0
            gathered = None
        if gathered is None:
            gathered = self._calls[index] = _Gathered()
        self._latest = gathered
        gathered.extend(fragment)

    def _next_index(self) -> int:
        return max(self._calls, default=-1) + 1

    def _take_calls(self) -> list[ProviderEvent]:
        calls, self._calls, self._latest = self._calls, {}, None
        return [calls[index].call() for index in sorted(calls)]

    def _usage_report(self) -> list[ProviderEvent]:
        raw, self._usage = self._usage, None
        return [] if raw is None else [UsageReport(read_usage(raw), raw=raw)]


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return a server's usage object under the contract's names."""
    details = _mapping(raw.get("prompt_tokens_details"))
    counts: dict[str, int] = {}
    cache_read = _count(raw.get("cache_read_tokens"))
    if cache_read is None:
        cache_read = _count(details.get("cached_tokens"))
    if cache_read is not None:
        counts["cache_read_tokens"] = cache_read
    if (cache_write := _count(raw.get("cache_write_tokens"))) is not None:
        counts["cache_write_tokens"] = cache_write
    return Usage(
        input_tokens=_count(raw.get("prompt_tokens")) or 0,
        output_tokens=_count(raw.get("completion_tokens")) or 0,
        **counts,
    )


def _thinking(part: Mapping[str, Any]) -> list[ProviderEvent]:
    """Return the thinking of a delta, once, though some servers send it under two names."""
    for key in ("reasoning_content", "reasoning"):
        if text := _text(part.get(key)):
            return [ReasoningDelta(text)]
    details = part.get("reasoning_details")
    found = [_mapping(each) for each in details] if isinstance(details, list) else []
    text = "".join(_text(each.get("text")) or _text(each.get("summary")) for each in found)
    return [ReasoningDelta(text)] if text else []


def _content(content: Any) -> list[ProviderEvent]:
    if isinstance(content, str):
        return [TextDelta(content)] if content else []
    events: list[ProviderEvent] = []
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, Mapping):
            continue
        if part.get("type") == "thinking":
            thought = part.get("thinking")
            inner = thought if isinstance(thought, list) else [{"text": thought}]
            text = "".join(_text(_mapping(each).get("text")) for each in inner)
            events += [ReasoningDelta(text)] if text else []
        elif text := _text(part.get("text")):
            events.append(TextDelta(text))
    return events


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
