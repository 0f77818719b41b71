"""The answer of OpenAI-compatible chat completions, frame by frame.

Source: the Dispatch turn contract, section 8, and what compatible servers were seen to send.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..engine.contracts import (
    AnswerInfo,
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    UsageReport,
    UsageSoFar,
)
from .chat_calls import Calls
from .chat_errors import stream_failure
from .chat_thinking import Thinking, thinking_parts
from .chat_usage import read_reasoning, read_usage

__all__ = ["ChunkReader"]


class ChunkReader:
    """Turns the JSON frames of one answer into provider events.

    `feed` gives what each frame adds; `close` gives what is known only at the end: tool
    calls, usage (the last that was sent, once) and the finish. Of several alternative
    answers only the first is read.
    """

    kind: ClassVar[str] = "a chat completion"

    def __init__(self) -> None:
        self._calls = Calls()
        self._thinking = Thinking()
        self._is_thinking = False
        self._has_deltas = False
        self._usage: Mapping[str, Any] | None = None
        self._finish: str | None = None
        self._id = ""
        self._model = ""

    @property
    def ended(self) -> bool:
        """Never: usage may come after the finish reason, until the end mark."""
        return False

    def feed(self, frame: Mapping[str, Any], event: str = "") -> list[ProviderEvent]:
        """Return the events of one frame, whose name is `event`."""
        if not self._id or not self._model:
            self._id = self._id or _text(frame.get("id"))
            self._model = self._model or _text(frame.get("model"))
        usage = frame.get("usage") or ("x_groq" in frame and _mapping(frame["x_groq"]).get("usage"))
        events: list[ProviderEvent] = []
        if usage and isinstance(usage, Mapping):
            self._usage = usage
        choices = frame.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, Mapping) and not choice.get("index"):
                self._choice(choice, events)
        if usage and usage is self._usage and self._finish is None:  # else the end is near
            events.append(UsageSoFar(_report(self._usage)))
        if (
            event == "error"
            or frame.get("error")
            or "error"
            in (
                frame.get("object"),
                frame.get("type"),
            )
        ):
            events += [*self.usage(), stream_failure(frame)]
        return events

    def close(self, *, marked: bool) -> list[ProviderEvent] | None:
        """Return the events that complete the answer; `marked` if ``[DONE]`` has come.

        None if there was neither the mark nor a finish reason. Some servers leave out one
        of them.
        """
        if not marked and self._finish is None:
            return None
        if self._finish == "error":
            words = "The provider broke off its answer with an error, and did not say which."
            return [*self.usage(), Failure(words, retryable=True)]
        events = [*self._thinking.detail(), *self._calls.take(), *self.usage()]
        return events if self._finish is None else [*events, Finish(self._finish)]

    def usage(self) -> list[ProviderEvent]:
        """Return what is left to say of an answer that broke off: who answered, and usage."""
        events: list[ProviderEvent] = []
        if self._id or self._model:
            events.append(AnswerInfo(self._id or None, self._model or None))
            self._id = self._model = ""
        if self._usage is not None:
            events.append(_report(self._usage))
            self._usage = None
        return events

    def whole(self, data: Mapping[str, Any]) -> list[ProviderEvent] | None:
        """Return the events of an answer that was not streamed, None if it is none."""
        if not (data.get("choices") or data.get("error")):
            return None
        events = self.feed(data)
        if events and isinstance(events[-1], Failure):
            return events
        return events + (self.close(marked=True) or [])

    def _choice(self, choice: Mapping[str, Any], events: list[ProviderEvent]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, Mapping):
            self._has_deltas = True
        else:
            # Some servers send the whole message beside the deltas: it must not count twice.
            delta = {} if self._has_deltas else _mapping(choice.get("message"))
        content = delta.get("content")
        if len(delta) > 1 or not isinstance(content, str):
            self._read(delta, content, events)
        elif content:  # what nearly every frame says
            self._say(content, events)
        if reason := _text(choice.get("finish_reason")):
            self._finish = reason

    def _read(self, delta: Mapping[str, Any], content: object, events: list[ProviderEvent]) -> None:
        if thought := self._thinking.read(delta):
            self._is_thinking = True
            events.append(ReasoningDelta(thought))
        if isinstance(content, str):
            if content:
                self._say(content, events)
        elif isinstance(content, list):
            self._parts(content, events)
        if refusal := _text(delta.get("refusal")):
            self._say(refusal, events)
        if fragments := delta.get("tool_calls"):
            events += self._calls.add(fragments)
        elif function := delta.get("function_call"):
            self._calls.add_function(function)

    def _parts(self, content: list[Any], events: list[ProviderEvent]) -> None:
        for part in content:
            if not isinstance(part, Mapping):
                continue
            if part.get("type") == "thinking":
                events += thinking_parts(part)
            elif text := _text(part.get("text")) or _text(part.get("refusal")):
                self._say(text, events)

    def _say(self, text: str, events: list[ProviderEvent]) -> None:
        if self._is_thinking:
            self._is_thinking = False
            events += self._thinking.detail()
        events.append(TextDelta(text))


def _report(raw: Mapping[str, Any]) -> UsageReport:
    return UsageReport(read_usage(raw), read_reasoning(raw), raw)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
