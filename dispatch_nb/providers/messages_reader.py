"""The answer of the Messages API, event by event.

Source: Anthropic's description of its stream, and what servers of that API were seen to send.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import MISSING

from ..engine.contracts import (
    AnswerInfo,
    Detail,
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolInputDelta,
    UsageReport,
    UsageSoFar,
)
from ..wire.conversation import Usage
from .chat_errors import stream_failure

__all__ = ["MessageReader", "read_usage"]


@dataclass(slots=True)
class _Block:
    """A content block that is still open."""

    kind: str
    head: Mapping[str, Any]
    arguments: list[str] = field(default_factory=list)
    signature: str = ""
    has_text: bool = False


class MessageReader:
    """Turns the JSON objects of one answer into provider events.

    Text and thinking are passed on as they come. Tool calls wait until the whole answer
    has ended, and so does what stands behind one, so that its order is kept: an answer
    that breaks off calls nothing. Blocks of kinds that are not known here, such as the
    provider's own tools, are passed over.

    Parameters
    ----------
    model
        The model that was asked: what it signed goes back to it alone.
    """

    kind: ClassVar[str] = "a message"

    def __init__(self, model: str) -> None:
        self._ended = False
        self._model = model
        self._message_id: str | None = None
        self._started = False
        self._blocks: dict[int, _Block] = {}
        self._has_content = False
        self._held: list[ProviderEvent] | None = None
        self._usage: dict[str, Any] = {}
        self._reason: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the answer's own end has come."""
        return self._ended

    def feed(self, data: Mapping[str, Any], event: str = "") -> list[ProviderEvent]:
        """Return the events of one frame, whose name is `event`."""
        # An error need not have its usual type: its name is what every server gives it.
        match "error" if event == "error" else data.get("type"):
            case "content_block_delta":
                return self._extend(self._index(data), _mapping(data.get("delta")))
            case "content_block_start":
                return self._open(self._index(data), _mapping(data.get("content_block")))
            case "content_block_stop":
                return self._end(self._blocks.pop(self._index(data), None))
            case "message_start":
                return self._start(_mapping(data.get("message")))
            case "message_delta":
                self._reason = _text(_mapping(data.get("delta")).get("stop_reason")) or self._reason
                return self._count(data.get("usage"))
            case "message_stop":
                return self._stop()
            case "error":
                return [*self.usage(), stream_failure(data)]
            case _:
                return []

    def close(self, *, marked: bool) -> list[ProviderEvent] | None:
        """Return the events of an answer whose ``message_stop`` did not come, None if it broke off.

        A gateway may have set a ``[DONE]`` in its place, which is `marked`.
        """
        return self._stop() if marked and self._reason is not None else None

    def usage(self) -> list[ProviderEvent]:
        """Return what is left to say of an answer that broke off: no call, but its usage.

        Before the first content there is no report, for the request can be made again: its
        usage so far has been told.
        """
        held = [event for event in self._held or () if not isinstance(event, ToolCall)]
        return [*held, *(self._usage_report() if self._has_content else ())]

    def whole(self, data: Mapping[str, Any]) -> list[ProviderEvent] | None:
        """Return the events of an answer that was not streamed, None if it is none."""
        if data.get("type") == "error":
            return self.feed(data)
        content = data.get("content")
        if data.get("type") != "message" or not isinstance(content, list):
            return None
        events = self._start(data)[:1]  # its usage is the final one
        for index, block in enumerate(content):
            events += self._open(index, _mapping(block))
            events += self._end(self._blocks.pop(index))
        self._reason = _text(data.get("stop_reason")) or None
        return [*events, *self._stop()]

    def _start(self, message: Mapping[str, Any]) -> list[ProviderEvent]:
        message_id = _text(message.get("id")) or None
        if self._started:
            if message_id in (None, self._message_id):
                return []  # said twice
            words = "The provider began a second answer inside the first: nothing of it was used."
            return [*self.usage(), Failure(words, retryable=True)]
        self._started, self._message_id = True, message_id
        info = AnswerInfo(message_id, _text(message.get("model")) or None)
        return [info, *self._count(message.get("usage"))]

    def _open(self, index: int, head: Mapping[str, Any]) -> list[ProviderEvent]:
        events = self._end(self._blocks.pop(index, None))
        block = self._blocks[index] = _Block(_text(head.get("type")), head)
        match block.kind:
            case "text":
                events += self._text_delta(_text(head.get("text")))
            case "thinking":
                block.signature = _text(head.get("signature"))
                events += self._thinking_delta(block, _text(head.get("thinking")))
            case _:
                pass
        return events

    def _extend(self, index: int, delta: Mapping[str, Any]) -> list[ProviderEvent]:
        kind = delta.get("type")
        block = self._blocks.get(index)
        if block is None:  # some servers do not announce their blocks
            made = {"text_delta": "text", "thinking_delta": "thinking"}.get(_text(kind), "")
            block = self._blocks[index] = _Block(made, {})
        match block.kind, kind:
            case "text", "text_delta":
                return self._text_delta(_text(delta.get("text")))
            case "thinking", "thinking_delta":
                return self._thinking_delta(block, _text(delta.get("thinking")))
            case "thinking", "signature_delta":
                block.signature += _text(delta.get("signature"))
            case "tool_use", "input_json_delta":
                return _more_input(block, _text(delta.get("partial_json")))
            case _:
                pass
        return []

    def _end(self, block: _Block | None, *, is_cut: bool = False) -> list[ProviderEvent]:
        """Return what is known at the end of a block; `is_cut` if more of it was to come."""
        if block is None:
            return []
        self._has_content = self._has_content or block.kind == "tool_use"
        match block.kind:
            case "tool_use":
                self._held = [*(self._held or ()), _call(block, is_cut=is_cut)]
            case "thinking" if block.signature:
                return self._signed("signature", block.signature, alone=not block.has_text)
            case "redacted_thinking" if data := _text(block.head.get("data")):
                return self._signed("redacted_thinking", data, alone=True)
            case _:
                pass
        return []

    def _signed(self, name: str, data: str, *, alone: bool) -> list[ProviderEvent]:
        return self._passed(Detail({name: data, "model": self._model}, alone=alone))

    def _text_delta(self, text: str) -> list[ProviderEvent]:
        return self._passed(TextDelta(text)) if text else []

    def _thinking_delta(self, block: _Block, text: str) -> list[ProviderEvent]:
        block.has_text = block.has_text or bool(text)
        return self._passed(ReasoningDelta(text)) if text else []

    def _passed(self, event: ProviderEvent) -> list[ProviderEvent]:
        """Return `event`, or keep it behind the calls that it follows."""
        self._has_content = True
        if self._held is None:
            return [event]
        self._held.append(event)
        return []

    def _stop(self) -> list[ProviderEvent]:
        events: list[ProviderEvent] = []
        for block in self._blocks.values():  # where the limit came, and where no server says so
            events += self._end(block, is_cut=self._reason == "max_tokens")
        self._ended = True
        end = [] if self._reason is None else [Finish(self._reason)]
        return [*events, *(self._held or ()), *self._usage_report(), *end]

    def _index(self, data: Mapping[str, Any]) -> int:
        index = data.get("index")
        if isinstance(index, int):
            return index
        newest = next(reversed(self._blocks), -1)
        return newest + 1 if data.get("type") == "content_block_start" else newest

    def _count(self, usage: object) -> list[ProviderEvent]:
        """Take counts, which are cumulative: a later one takes the place of an earlier one."""
        counts = _mapping(usage)
        for name, count in counts.items():
            if count is not None or name not in self._usage:
                self._usage[name] = count
        return [UsageSoFar(_report(dict(self._usage)))] if counts else []

    def _usage_report(self) -> list[ProviderEvent]:
        raw, self._usage = self._usage, {}
        return [_report(raw)] if raw else []


def _more_input(block: _Block, piece: str) -> list[ProviderEvent]:
    block.arguments.append(piece)
    call_id, name = _text(block.head.get("id")), _text(block.head.get("name"))
    return [ToolInputDelta(call_id, name, piece)] if piece and call_id and name else []


def _report(raw: Mapping[str, Any]) -> UsageReport:
    thinking = _number(_mapping(raw.get("output_tokens_details")).get("thinking_tokens"))
    return UsageReport(read_usage(raw), thinking, raw)


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return a usage object of this API in our meaning: the prompt with its cached parts."""
    read = _number(raw.get("cache_read_input_tokens"))
    written = _number(raw.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=(_number(raw.get("input_tokens")) or 0) + (read or 0) + (written or 0),
        output_tokens=_number(raw.get("output_tokens")) or 0,
        cache_read_tokens=MISSING if read is None else read,
        cache_write_tokens=MISSING if written is None else written,
    )


def _call(block: _Block, *, is_cut: bool) -> ToolCall:
    call_id = _text(block.head.get("id")) or f"toolu_{secrets.token_hex(8)}"
    name = _text(block.head.get("name"))
    text = "".join(block.arguments)
    if not text.strip() and not is_cut:
        given = block.head.get("input")
        return ToolCall(call_id, name, {} if given is None else given)
    try:
        return ToolCall(call_id, name, json.loads(text, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return ToolCall(call_id, name, text)  # never as if what was cut off were whole


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
