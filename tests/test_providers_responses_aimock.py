"""The openai-responses provider against aimock, a server nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dispatch_nb.compose import open_conversation
from dispatch_nb.engine.contracts import Failure, Finish
from dispatch_nb.providers import OpenAIResponsesProvider
from dispatch_nb.tools import function_tool
from tests.aimock import Aimock, running_aimock
from tests.aimock_talk import TALK, add
from tests.providers_parts import ask, calls_of, play_turn, text_of, thinking_of, user

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[Aimock]:
    with running_aimock(TALK) as running:
        yield running


@pytest.fixture
def provider(server: Aimock) -> OpenAIResponsesProvider:
    return OpenAIResponsesProvider("some-model", base_url=server.base_url, api_key="sk-test")


async def test_streams_thinking_and_text(provider: OpenAIResponsesProvider) -> None:
    events = await ask(provider, "Hello")
    assert (thinking_of(events), text_of(events)) == ("A greeting.", "Good day to you.")
    assert events[-1] == Finish("completed")


async def test_a_tool_loop_sends_calls_and_results_back(
    server: Aimock, provider: OpenAIResponsesProvider
) -> None:
    first, second = await play_turn(provider, [user("Please add.")], [function_tool(add)])
    assert [call.input for call in calls_of(first)] == [{"a": 17, "b": 25}, {"a": 1, "b": 2}]
    assert text_of(second) == "42 and 3."
    sent = server.requests()[-1]["messages"]  # its journal tells every API's items alike
    assert [message["role"] for message in sent] == ["user", *["assistant"] * 2, *["tool"] * 2]
    made = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    answered = [(m["tool_call_id"], m["content"]) for m in sent if m["role"] == "tool"]
    assert made == ["call_a", "call_b"]
    assert answered == [("call_a", "42"), ("call_b", "3")]


def test_a_conversation_of_several_turns_sends_its_whole_history(server: Aimock) -> None:
    chat = open_conversation(
        "openai-responses:some-model",
        base_url=server.base_url,
        api_key="sk-test",
        store=":memory:",
        system="Be brief.",
        tools=[add],
    )
    turns = [chat.send(text).result(20) for text in ("Hello", "Please add.", "Hello")]
    assert [turn.text for turn in turns] == ["Good day to you.", "42 and 3.", "Good day to you."]
    told = [(m["role"], m["content"]) for m in server.requests()[-1]["messages"]]
    assert told == [
        ("system", "Be brief."),
        ("user", "Hello"),
        ("assistant", "Good day to you."),
        ("user", "Please add."),
        ("assistant", None),
        ("assistant", None),
        ("tool", "42"),
        ("tool", "3"),
        ("assistant", "42 and 3."),
        ("user", "Hello"),
    ]


@pytest.mark.parametrize(
    ("rates", "code", "words"),
    [
        ({"rateLimitRate": 1}, "429", "rate limit exceeded"),
        ({"dropRate": 1}, "500", "request dropped"),
        ({"malformedRate": 1}, None, "is not a response"),
        ({"disconnectRate": 1}, None, "closed without an answer"),
    ],
)
async def test_its_faults_become_one_failure(
    server: Aimock,
    provider: OpenAIResponsesProvider,
    rates: dict[str, float],
    code: str | None,
    words: str,
) -> None:
    server.chaos(**rates)
    try:
        (failure,) = await ask(provider, "Hello")
    finally:
        server.chaos()
    assert isinstance(failure, Failure)
    assert failure.code == code
    assert words in failure.message


async def test_a_cut_stream_keeps_its_text_and_ends_in_a_failure() -> None:
    with running_aimock(TALK, latency_ms=15) as slow:
        events = await ask(OpenAIResponsesProvider("m", base_url=slow.base_url), "long")
    assert text_of(events).startswith("word ")
    assert isinstance(events[-1], Failure)
    assert "broke off before the answer was complete" in events[-1].message
