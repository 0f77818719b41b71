"""What the Responses API says, in every way that servers were seen to say it."""

from __future__ import annotations

from typing import Any

import pytest

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
    UsageSoFar,
)
from dispatch_nb.providers.responses_reader import ResponseReader
from dispatch_nb.wire.conversation import Usage
from tests.providers_parts import calls_of, kept, read_body, text_of, thinking_of
from tests.raw_server import sse

USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"cached_tokens": 20},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
}
CALL = {"type": "function_call", "id": "fc", "call_id": "c", "name": "add", "arguments": ""}
REASONING = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "secret"}


def on(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


def added(item: dict[str, Any], **marks: Any) -> dict[str, Any]:
    return on("output_item.added", item=item, **marks)


def done(item: dict[str, Any], **marks: Any) -> dict[str, Any]:
    return on("output_item.done", item=item, **marks)


def completed(**fields: Any) -> dict[str, Any]:
    return on("completed", response={"status": "completed", **fields})


def read(*frames: Any) -> list[ProviderEvent]:
    return kept(read_body(ResponseReader(), sse(*frames)))


def test_text_usage_and_who_answered_come_in_one_meaning() -> None:
    events = read(
        on("created", response={"id": "r1", "model": "m-2026", "usage": None}),
        on("output_text.delta", delta="Hel", output_index=0),
        on("output_text.delta", delta="lo", output_index=0),
        on("output_text.done", text="Hello", output_index=0),
        completed(usage=USAGE, output=[{"type": "message", "content": [{"text": "Hello"}]}]),
    )
    usage = Usage(input_tokens=50, output_tokens=9, cache_read_tokens=20)
    assert events == [
        TextDelta("Hel"),
        TextDelta("lo"),
        AnswerInfo("r1", "m-2026"),
        UsageReport(usage, 4, USAGE),
        Finish("completed"),
    ]


def arguments(text: str, **marks: Any) -> dict[str, Any]:
    return on("function_call_arguments.delta", delta=text, **marks)


OTHER = CALL | {"id": "fd", "call_id": "d"}


@pytest.mark.parametrize(
    "frames",
    [
        # by index, interleaved
        [
            added(CALL, output_index=0),
            added(OTHER, output_index=1),
            arguments('{"x"', output_index=0),
            arguments('{"x"', output_index=1),
            arguments(": 1}", output_index=0),
            arguments(": 2}", output_index=1),
        ],
        # by id, no index anywhere, interleaved
        [
            added(CALL),
            added(OTHER),
            arguments('{"x": 1}', item_id="fc"),
            arguments('{"x": 2}', item_id="fd"),
        ],
        # by nothing: what has no mark belongs to the latest
        [
            added({**CALL, "id": None}),
            arguments('{"x": 1}'),
            added({**OTHER, "id": None}),
            arguments('{"x": 2}'),
        ],
        # whole, at the end of each
        [
            added(CALL, output_index=0),
            on("function_call_arguments.done", arguments='{"x": 1}', output_index=0),
            done(CALL | {"arguments": '{"x": 1}'}, output_index=0),
            done(OTHER | {"arguments": '{"x": 2}'}, output_index=1),
        ],
        # the id of the item is another one in every event
        [
            added(CALL | {"id": "i1"}, output_index=0),
            arguments('{"x": 1}', item_id="i2", output_index=0),
            done(CALL | {"id": "i3", "arguments": '{"x": 1}'}, output_index=0),
            done(OTHER | {"id": "i4", "arguments": '{"x": 2}'}, output_index=1),
        ],
    ],
)
def test_function_calls_are_found_by_whatever_marks_them(frames: list[dict[str, Any]]) -> None:
    assert calls_of(read(*frames, completed())) == [
        ToolCall("c", "add", {"x": 1}),
        ToolCall("d", "add", {"x": 2}),
    ]


def test_a_call_without_arguments_or_ids_is_still_one_of_its_own() -> None:
    bare = {"type": "function_call", "name": "add"}
    first, second = calls_of(read(done(bare), done(bare), completed()))
    assert first.tool_call_id != second.tool_call_id
    assert (first.input, second.input) == ({}, {})


def test_arguments_that_were_cut_stay_text() -> None:
    cut = on("incomplete", response={"status": "incomplete"})
    events = read(added(CALL), arguments('{"x": '), cut)
    assert events == [ToolCall("c", "add", '{"x": '), Finish("incomplete")]


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_an_incomplete_response_ends_with_the_reason_it_gives(reason: str) -> None:
    response = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    assert read(on("incomplete", response=response)) == [Finish(reason)]


def test_a_reasoning_item_is_kept_whole_with_the_thinking_it_belongs_to() -> None:
    summary = on("reasoning_summary_text.delta", delta="hm", output_index=0, summary_index=0)
    item = REASONING | {"summary": [{"type": "summary_text", "text": "hm"}], "status": None}
    events = read(
        added(REASONING, output_index=0),
        summary,
        done(item, output_index=0),
        done(CALL, output_index=1),
        completed(),
    )
    kept = {name: value for name, value in item.items() if name != "status"}
    assert events == [
        ReasoningDelta("hm"),
        Detail(kept),
        ToolCall("c", "add", {}),
        Finish("completed"),
    ]


def test_reasoning_that_shows_nothing_is_kept_in_a_block_of_its_own() -> None:
    assert read(done(REASONING), completed()) == [
        Detail(REASONING, alone=True),
        Finish("completed"),
    ]


def test_parts_of_a_summary_are_blocks_of_their_own() -> None:
    def part(index: int, text: str) -> list[dict[str, Any]]:
        return [
            on("reasoning_summary_part.added", summary_index=index),
            on("reasoning_summary_text.delta", delta=text, summary_index=index),
        ]

    frames = [added(REASONING), *part(0, "a"), *part(1, "b"), done(REASONING), completed()]
    assert read(*frames) == [
        ReasoningDelta("a"),
        Detail({"type": "summary_part"}),
        ReasoningDelta("b"),
        Detail(REASONING),
        Finish("completed"),
    ]


def test_calls_stay_before_the_reasoning_that_followed_them() -> None:
    other = REASONING | {"id": "rt"}
    frames: list[dict[str, Any]] = [REASONING, CALL, other, OTHER]
    events = read(*(done(item, output_index=i) for i, item in enumerate(frames)), completed())
    assert [type(event) for event in events] == [Detail, ToolCall, Detail, ToolCall, Finish]


def test_open_models_think_in_reasoning_text() -> None:
    frames = [
        added({"type": "reasoning", "id": "rs"}),
        on("reasoning_text.delta", delta="hm"),
        on("refusal.delta", delta="no"),
        completed(),
    ]
    events = read(*frames)
    assert (thinking_of(events), text_of(events)) == ("hm", "no")


MESSAGE = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "Hello"}]}


@pytest.mark.parametrize(
    "frames",
    [
        [done(MESSAGE), completed()],
        [completed(output=[MESSAGE])],
        [on("done", response={"status": "completed", "output": [MESSAGE]})],
    ],
)
def test_what_comes_without_deltas_is_read_from_its_whole(frames: list[dict[str, Any]]) -> None:
    assert read(*frames) == [TextDelta("Hello"), Finish("completed")]


def test_a_whole_response_to_a_request_for_a_stream_is_read() -> None:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    response = {"id": "r", "status": "completed", "output": [thought, MESSAGE, CALL]}
    body = sse({**response, "usage": USAGE})[len(b"data: ") :]
    kinds = [type(event) for event in read_body(ResponseReader(), body)]
    assert kinds == [
        ReasoningDelta,
        Detail,
        TextDelta,
        ToolCall,
        AnswerInfo,
        UsageReport,
        Finish,
    ]


SEARCH = {"type": "web_search_call", "id": "ws", "status": "completed", "name": "add"}


def test_items_that_nobody_asked_for_are_passed_over() -> None:
    frames = [
        added(SEARCH, output_index=0),
        on("web_search_call.searching", output_index=0),
        done(SEARCH, output_index=0),
        on("output_text.annotation.added", annotation={}, output_index=1),
        on("some.future.event", delta="x"),
    ]
    assert read(*frames, completed()) == [Finish("completed")]


@pytest.mark.parametrize(
    ("frame", "words", "code"),
    [
        (on("failed", response={"error": {"code": "server_error", "message": "Oh"}}), "Oh", None),
        (on("failed", response={"status": "failed"}), "the response is failed", None),
        (on("cancelled", response={"status": "cancelled"}), "is cancelled", None),
        ({"type": "error", "code": "500", "message": "flat"}, "flat", "500"),
        ({"type": "error", "error": {"type": "x", "message": "nested"}}, "nested", "x"),
        ({"error": {"message": "bare", "code": "500"}}, "bare", "500"),
    ],
)
def test_a_failed_response_runs_no_call(
    frame: dict[str, Any], words: str, code: str | None
) -> None:
    usage = on("in_progress", response={"id": "r", "usage": USAGE})
    events = read(usage, on("output_text.delta", delta="a"), done(CALL), frame, completed())
    failure = events[-1]
    assert isinstance(failure, Failure)
    assert words in failure.message
    assert code is None or failure.code == code
    types = [UsageSoFar, TextDelta, AnswerInfo, UsageReport, Failure]
    assert [type(event) for event in events] == types


def test_a_whole_failed_response_is_a_failure() -> None:
    body = b'{"status": "failed", "output": [], "error": {"message": "Oh"}}'
    (failure,) = read_body(ResponseReader(), body)
    assert isinstance(failure, Failure)
    assert failure.message.endswith("Oh")
    (failure,) = read_body(ResponseReader(), b'{"choices": []}')
    assert "not a response" in str(failure)


@pytest.mark.parametrize("end", [(), ("[DONE]",)])
def test_a_stream_without_its_last_event_is_a_failure_and_runs_no_call(end: tuple[str]) -> None:
    events = read(on("output_text.delta", delta="a"), done(CALL), *end)
    assert events[0] == TextDelta("a")
    assert isinstance(events[-1], Failure)
    assert events[-1].retryable
    assert calls_of(events) == []


def test_nothing_after_the_end_is_read() -> None:
    frames = [completed(), on("output_text.delta", delta="late"), "[DONE]"]
    assert read(*frames) == [Finish("completed")]
