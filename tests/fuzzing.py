"""What the fuzzers ask of every reader, whatever bytes it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dispatch_nb.engine.contracts import (
    AnswerInfo,
    Detail,
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    UsageReport,
)
from dispatch_nb.providers.answer import Answer, Decoder, Reader
from dispatch_nb.providers.chat_reader import ChunkReader
from dispatch_nb.providers.messages_reader import MessageReader
from dispatch_nb.providers.ndjson import NdjsonDecoder
from dispatch_nb.providers.ollama_reader import OllamaReader
from dispatch_nb.providers.responses_reader import ResponseReader
from dispatch_nb.providers.sse import SseDecoder

LONGEST = 300


@dataclass(frozen=True)
class Wire:
    """How the bodies of one API are read, and words that make fuzzing it worth while."""

    reader: Callable[[], Reader]
    decoder: Callable[[], Decoder]
    words: tuple[str, ...]


_JSON = ("null", "true", "[]", "{}", "1", '""', "NaN", '"\\ud83d"', "[[[", "1e999", "-0", "é")
WIRES = {
    "chat": Wire(
        ChunkReader,
        lambda: SseDecoder(LONGEST),
        (
            *("choices", "delta", "message", "content", "tool_calls", "function", "arguments"),
            *("index", "id", "name", "finish_reason", "usage", "x_groq", "prompt_tokens"),
            *("reasoning_content", "reasoning_details", "thinking_blocks", "text", "type"),
            *("function_call", "refusal", "error", "object", "signature", "[DONE]"),
        ),
    ),
    "responses": Wire(
        ResponseReader,
        lambda: SseDecoder(LONGEST),
        (
            *("type", "response", "item", "output_index", "item_id", "delta", "output", "status"),
            *("response.output_item.added", "response.output_item.done", "response.completed"),
            *("response.output_text.delta", "response.function_call_arguments.delta", "error"),
            *("response.failed", "reasoning", "function_call", "message", "summary", "usage"),
            *("summary_index", "response.reasoning_summary_part.added", "arguments", "call_id"),
        ),
    ),
    "messages": Wire(
        lambda: MessageReader("m"),
        lambda: SseDecoder(LONGEST),
        (
            *("type", "message_start", "message", "usage", "content_block_start", "index"),
            *("content_block", "text", "thinking", "tool_use", "content_block_delta", "delta"),
            *("text_delta", "input_json_delta", "partial_json", "signature_delta", "signature"),
            *("content_block_stop", "message_delta", "stop_reason", "message_stop", "error"),
            *("redacted_thinking", "data", "id", "name", "input", "thinking_delta", "content"),
        ),
    ),
    "ollama": Wire(
        OllamaReader,
        lambda: NdjsonDecoder(LONGEST),
        (
            *("message", "content", "thinking", "tool_calls", "function", "arguments", "name"),
            *("done", "done_reason", "prompt_eval_count", "eval_count", "error", "model"),
        ),
    ),
}
PARTS = (*_JSON, "data: ", "event: ", "id: ", "retry: 1", ": c", "\n", "\r\n", "\r", "\n\n", ":")
_ENDS = (Finish, Failure)


def judge(body: bytes, wire: Wire) -> None:
    """Read a body whole and in pieces, and check what must hold of any answer.

    Raises
    ------
    AssertionError
        If it does not; any other exception is a crash, and as much of a fault.
    """
    whole = _read(body, wire, len(body) or 1)
    for size in (1, 7):
        assert _shown(_read(body, wire, size)) == _shown(whole), "pieces are read otherwise"
    assert sum(isinstance(event, _ENDS) for event in whole) <= 1, "it ends more than once"
    assert not any(isinstance(event, _ENDS) for event in whole[:-1]), "something follows the end"
    for kind in (UsageReport, AnswerInfo):
        assert sum(isinstance(event, kind) for event in whole) <= 1, "it is told more than once"
    ids = [event.tool_call_id for event in whole if isinstance(event, ToolCall)]
    assert all(ids), "a call has no id"
    said = sum(len(e.delta) for e in whole if isinstance(e, TextDelta | ReasoningDelta))
    assert said <= len(body), "it says more than was sent"


def _read(body: bytes, wire: Wire, size: int) -> list[ProviderEvent]:
    answer = Answer("http://server", wire.reader(), wire.decoder())
    events: list[ProviderEvent] = []
    for start in range(0, len(body), size):
        events += answer.feed(body[start : start + size])
    events += answer.flush()
    assert answer.ended, "it never ends"
    assert answer.feed(body) == [], "it goes on after its end"
    assert answer.flush() == []
    return events


def _shown(events: list[ProviderEvent]) -> list[str]:
    """Return events as text, in which NaN equals itself, without ids that were made up."""
    shown = []
    for event in events:
        if isinstance(event, ToolCall) and event.tool_call_id.startswith("call_"):
            shown.append(f"call {event.tool_name!r} {event.input!r}")
        elif isinstance(event, Detail):
            shown.append(f"detail {event.kind} {event.alone} {event.data!r}")
        else:
            shown.append(repr(event))
    return shown
