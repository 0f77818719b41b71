"""Recorded answers of the Messages API, where they are at hand (see `tests.recorded`)."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from dispatch_nb.engine.contracts import (
    AnswerInfo,
    Detail,
    Failure,
    Finish,
    ProviderEvent,
    ReasoningDelta,
    ToolCall,
    UsageReport,
)
from dispatch_nb.providers import AnthropicProvider
from dispatch_nb.providers.messages_reader import MessageReader, read_usage
from dispatch_nb.providers.sse import SseDecoder
from tests.providers_parts import ask, calls_of, text_of
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

WIRE = "anthropic-messages"


@pytest.mark.parametrize("recording", recordings(WIRE))
def test_a_recorded_answer_is_read_as_it_was_meant_however_its_bytes_come(
    recording: Recording,
) -> None:
    read_so = [read(recording, MessageReader("m"), SseDecoder(), size) for size in SIZES]
    for one, other in itertools.pairwise(read_so):
        assert one == other
    check(read_so[0], recording)


@pytest.mark.parametrize("recording", recordings(WIRE))
def test_a_recorded_answer_comes_over_http_as_it_was_meant(recording: Recording) -> None:
    with serving([recording.body]) as server:
        provider = AnthropicProvider("m", base_url=server.base_url)
        check(asyncio.run(ask(provider, "hi")), recording)


def check(events: list[ProviderEvent], recording: Recording) -> None:
    result = recording.result
    assert text_of(events) == result["text"]
    assert thinking_blocks(events) == [
        block for block in result["thinking"] if block.get("thinking") != ""
    ]
    is_whole = recording.terminator == "message_stop" and not recording.errors
    assert [call_of(call) for call in calls_of(events)] == [
        (
            call["id"],
            call["name"],
            call["input"],
            call["arguments"] if call["input"] is None else None,
        )
        for call in result["tool_calls"]
        if is_whole
    ]
    finishes = [event.reason for event in events if isinstance(event, Finish)]
    assert finishes == ([result["finish_reason"]] if is_whole else [])
    assert isinstance(events[-1], Finish if is_whole else Failure)
    for error in recording.errors:
        assert error["message"] in str(events[-1])
    assert sum(isinstance(event, AnswerInfo) for event in events) == 1
    check_usage([event for event in events if isinstance(event, UsageReport)], recording)


def check_usage(reports: list[UsageReport], recording: Recording) -> None:
    has_content = recording.result["text"] or recording.result["thinking"]
    if recording.terminator is None and not has_content:
        assert reports == []  # such a request is made again
        return
    (report,) = reports
    assert report.raw == recording.usage
    raw = recording.usage or {}
    parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert report.usage.input_tokens == sum(raw.get(part) or 0 for part in parts)
    assert report.usage.output_tokens == raw["output_tokens"]
    assert report.usage == read_usage(raw)


def call_of(call: ToolCall) -> tuple[str, str, Any, str | None]:
    """Return a call as the recordings tell it: what was cut off has no input, only its text."""
    is_cut = isinstance(call.input, str)
    return (
        call.tool_call_id,
        call.tool_name,
        None if is_cut else call.input,
        call.input if is_cut else None,
    )


def thinking_blocks(events: list[ProviderEvent]) -> list[dict[str, Any]]:
    """Return thinking and what was signed with it, as the recordings tell it."""
    blocks: list[dict[str, Any]] = []
    text = ""
    for event in events:
        if isinstance(event, ReasoningDelta):
            text += event.delta
            continue
        if isinstance(event, Detail) and isinstance(event.data, dict):
            assert event.data["model"] == "m"
            if "signature" in event.data:
                blocks.append({"thinking": text, "signature": event.data["signature"]})
                text = ""
            else:
                blocks.append({"redacted": event.data["redacted_thinking"]})
        elif text:
            blocks.append({"thinking": text, "signature": ""})
            text = ""
    return blocks


@pytest.mark.parametrize("error", [*recorded_errors(WIRE), *captured_errors(WIRE)])
def test_a_recorded_error_answer_becomes_a_failure_in_its_own_words(error: RecordedError) -> None:
    with serving(
        [error.body.encode()],
        status=error.status,
        content_type=error.headers["content-type"],
    ) as server:
        (failure,) = asyncio.run(ask(AnthropicProvider("m", base_url=server.base_url), "hi"))
    assert isinstance(failure, Failure)
    assert " ".join(error.expected["message"].split())[:300] in failure.message
    assert failure.code == str(error.status)
    assert failure.retryable is error.expected["retryable"]
