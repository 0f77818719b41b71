"""The answer of Ollama's own chat API, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..engine.contracts import (
    AnswerInfo,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    UsageReport,
)
from ..wire.conversation import Usage
from .chat_calls import Calls
from .chat_errors import stream_failure
from .chat_usage import count

__all__ = ["OllamaReader"]

_COUNTS = ("prompt_eval_count", "eval_count")


class OllamaReader:
    """Turns the lines of one answer into provider events; the line with ``done`` ends it."""

    kind: ClassVar[str] = "an Ollama chat answer"

    def __init__(self) -> None:
        self._calls = Calls()
        self._model = ""
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the line with ``done`` has come."""
        return self._ended

    def feed(self, data: Mapping[str, Any], event: str = "") -> list[ProviderEvent]:
        """Return the events of one line."""
        if data.get("error"):
            return [*self.usage(), stream_failure(data)]
        model = data.get("model")
        self._model = self._model or (model if isinstance(model, str) else "")
        message = data.get("message")
        events = self._message(message) if isinstance(message, Mapping) else []
        if data.get("done") is not True:
            return events
        self._ended = True
        return [*events, *self._calls.take(), *self.usage(), *_usage(data), *_finish(data)]

    def close(self, *, marked: bool) -> list[ProviderEvent] | None:
        """Return None: the last line says itself that it is the last."""
        return None

    def usage(self) -> list[ProviderEvent]:
        """Return what is left to say of an answer that broke off: who answered."""
        model, self._model = self._model, ""
        return [AnswerInfo(response_model=model)] if model else []

    def whole(self, data: Mapping[str, Any]) -> list[ProviderEvent] | None:
        """Return None: an answer that is not streamed is one line like the others."""
        return None

    def _message(self, message: Mapping[str, Any]) -> list[ProviderEvent]:
        events: list[ProviderEvent] = []
        thinking, content = message.get("thinking"), message.get("content")
        if isinstance(thinking, str) and thinking:
            events.append(ReasoningDelta(thinking))
        if isinstance(content, str) and content:
            events.append(TextDelta(content))
        self._calls.add(message.get("tool_calls"))
        return events


def _usage(data: Mapping[str, Any]) -> list[ProviderEvent]:
    raw = {name: data[name] for name in _COUNTS if count(data.get(name)) is not None}
    if not raw:
        return []
    read = (count(raw.get(name)) or 0 for name in _COUNTS)
    return [UsageReport(Usage(input_tokens=next(read), output_tokens=next(read)), raw=raw)]


def _finish(data: Mapping[str, Any]) -> list[ProviderEvent]:
    reason = data.get("done_reason")
    return [Finish(reason)] if isinstance(reason, str) and reason else []
