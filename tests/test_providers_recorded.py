"""Recorded answers of OpenAI's APIs, compatible servers and Ollama (see `tests.recorded`)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import MISSING

from dispatch_nb.engine.contracts import Failure, Finish, ProviderEvent, ToolCall, UsageReport
from dispatch_nb.providers import OpenAIProvider, OpenAIResponsesProvider
from dispatch_nb.providers.answer import Decoder, Reader
from dispatch_nb.providers.chat_reader import ChunkReader
from dispatch_nb.providers.ndjson import NdjsonDecoder
from dispatch_nb.providers.ollama_reader import OllamaReader
from dispatch_nb.providers.responses_reader import ResponseReader
from dispatch_nb.providers.sse import SseDecoder
from tests.providers_parts import ask, calls_of, text_of, thinking_of
from tests.raw_server import serving
from tests.recorded import (
    SIZES,
    RecordedError,
    Recording,
    captured_errors,
    read,
    recorded_errors,
    recordings,
)

CHAT, RESPONSES, OLLAMA = "openai-chat", "openai-responses", "ollama-chat"
READERS: dict[str, tuple[Callable[[], Reader], Callable[[], Decoder]]] = {
    CHAT: (ChunkReader, SseDecoder),
    RESPONSES: (ResponseReader, SseDecoder),
    OLLAMA: (OllamaReader, NdjsonDecoder),
}
PROVIDERS: dict[str, type[OpenAIProvider] | type[OpenAIResponsesProvider]] = {
    CHAT: OpenAIProvider,
    RESPONSES: OpenAIResponsesProvider,
}


def of(*wires: str) -> list[Any]:
    """Return the recordings of several wires, each beside the name of its wire."""
    return [
        pytest.param(wire, *param.values, marks=param.marks, id=f"{wire}-{param.id}")
        for wire in wires
        for param in recordings(wire)
    ]


@pytest.mark.parametrize(("wire", "recording"), of(CHAT, RESPONSES, OLLAMA))
def test_a_recorded_answer_is_read_as_it_was_meant_however_its_bytes_come(
    wire: str, recording: Recording
) -> None:
    reader, decoder = READERS[wire]
    read_so = [read(recording, reader(), decoder(), size) for size in SIZES]
    for one, other in itertools.pairwise(read_so):
        assert shape(one) == shape(other)
    check(read_so[0], recording)


@pytest.mark.parametrize(("wire", "recording"), of(CHAT, RESPONSES))
def test_a_recorded_answer_comes_over_http_as_it_was_meant(wire: str, recording: Recording) -> None:
    pieces = [recording.body[start : start + 37] for start in range(0, len(recording.body), 37)]
    with serving(pieces) as server:
        check(asyncio.run(ask(PROVIDERS[wire]("m", base_url=server.base_url), "hi")), recording)


@pytest.mark.parametrize("wire", [CHAT, RESPONSES])
@pytest.mark.parametrize("error", [*recorded_errors(CHAT), *captured_errors(CHAT)])
def test_a_recorded_error_answer_becomes_a_failure_in_its_own_words(
    wire: str, error: RecordedError
) -> None:
    kind = error.headers["content-type"]
    with serving([error.body.encode()], status=error.status, content_type=kind) as server:
        (failure,) = asyncio.run(ask(PROVIDERS[wire]("m", base_url=server.base_url), "hi"))
    assert isinstance(failure, Failure)
    assert " ".join(error.expected["message"].split())[:300] in failure.message
    assert failure.code == str(error.status)
    assert failure.retryable is error.expected["retryable"]
    if "code" in error.expected:  # the captured ones tell only what they say
        code = error.expected["type"] if error.expected["code"] is None else error.expected["code"]
        assert failure.reason == str(code)


def check(events: list[ProviderEvent], recording: Recording) -> None:
    result = recording.result
    # A refusal is shown as the answer that it is.
    assert text_of(events) == result.get("text", "") + (result.get("refusal") or "")
    assert thinking_of(events) == result.get("thinking", "")
    finish = result.get("finish_reason")
    # Some servers leave out the finish reason, some the end mark.
    failed = bool(recording.errors) or (finish is None and recording.terminator is None)
    assert isinstance(events[-1], Failure) is failed
    for error in recording.errors:
        assert error["message"] in str(events[-1])
    assert [call_of(call) for call in calls_of(events)] == [
        (call["id"], call["name"], call["input"] if is_json(call) else call["arguments"])
        for call in result.get("tool_calls", ())
        if not failed
    ]
    finishes = [event.reason for event in events if isinstance(event, Finish)]
    assert finishes == ([] if failed or finish is None else [finish])
    check_usage([event for event in events if isinstance(event, UsageReport)], recording)


def check_usage(reports: list[UsageReport], recording: Recording) -> None:
    if recording.usage is None and recording.counts is None:
        assert reports == []
        return
    (report,) = reports
    if recording.usage is not None:
        assert report.raw == recording.usage
    counts = recording.counts or counts_of(recording.usage or {})
    usage = report.usage
    assert (usage.input_tokens, usage.output_tokens) == (counts["input"], counts["output"])
    cached = None if usage.cache_read_tokens is MISSING else usage.cache_read_tokens
    assert (cached, report.reasoning_tokens) == (counts.get("cache_read"), counts.get("reasoning"))


def counts_of(usage: dict[str, Any]) -> dict[str, int | None]:
    """Return the counts of a capture, whose note has them as they were sent."""
    for given, made in (("prompt", "completion"), ("input", "output")):
        if f"{given}_tokens" in usage:
            return {
                "input": usage[f"{given}_tokens"],
                "output": usage[f"{made}_tokens"],
                "cache_read": usage.get(f"{given}_tokens_details", {}).get("cached_tokens"),
                "reasoning": usage.get(f"{made}_tokens_details", {}).get("reasoning_tokens"),
            }
    raise AssertionError(f"No tokens are counted in {usage}.")


def is_json(call: dict[str, Any]) -> bool:
    return call["input"] is not None or call["arguments"] == "null"


def call_of(call: ToolCall) -> tuple[str, str, Any]:
    return call.tool_call_id, call.tool_name, call.input


def shape(events: list[ProviderEvent]) -> list[Any]:
    """Return events without the ids that were made up for calls that had none."""
    return [
        (event.tool_name, event.input)
        if isinstance(event, ToolCall) and event.tool_call_id.startswith("call_")
        else event
        for event in events
    ]
