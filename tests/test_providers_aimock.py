"""The openai provider against aimock, a server nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dispatch_nb.engine.contracts import Failure, Finish, UsageReport
from dispatch_nb.providers import OpenAIProvider
from dispatch_nb.tools import function_tool
from dispatch_nb.wire.conversation import Usage
from tests.aimock import Aimock, running_aimock
from tests.aimock_talk import TALK, add
from tests.providers_parts import ask, calls_of, play_turn, text_of, thinking_of, user

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[Aimock]:
    with running_aimock(TALK) as running:
        yield running


@pytest.fixture
def provider(server: Aimock) -> OpenAIProvider:
    return OpenAIProvider("some-model", base_url=server.base_url, api_key="sk-test")


async def test_streams_thinking_and_text(provider: OpenAIProvider) -> None:
    events = await ask(provider, "Hello")
    assert (thinking_of(events), text_of(events)) == ("A greeting.", "Good day to you.")
    assert events[-1] == Finish("stop")


async def test_a_tool_loop_sends_calls_and_results_back(
    server: Aimock, provider: OpenAIProvider
) -> None:
    first, second = await play_turn(provider, [user("Please add.")], [function_tool(add)])
    assert [call.input for call in calls_of(first)] == [{"a": 17, "b": 25}, {"a": 1, "b": 2}]
    assert UsageReport in map(type, first)
    (report,) = [event for event in first if isinstance(event, UsageReport)]
    assert report.usage == Usage(input_tokens=30, output_tokens=9)
    assert text_of(second) == "42 and 3."
    sent = server.requests()[-1]
    assert [message["role"] for message in sent["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
    ]
    assert [call["id"] for call in sent["messages"][1]["tool_calls"]] == ["call_a", "call_b"]
    assert sent["messages"][2] == {"role": "tool", "tool_call_id": "call_a", "content": "42"}
    assert sent["messages"][3]["content"] == "3"
    assert sent["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("rates", "code", "words", "wait"),
    [
        ({"rateLimitRate": 1}, "429", "rate limit exceeded", 1000.0),
        ({"dropRate": 1}, "500", "request dropped", None),
        ({"malformedRate": 1}, None, "is not a chat completion", None),
        ({"disconnectRate": 1}, None, "closed without an answer", None),
    ],
)
async def test_its_faults_become_one_failure(
    server: Aimock,
    provider: OpenAIProvider,
    rates: dict[str, float],
    code: str | None,
    words: str,
    wait: float | None,
) -> None:
    server.chaos(**rates)
    try:
        (failure,) = await ask(provider, "Hello")
    finally:
        server.chaos()
    assert isinstance(failure, Failure)
    assert (failure.code, failure.retry_after_ms) == (code, wait)
    assert words in failure.message
    assert failure.retryable is (words != "is not a chat completion")


async def test_a_cut_stream_keeps_its_text_and_ends_in_a_failure() -> None:
    with running_aimock(TALK, latency_ms=15) as slow:
        events = await ask(OpenAIProvider("m", base_url=slow.base_url), "long")
    assert text_of(events).startswith("word word")
    assert isinstance(events[-1], Failure)
    assert "broke off before the answer was complete" in events[-1].message


async def test_many_requests_in_a_row_all_succeed(provider: OpenAIProvider) -> None:
    for _ in range(30):
        assert text_of(await ask(provider, "Hello")) == "Good day to you."
