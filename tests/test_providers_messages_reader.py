"""The reader of the Messages API: what its events, odd ones included, become."""

from __future__ import annotations

from collections.abc import Sequence
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
from dispatch_nb.providers.answer import Answer
from dispatch_nb.providers.messages_reader import MessageReader
from dispatch_nb.providers.sse import SseDecoder
from dispatch_nb.wire.conversation import Usage
from tests.providers_parts import kept, text_of, written
from tests.raw_server import sse

Frame = dict[str, Any]

STOP: Frame = {"type": "message_stop"}
OVERLOADED: Frame = {
    "type": "error",
    "error": {"type": "overloaded_error", "message": "Overloaded"},
}


def start(message_id: str = "msg_1", **usage: Any) -> Frame:
    message = {"id": message_id, "type": "message", "model": "m-2", "content": []}
    return {"type": "message_start", "message": {**message, "usage": usage}}


def opened(index: int, kind: str, **given: Any) -> Frame:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **given}}


def more(index: int, kind: str, **given: Any) -> Frame:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **given}}


def closed(index: int) -> Frame:
    return {"type": "content_block_stop", "index": index}


def text(index: int, words: str) -> list[Frame]:
    return [opened(index, "text", text=""), more(index, "text_delta", text=words), closed(index)]


def tool(index: int, *pieces: str, call_id: str = "toolu_1", name: str = "add") -> list[Frame]:
    deltas = [more(index, "input_json_delta", partial_json=piece) for piece in pieces]
    return [opened(index, "tool_use", id=call_id, name=name, input={}), *deltas, closed(index)]


def delta(reason: str | None = "end_turn", **usage: Any) -> Frame:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def read(*frames: Any) -> list[ProviderEvent]:
    answer = Answer("http://there", MessageReader("m"), SseDecoder())
    return [*answer.feed(sse(*frames)), *answer.flush()]


def said(events: Sequence[ProviderEvent]) -> list[ProviderEvent]:
    return [
        event
        for event in kept(events)
        if not isinstance(event, AnswerInfo | UsageReport | UsageSoFar)
    ]


def test_who_answered_is_told_first_and_once():
    events = read(start(), start(), *text(0, "hi"), delta(), STOP)
    assert events == [AnswerInfo("msg_1", "m-2"), TextDelta("hi"), Finish("end_turn")]


def test_usage_is_cumulative_and_told_once_with_cached_tokens_in_the_prompt():
    events = read(
        start(input_tokens=3, cache_read_input_tokens=100, cache_creation_input_tokens=20),
        *text(0, "hi"),
        delta(None, output_tokens=4, cache_read_input_tokens=None),
        delta(output_tokens=9, output_tokens_details={"thinking_tokens": 6}),
        STOP,
    )
    (report,) = [event for event in events if isinstance(event, UsageReport)]
    assert report.usage == Usage(
        input_tokens=123, output_tokens=9, cache_read_tokens=100, cache_write_tokens=20
    )
    assert report.reasoning_tokens == 6
    assert report.raw == {
        "input_tokens": 3,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 6},
    }
    assert events.index(report) == len(events) - 2


def test_caches_that_nobody_spoke_of_are_not_counted_as_nothing():
    events = read(start(input_tokens=3), *text(0, "hi"), delta(output_tokens=9), STOP)
    (report,) = [event for event in events if isinstance(event, UsageReport)]
    assert report.usage == Usage(input_tokens=3, output_tokens=9)
    assert report.reasoning_tokens is None


def test_a_signature_in_pieces_ends_its_thinking():
    events = read(
        start(),
        opened(0, "thinking", thinking="", signature=""),
        more(0, "thinking_delta", thinking="hm"),
        more(0, "signature_delta", signature="c2"),
        more(0, "signature_delta", signature="ln"),
        closed(0),
        *text(1, "so"),
        delta(),
        STOP,
    )
    signed = Detail({"signature": "c2ln", "model": "m"})
    assert said(events) == [ReasoningDelta("hm"), signed, TextDelta("so"), Finish("end_turn")]


def test_thinking_that_is_not_shown_is_kept_alone():
    events = read(
        start(),
        opened(0, "thinking", thinking="", signature=""),
        more(0, "signature_delta", signature="c2ln"),
        closed(0),
        opened(1, "redacted_thinking", data="eA=="),
        closed(1),
        delta(),
        STOP,
    )
    assert said(events)[:2] == [
        Detail({"signature": "c2ln", "model": "m"}, alone=True),
        Detail({"redacted_thinking": "eA==", "model": "m"}, alone=True),
    ]


def test_thinking_that_nobody_signed_has_no_detail():
    frames = [opened(0, "thinking", thinking="hm"), closed(0), delta(), STOP]
    assert said(read(start(), *frames)) == [ReasoningDelta("hm"), Finish("end_turn")]


def test_calls_wait_for_the_end_and_keep_their_place():
    answer = Answer("http://there", MessageReader("m"), SseDecoder())
    frames = [*text(0, "a"), *tool(1, '{"a"', ": 1}"), *text(2, "b"), *tool(3, call_id="toolu_2")]
    before = answer.feed(sse(start(), *frames))
    assert said(before) == [TextDelta("a")]
    assert written(before) == [("toolu_1", "add", '{"a": 1}')]
    assert answer.feed(sse(delta("tool_use"), STOP)) == [
        ToolCall("toolu_1", "add", {"a": 1}),
        TextDelta("b"),
        ToolCall("toolu_2", "add", {}),
        Finish("tool_use"),
    ]
    assert answer.ended


def test_an_input_that_came_whole_is_the_input():
    frames = [opened(0, "tool_use", id="t", name="add", input={"a": 1}), closed(0)]
    events = read(start(), *frames, delta("tool_use"), STOP)
    assert ToolCall("t", "add", {"a": 1}) in events


@pytest.mark.parametrize("cut", ['{"a": [1, 2', '{"a"', "", "NaN"])
def test_an_input_that_the_limit_cut_off_stays_text(cut: str):
    frames = tool(0, cut)[:-1]  # the block's end never comes
    events = read(start(), *frames, delta("max_tokens"), STOP)
    assert said(events) == [ToolCall("toolu_1", "add", cut), Finish("max_tokens")]


def test_a_call_without_an_id_gets_one_of_its_own():
    frames = [*tool(0, call_id=""), *tool(1, call_id="")]
    ids = [e.tool_call_id for e in read(start(), *frames, delta(), STOP) if type(e) is ToolCall]
    assert len(set(ids)) == 2
    assert all(ids)


def test_what_is_not_known_is_passed_over_and_nothing_of_it_is_run():
    frames = [
        {"type": "ping"},
        {"type": "something_new", "index": 0},
        opened(0, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        more(0, "input_json_delta", partial_json='{"query": "x"}'),
        closed(0),
        opened(1, "web_search_tool_result", tool_use_id="srvtoolu_1", content=[{"url": "x"}]),
        closed(1),
        opened(2, "mcp_tool_use", id="mcptoolu_1", name="x", server_name="y", input={}),
        closed(2),
        opened(3, "compaction", content="all of it"),
        more(3, "compaction_delta", content="all of it"),
        closed(3),
        opened(4, "text", text=""),
        more(4, "citations_delta", citation={"url": "x"}),
        more(4, "text_delta", text="found"),
        closed(4),
    ]
    events = read(start(), *frames, delta("pause_turn"), STOP)
    assert said(events) == [TextDelta("found"), Finish("pause_turn")]


def test_blocks_that_are_not_announced_or_not_numbered_are_read_all_the_same():
    frames = [more(0, "text_delta", text="a"), more(1, "thinking_delta", thinking="b")]
    assert said(read(start(), *frames, delta(), STOP))[:2] == [TextDelta("a"), ReasoningDelta("b")]
    unnumbered = [
        {key: value for key, value in frame.items() if key != "index"}
        for frame in [*text(0, "a"), *tool(1, '{"a": 1}'), *tool(2, '{"a": 2}', call_id="toolu_2")]
    ]
    assert said(read(start(), *unnumbered, delta(), STOP)) == [
        TextDelta("a"),
        ToolCall("toolu_1", "add", {"a": 1}),
        ToolCall("toolu_2", "add", {"a": 2}),
        Finish("end_turn"),
    ]


def test_a_second_answer_is_an_error_and_nothing_of_either_is_run():
    events = read(start(), *tool(0), start("msg_2"), *tool(0), delta("tool_use"), STOP)
    (failure,) = said(events)
    assert isinstance(failure, Failure)
    assert "second answer" in failure.message


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (OVERLOADED, "overloaded_error", True),
        ({"type": "error", "error": {"type": "api_error", "message": "x"}}, "api_error", True),
        (
            {"type": "error", "error": {"type": "rate_limit_error", "message": "x"}},
            "rate_limit_error",
            True,
        ),
        (
            {"type": "error", "error": {"type": "invalid_request_error", "message": "x"}},
            "invalid_request_error",
            False,
        ),
    ],
)
def test_an_error_in_the_stream_is_a_failure(error: Frame, code: str, retryable: bool):
    for frames in ([], [start(input_tokens=3)]):  # before any content the request is made again
        failure = read(*frames, error)[-1]
        assert isinstance(failure, Failure)
        assert (failure.code, failure.retryable) == (code, retryable)
        assert error["error"]["message"] in failure.message
    told = [e for e in read(start(input_tokens=3), error) if not isinstance(e, AnswerInfo)]
    assert [type(event) for event in told] == [UsageSoFar, Failure]


def test_an_error_in_mid_stream_keeps_what_was_said_and_runs_no_call():
    frames = [*text(0, "a"), *tool(1), *text(2, "b"), opened(3, "tool_use", id="t", name="add")]
    events = read(start(input_tokens=3), *frames, OVERLOADED)
    assert text_of(events) == "ab"
    assert not [event for event in events if isinstance(event, ToolCall)]
    assert [type(event) for event in events[-2:]] == [UsageReport, Failure]


def test_an_error_is_known_by_its_events_name_too():
    bare = {"code": 500, "message": "the slot broke", "type": "server_error"}
    body = sse(start(), *text(0, "a")) + b"event: error\n" + sse(bare)
    answer = Answer("http://there", MessageReader("m"), SseDecoder())
    failure = answer.feed(body)[-1]
    assert isinstance(failure, Failure)
    assert (failure.code, failure.retryable) == ("500", True)
    assert "the slot broke" in failure.message


@pytest.mark.parametrize(
    "frames",
    [[start()], [start(), *text(0, "a")], [start(), *tool(0), delta("tool_use")]],
)
def test_an_answer_without_its_last_event_is_not_finished(frames: list[Frame]):
    events = read(*frames)
    assert isinstance(events[-1], Failure)
    assert events[-1].retryable
    assert not [event for event in events if isinstance(event, Finish | ToolCall)]


def test_a_gateways_end_mark_stands_for_the_last_event():
    events = read(start(), *tool(0), delta("tool_use"), "[DONE]")
    assert said(events) == [ToolCall("toolu_1", "add", {}), Finish("tool_use")]


def test_a_whole_answer_instead_of_a_stream_is_the_answer():
    whole: dict[str, Any] = {
        "type": "message",
        "id": "msg_1",
        "model": "m-2",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "text", "text": "so"},
            {"type": "tool_use", "id": "t", "name": "add", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    assert MessageReader("m").whole(whole) == [
        AnswerInfo("msg_1", "m-2"),
        ReasoningDelta("hm"),
        Detail({"signature": "c2ln", "model": "m"}),
        TextDelta("so"),
        ToolCall("t", "add", {"a": 1}),
        UsageReport(Usage(input_tokens=1, output_tokens=2), raw=whole["usage"]),
        Finish("tool_use"),
    ]


def test_an_object_that_is_no_answer_is_none():
    assert MessageReader("m").whole({"object": "chat.completion", "choices": []}) is None
    (failure,) = MessageReader("m").whole(OVERLOADED) or []
    assert isinstance(failure, Failure)
