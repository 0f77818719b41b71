"""The openai provider against real loopback servers: bytes in pieces, faults, closing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from dispatch_nb.engine.contracts import (
    Detail,
    Failure,
    Finish,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    UsageReport,
    UsageSoFar,
)
from dispatch_nb.providers import OpenAIProvider
from dispatch_nb.providers.http import Timeouts
from dispatch_nb.wire.conversation import Usage
from tests.providers_parts import ask, calls_of, kept, text_of, user
from tests.raw_server import delta, serving, sse

pytestmark = pytest.mark.anyio
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 4},
}


def call_delta(index: int | None, arguments: Any, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments}
    if "name" in fields:
        function["name"] = fields.pop("name")
    place = {} if index is None else {"index": index}
    return delta(tool_calls=[{**place, "function": function, **fields}])


async def answer(*pieces: bytes, **how: Any) -> list[ProviderEvent]:
    with serving(pieces, **how) as server:
        return kept(await ask(OpenAIProvider("m", base_url=server.base_url), "hi"))


def failure_of(events: list[ProviderEvent]) -> Failure:
    (failure,) = [event for event in events if isinstance(event, Failure)]
    assert events[-1] is failure
    return failure


WHOLE = sse(
    delta(role="assistant", content=""),
    delta(reasoning_content="hm"),
    delta(content="Grüße 😀"),
    call_delta(0, '{"a":', id="c1", name="add"),
    call_delta(1, "{}", id="c2", name="now"),
    call_delta(0, " 1}"),
    delta("tool_calls"),
    {"choices": [], "usage": USAGE},
    "[DONE]",
)
EVENTS = [
    ReasoningDelta("hm"),
    Detail({"field": "reasoning_content"}),
    TextDelta("Grüße 😀"),
    ToolCall("c1", "add", {"a": 1}),
    ToolCall("c2", "now", {}),
    UsageReport(Usage(input_tokens=11, output_tokens=7, cache_read_tokens=4), raw=USAGE),
    Finish("tool_calls"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, len(WHOLE)])
async def test_bytes_in_any_pieces_give_the_same_events(size: int) -> None:
    pieces = [WHOLE[start : start + size] for start in range(0, len(WHOLE), size)]
    assert await answer(*pieces) == EVENTS


async def test_the_request_carries_the_key_and_the_path_and_the_extra_headers() -> None:
    with serving([WHOLE]) as server:
        provider = OpenAIProvider(
            "m", base_url=f"{server.base_url}/", api_key="sk-mine", headers={"X-Team": "blue"}
        )
        await ask(provider, "hi", [], ProviderOptions(temperature=0.5))
    assert server.headers[0]["authorization"] == "Bearer sk-mine"
    assert server.headers[0]["x-team"] == "blue"
    assert server.bodies[0]["temperature"] == 0.5
    assert "sk-mine" not in repr(provider)


async def test_no_key_is_sent_to_another_server_unless_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai")
    with serving([WHOLE]) as server:
        await ask(OpenAIProvider("m", base_url=server.base_url), "hi")
    assert "authorization" not in server.headers[0]


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert await answer(WHOLE) == EVENTS


async def test_usage_repeated_in_every_frame_is_reported_once_and_the_last_counts() -> None:
    frames = [
        {**delta(content="a"), "usage": {"prompt_tokens": 11, "completion_tokens": n}}
        for n in range(1, 4)
    ]
    events = await answer(sse(*frames, delta("stop"), {"choices": [], "usage": None}, "[DONE]"))
    reports = [event.usage for event in events if isinstance(event, UsageReport)]
    assert reports == [Usage(input_tokens=11, output_tokens=3)]


async def test_arguments_that_are_not_json_are_passed_as_text() -> None:
    for arguments in ('{"a": 1', '{"a": NaN}', "[" * 100_000):
        cut = call_delta(0, arguments, id="c", name="add")
        events = await answer(sse(cut, delta("length"), "[DONE]"))
        assert calls_of(events) == [ToolCall("c", "add", arguments)]
        assert events[-1] == Finish("length")


async def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    frames = (call_delta(0, "{}", name="a"), call_delta(1, "{}", name="b"), delta("tool_calls"))
    first, second = calls_of(await answer(sse(*frames)))
    assert first.tool_call_id.startswith("call_")
    assert first.tool_call_id != second.tool_call_id


async def test_parallel_calls_that_all_have_index_zero_stay_apart() -> None:
    frames = (call_delta(0, "{}", id="x", name="a"), call_delta(0, "{}", id="y", name="b"))
    calls = calls_of(await answer(sse(*frames, delta("tool_calls"))))
    assert [(call.tool_call_id, call.tool_name) for call in calls] == [("x", "a"), ("y", "b")]


async def test_done_without_a_finish_reason_keeps_the_gathered_calls() -> None:
    events = await answer(sse(call_delta(0, "{}", id="c", name="add"), "[DONE]"))
    assert events == [ToolCall("c", "add", {})]


async def test_a_finish_reason_without_done_is_a_whole_answer() -> None:
    assert await answer(sse(delta(content="a"), delta("stop"))) == [TextDelta("a"), Finish("stop")]


async def test_a_body_that_ends_early_is_a_failure_and_its_calls_are_not_run() -> None:
    events = await answer(sse(delta(content="a"), call_delta(0, "{}", id="c", name="add")))
    assert events[0] == TextDelta("a")
    failure = failure_of(events)
    assert "broke off before the answer was complete" in failure.message
    assert failure.retryable
    assert not calls_of(events)


async def test_a_connection_that_breaks_in_mid_stream_is_a_failure() -> None:
    events = await answer(sse(delta(content="a")), length=10_000)
    assert events[0] == TextDelta("a")
    failure = failure_of(events)
    assert "broke off before the answer was complete" in failure.message
    assert failure.retryable


async def test_a_connection_that_breaks_after_the_finish_reason_is_a_whole_answer() -> None:
    events = await answer(sse(delta(content="a"), delta("stop")), length=10_000)
    assert events == [TextDelta("a"), Finish("stop")]


@pytest.mark.parametrize(
    ("body", "words", "code", "retryable"),
    [
        (sse({"error": {"message": "Too long", "code": 400}}), "Too long", "400", False),
        (sse({"error": {"message": "Busy", "code": 503}}), "Busy", "503", True),
        (sse({"error": "plain words"}), "plain words", None, False),
        (b'event: error\ndata: {"message": "Gone", "type": "server_error"}\n\n', "Gone",
         "server_error", True),
        (sse({"object": "error", "message": "Bad", "code": 404}), "Bad", "404", False),
    ],
)  # fmt: skip
async def test_an_error_inside_a_stream_ends_it_with_the_providers_words(
    body: bytes, words: str, code: str | None, retryable: bool
) -> None:
    start = sse({**delta(content="a"), "usage": USAGE})
    events = await answer(start + body + sse(delta(content="late"), "[DONE]"))
    assert text_of(events) == "a"
    assert isinstance(events[1], UsageSoFar)
    assert events[2] == events[1].report
    failure = failure_of(events)
    assert failure.message.endswith(f"with an error: {words}")
    assert (failure.code, failure.retryable) == (code, retryable)


async def test_a_line_that_is_not_json_is_a_failure_that_shows_it() -> None:
    failure = failure_of(await answer(b"data: {oops\n\n"))
    assert failure == Failure("The provider sent a line that is not a JSON object: {oops")


@pytest.mark.parametrize(
    ("status", "body", "words", "retryable"),
    [
        (400, '{"error": {"message": "No such thing", "code": null}}', "No such thing", False),
        (
            401,
            '{"error": {"message": "Wrong key sk-mine"}}',
            "Wrong key [api key]. The API key was refused",
            False,
        ),
        (404, '{"detail": "Not Found"}', "Not Found. There is no such API at this address", False),
        (404, "<h1>gone</h1>", "<h1>gone</h1>", False),
        (408, "", "HTTP 408 (Request Timeout): no explanation", True),
        (429, '[{"error": {"message": "Slow down"}}]', "Slow down", True),
        (500, '{"message": "Oh"}', "HTTP 500 (Internal Server Error): Oh", True),
        (529, '{"error": {"message": "R", "metadata": {"raw": "why"}}}', "HTTP 529: R: why", True),
    ],
)
async def test_an_http_error_carries_the_providers_words(
    status: int, body: str, words: str, retryable: bool
) -> None:
    with serving([body.encode()], status=status, content_type="application/json") as server:
        provider = OpenAIProvider("m", base_url=server.base_url, api_key="sk-mine")
        failure = failure_of(await ask(provider, "hi"))
    assert words in failure.message
    assert "sk-mine" not in failure.message
    assert (failure.code, failure.retryable) == (str(status), retryable)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "2"}, 2000.0),
        ({"Retry-After": "9", "retry-after-ms": "150"}, 150.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_the_wait_that_the_server_asks_for_is_passed_on(
    headers: dict[str, str], wait: float | None
) -> None:
    failure = failure_of(await answer(b"{}", status=429, headers=headers))
    assert failure.retry_after_ms == wait


async def test_a_whole_answer_to_a_request_for_a_stream_is_read() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    message = {"role": "assistant", "content": "Hello", "reasoning": "hm", "tool_calls": [call]}
    body = {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    events = await answer(json.dumps(body).encode(), content_type="application/json; charset=utf-8")
    assert [type(e) for e in events] == [ReasoningDelta, TextDelta, ToolCall, UsageReport, Finish]


@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
async def test_a_page_instead_of_an_answer_names_the_base_url(content_type: str) -> None:
    failure = failure_of(await answer(b"<html>Hello</html>", content_type=content_type))
    assert "is not a chat completion: <html>Hello</html>" in failure.message
    assert "base_url" in failure.message


async def test_a_refused_connection_names_the_address_and_what_to_check(dead_port: int) -> None:
    url = f"http://127.0.0.1:{dead_port}/v1"
    failure = failure_of(await ask(OpenAIProvider("m", base_url=url), "hi"))
    assert f"No connection to {url}/chat/completions" in failure.message
    assert "Check that the server runs, and base_url" in failure.message
    assert failure.retryable


async def test_a_server_that_falls_silent_is_a_failure() -> None:
    with serving([sse(delta(content="a"))], hold=True) as server:
        provider = OpenAIProvider("m", base_url=server.base_url, timeouts=Timeouts(between=0.2))
        events = await ask(provider, "hi")
        assert await asyncio.to_thread(server.client_gone.wait, 60)
    assert text_of(events) == "a"
    assert "sent nothing for 0.2 s" in failure_of(events).message


async def test_cancelling_the_read_and_closing_the_iterator_closes_the_connection() -> None:
    with serving([sse(delta(content="a"))], hold=True) as server:
        provider = OpenAIProvider("m", base_url=server.base_url)
        stream = provider.stream([user("hi")], [], ProviderOptions())
        assert await anext(stream) == TextDelta("a")
        pending = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        assert not server.client_gone.is_set()
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending
        assert await asyncio.to_thread(server.client_gone.wait, 60)


async def test_done_ends_the_answer_though_the_server_keeps_the_connection() -> None:
    with serving([WHOLE], hold=True) as server:
        events = await ask(OpenAIProvider("m", base_url=server.base_url), "hi")
        assert kept(events) == EVENTS
        assert await asyncio.to_thread(server.client_gone.wait, 60)
