"""What chat completions say, in every way that servers were seen to say it."""

from __future__ import annotations

import json
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
from dispatch_nb.providers.chat_reader import ChunkReader
from dispatch_nb.wire.conversation import Usage
from tests.providers_parts import calls_of, kept, read_body, text_of, thinking_of, written
from tests.raw_server import delta, sse


def read(*frames: Any) -> list[ProviderEvent]:
    return kept(read_body(ChunkReader(), sse(*frames, "[DONE]")))


def fragment(arguments: Any = None, name: Any = None, **marks: Any) -> dict[str, Any]:
    return {**marks, "function": {"name": name, "arguments": arguments}}


def calls(*deltas: list[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    """Return id, name and input of the calls that come in `deltas`, a list of fragments each."""
    events = read(*(delta(tool_calls=each) for each in deltas), delta("tool_calls"))
    return [(call.tool_call_id, call.tool_name, call.input) for call in calls_of(events)]


A: tuple[str, str, Any] = ("a", "add", {"x": 1})
B: tuple[str, str, Any] = ("b", "sub", {})


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        # by index, interleaved, and not from 0 on
        (
            [
                [fragment("", "sub", index=7, id="b"), fragment('{"x"', "add", index=3, id="a")],
                [fragment(": 1}", index=3), fragment("{}", index=7)],
            ],
            [A, B],
        ),
        # by id, without an index, interleaved
        (
            [
                [fragment('{"x"', "add", id="a")],
                [fragment("{", "sub", id="b")],
                [fragment(": 1}", id="a"), fragment("}", id="b")],
            ],
            [A, B],
        ),
        # by nothing at all: what names nothing goes on with the latest
        (
            [
                [fragment('{"x": ', "add", id="a")],
                [fragment("1}")],
                [fragment("", "sub", id="b")],
                [fragment("{}")],
            ],
            [A, B],
        ),
        # id and name come again, in every fragment
        (
            [
                [fragment('{"x"', "add", index=0, id="a")],
                [fragment(": 1", "add", index=0, id="a")],
                [fragment("}", "add", id="a")],
            ],
            [A],
        ),
        # id and name come again, empty or null
        (
            [
                [fragment('{"x"', "add", index=0, id="a")],
                [fragment(": 1", "", index=0, id="")],
                [fragment("}", None, index=0, id=None)],
            ],
            [A],
        ),
        # every parallel call has the index 0, and goes on under it
        (
            [
                [fragment('{"x"', "add", index=0, id="a")],
                [fragment(": 1}", index=0)],
                [fragment("{", "sub", index=0, id="b")],
                [fragment("}", index=0)],
            ],
            [A, B],
        ),
        # the index changes in mid-call, the id stays
        ([[fragment('{"x"', "add", index=0, id="a")], [fragment(": 1}", index=1, id="a")]], [A]),
        # the id comes later than the name
        ([[fragment(None, "add", index=0)], [fragment('{"x": 1}', index=0, id="a")]], [A]),
        ([[fragment(None, "add")], [fragment('{"x": 1}', id="a")]], [A]),
        # arguments as an object, and null throughout
        ([[fragment({"x": 1}, "add", index=0, id="a"), fragment(None, "sub", id="b")]], [A, B]),
        # what says nothing is no call
        ([[fragment('{"x": 1}', "add", index=0, id="a"), {}, {"index": 4, "function": None}]], [A]),
    ],
)  # fmt: skip
def test_a_tool_calls_fragments_find_together(
    deltas: list[list[dict[str, Any]]], expected: list[tuple[str, str, Any]]
) -> None:
    assert calls(*deltas) == expected


@pytest.mark.parametrize(
    "deltas",
    [
        [[fragment("{}", "add"), fragment("{}", "add")]],
        [[fragment("{}", "add")], [fragment("{}", "add")]],
        [[fragment("{}", "add", index=0), fragment("{}", "add", index=0)]],
        [[fragment("{}", "add", index=0, id="same"), fragment("{}", "add", index=1, id="same")]],
        [[fragment("{}", "add", index=0, id=""), fragment("{}", "add", index=1, id="")]],
    ],
)
def test_calls_without_ids_of_their_own_stay_apart(deltas: list[list[dict[str, Any]]]) -> None:
    first, second = calls(*deltas)
    assert first[0] != second[0]
    assert first[1:] == second[1:] == ("add", {})


def test_a_name_that_comes_again_while_arguments_stream_begins_no_call() -> None:
    ((_, name, given),) = calls([fragment('{"x"', "add")], [fragment(": 1}", "add")])
    assert (name, given) == ("add", {"x": 1})


@pytest.mark.parametrize("arguments", ['{"x": ', "yes", '{"x": NaN}', '{"a": 1}{"b": 2}'])
def test_arguments_that_are_not_json_stay_the_text_they_are(arguments: str) -> None:
    assert calls([fragment(arguments, "add", index=0, id="a")]) == [("a", "add", arguments)]


def test_a_long_call_in_many_fragments_is_put_together() -> None:
    text = json.dumps({"code": "x" * 50_000})
    deltas = [[fragment(part, index=0)] for part in text]
    assert calls([fragment("", "add", index=0, id="a")], *deltas) == [
        ("a", "add", {"code": "x" * 50_000})
    ]


def test_the_legacy_function_call_is_a_tool_call() -> None:
    events = read(
        delta(function_call={"name": "add", "arguments": '{"x"'}),
        delta(function_call={"arguments": ": 1}"}),
        delta("function_call"),
    )
    (call,) = calls_of(events)
    assert (call.tool_name, call.input) == ("add", {"x": 1})
    assert call.tool_call_id.startswith("call_")
    assert events[-1] == Finish("function_call")


def test_fragments_after_the_finish_reason_still_belong_to_their_call() -> None:
    early = delta("tool_calls", tool_calls=[fragment('{"x"', "add", index=0, id="a")])
    events = read(early, delta(tool_calls=[fragment(": 1}", index=0)]))
    assert calls_of(events) == [ToolCall("a", "add", {"x": 1})]


def test_an_error_after_the_finish_reason_runs_no_call() -> None:
    whole = delta("tool_calls", tool_calls=[fragment("{}", "add", index=0, id="a")])
    events = read(whole, {"error": {"message": "Lost"}, "choices": []})
    assert calls_of(events) == []
    assert isinstance(events[-1], Failure)


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": "hm", "reasoning_content": "hm"},
        {"reasoning": "hm", "reasoning_content": None},
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"content": [{"type": "thinking", "thinking": "hm"}]},
    ],
)
def test_thinking_is_read_once_wherever_it_stands(fields: dict[str, Any]) -> None:
    events = read(delta(**fields), delta(content="yes"), delta("stop"))
    assert (thinking_of(events), text_of(events)) == ("hm", "yes")


def test_text_comes_as_text_or_as_parts_and_a_refusal_is_text() -> None:
    parts = [{"type": "text", "text": "a"}, "odd", {"type": "image"}, {"text": None}]
    events = read(delta(content=parts), delta(content=None, refusal="no"), delta("stop"))
    assert events == [TextDelta("a"), TextDelta("no"), Finish("stop")]


def test_a_whole_message_beside_or_after_the_deltas_does_not_count_again() -> None:
    message = {"role": "assistant", "content": "ab"}
    beside = {"choices": [{"index": 0, "delta": {"content": "b"}, "message": message}]}
    after = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    assert text_of(read(delta(content="a"), beside, after)) == "ab"
    assert text_of(read(after)) == "ab"


def test_of_several_alternative_answers_the_first_is_read() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "B"}, "finish_reason": "length"}]}
    assert read(delta(content="A"), other, delta("stop")) == [TextDelta("A"), Finish("stop")]


@pytest.mark.parametrize(
    ("raw", "usage", "reasoning"),
    [
        ({"prompt_tokens": 5}, Usage(input_tokens=5, output_tokens=0), None),
        ({"prompt_tokens": None, "total_tokens": 3}, Usage(input_tokens=0, output_tokens=0), None),
        (
            {
                "prompt_tokens": 9.0,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
            Usage(input_tokens=9, output_tokens=7, cache_read_tokens=4, cache_write_tokens=1),
            6,
        ),
        (
            {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4, "prompt_tokens_details": None},
            Usage(input_tokens=9, output_tokens=0, cache_read_tokens=4),
            None,
        ),
        (
            {"prompt_tokens": 9, "cached_tokens": 2, "cache_creation_input_tokens": 3},
            Usage(input_tokens=9, output_tokens=0, cache_read_tokens=2, cache_write_tokens=3),
            None,
        ),
    ],
)  # fmt: skip
def test_usage_is_read_under_every_name_and_kept_raw(
    raw: dict[str, Any], usage: Usage, reasoning: int | None
) -> None:
    events = read(delta("stop"), {"choices": [], "usage": raw})
    assert events == [UsageReport(usage, reasoning, raw), Finish("stop")]


def test_the_last_usage_counts_wherever_it_stands() -> None:
    final = {"prompt_tokens": 2, "completion_tokens": 3}
    early = {**delta(content="a"), "usage": {"prompt_tokens": 2, "completion_tokens": 1}}
    for last in ({"usage": final}, {"x_groq": {"usage": final}}):
        events = read(
            early, {**delta("stop"), **last}, {"choices": [], "usage": None}, {"usage": {}}
        )
        assert events[:2] == [
            TextDelta("a"),
            UsageSoFar(UsageReport(Usage(input_tokens=2, output_tokens=1), raw=early["usage"])),
        ]
        assert events[2:] == [
            UsageReport(Usage(input_tokens=2, output_tokens=3), raw=final),
            Finish("stop"),
        ]


def test_who_answered_is_told_once_though_the_first_frame_does_not_say() -> None:
    events = read(
        {"choices": [], "id": "", "model": ""},
        {**delta(content="a"), "id": "c1", "model": "m-2026"},
        {**delta("stop"), "id": "c2", "model": "other"},
    )
    assert events == [TextDelta("a"), AnswerInfo("c1", "m-2026"), Finish("stop")]


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([{"error": "plain"}], "plain"),
        ([{"type": "error", "message": "typed"}], "typed"),
        ([delta("error")], "did not say which"),
        ([delta("length"), {"choices": [], "error": {"message": "after"}}], "after"),
    ],
)
def test_an_error_is_a_failure_in_whatever_form_it_comes(frames: list[Any], words: str) -> None:
    failure = read(delta(content="a"), *frames)[-1]
    assert isinstance(failure, Failure)
    assert words in failure.message


def test_the_event_named_error_is_one_whatever_its_data_says() -> None:
    body = b'event: error\ndata: {"message": "Gone", "code": 500}\n\n'
    failure = read_body(ChunkReader(), sse(delta(content="a")) + body)[-1]
    assert isinstance(failure, Failure)
    assert (failure.code, failure.retryable) == ("500", True)


def test_a_finish_reason_that_is_empty_or_null_ends_nothing() -> None:
    events = read_body(ChunkReader(), sse(delta("", content="a"), delta(None)))
    assert isinstance(events[-1], Failure)
    assert read(delta("", content="a"), delta("stop"), delta(None))[-1] == Finish("stop")


def test_a_content_filter_is_named_by_the_servers_own_word() -> None:
    assert read(delta(content="a"), delta("content_filter"))[-1] == Finish("content_filter")


DETAILS = [
    {"type": "reasoning.text", "text": "h", "index": 0, "format": "f"},
    {"type": "reasoning.text", "text": "m", "index": 0},
    {"type": "reasoning.text", "signature": "sig", "index": 0},
    {"type": "reasoning.encrypted", "data": "secret", "index": 1},
]


def test_thinking_that_a_server_wants_back_is_kept_with_its_block() -> None:
    frames = [delta(reasoning_details=[each], content="") for each in DETAILS]
    events = read(*frames, delta(content="yes"), delta("stop"))
    merged = {"type": "reasoning.text", "text": "hm", "index": 0, "format": "f", "signature": "sig"}
    assert events == [
        ReasoningDelta("h"),
        ReasoningDelta("m"),
        Detail({"reasoning_details": [merged, DETAILS[3]]}),
        TextDelta("yes"),
        Finish("stop"),
    ]


def test_arguments_are_told_while_they_come_as_soon_as_it_is_known_whose_they_are() -> None:
    frames = [
        delta(tool_calls=[fragment("", "add", index=0, id="a")]),
        delta(tool_calls=[fragment('{"x"', index=0)]),
        delta(tool_calls=[fragment("{}", "see", index=1)]),
        delta(tool_calls=[fragment(": 1}", index=0)]),
        delta("tool_calls"),
    ]
    events = read_body(ChunkReader(), sse(*frames, "[DONE]"))
    assert written(events) == [("a", "add", '{"x": 1}')]
    assert [call.input for call in calls_of(events)] == [{"x": 1}, {}]


def test_thinking_in_blocks_keeps_each_block_with_its_signature() -> None:
    def block(**fields: str) -> dict[str, Any]:
        return delta(thinking_blocks=[{"type": "thinking", **fields}])

    events = read(
        block(thinking="a"),
        block(thinking="b"),
        block(thinking="", signature="s1"),
        block(thinking="c", signature="s2"),
        delta(tool_calls=[fragment("{}", "add", index=0, id="a")]),
        delta("tool_calls"),
    )
    assert thinking_of(events) == "abc"
    assert events[3] == Detail(
        {
            "thinking_blocks": [
                {"type": "thinking", "thinking": "ab", "signature": "s1"},
                {"type": "thinking", "thinking": "c", "signature": "s2"},
            ]
        }
    )
    assert events[4] == ToolCall("a", "add", {})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not a chat completion: nothing"),
        (b"Internal error", "not a chat completion: Internal error"),
        (b"{}", "not a chat completion: {}"),
        (b'{"choices": [', "not a chat completion: {"),
        (b"<html>sign in</html>", "not a chat completion: <html>"),
        (b"[]", "not a chat completion: []"),
        (b": ping\n\n", "broke off before the answer was complete"),
        (b"data: 5\n\n", "not a JSON object: 5"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "not a JSON object: [["),
    ],
)
@pytest.mark.parametrize("size", [0, 1])
def test_what_is_no_answer_is_refused_in_words(body: bytes, words: str, size: int) -> None:
    (failure,) = read_body(ChunkReader(), body, size if len(body) < 1000 else 0)
    assert isinstance(failure, Failure)
    assert words in failure.message


def test_blank_data_says_nothing_and_lone_surrogates_are_taken() -> None:
    body = b"data:\n\ndata: \n\n" + sse(delta(content="a"), delta("stop"))
    assert read_body(ChunkReader(), body) == [TextDelta("a"), Finish("stop")]
    odd = b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}\n\n' + sse("[DONE]")
    assert text_of(read_body(ChunkReader(), odd)) == "\ud83d"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("size", [0, 1])
def test_numbers_that_json_does_not_have_are_null(number: str, size: int) -> None:
    usage = f'{{"completion_tokens":2,"logprobs":[{number}]}}'
    body = (
        f'data: {{"choices":[{{"delta":{{"content":"a"}},"logprobs":{number}}}]}}\n\n'
        f'data: {{"choices":[{{"finish_reason":"stop"}}],"usage":{usage}}}\n\ndata: [DONE]\n\n'
    ).encode()
    kept = {"completion_tokens": 2, "logprobs": [None]}
    report = UsageReport(Usage(input_tokens=0, output_tokens=2), raw=kept)
    events = read_body(ChunkReader(), body, size)
    assert events == [TextDelta("a"), report, Finish("stop")]


def test_nothing_after_the_end_mark_is_read() -> None:
    assert read(delta("stop"), "[DONE]", delta(content="late")) == [Finish("stop")]
