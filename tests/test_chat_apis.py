"""Conversations over chat completions, Responses and Messages with aimock: loops and faults.

What was sent is read as it went over the wire, and judged by each API's strict rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import TurnFailedError
from dispatch_nb.providers.chat_rules import chat_violations
from dispatch_nb.providers.messages_rules import messages_violations
from dispatch_nb.providers.responses_rules import responses_violations
from dispatch_nb.wire.events import ErrorEvent, ProviderRetryEvent
from tests.aimock import Aimock, running_aimock
from tests.forwarder import Forwarder, forwarding

FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "sum", "hasToolResult": False},
        "response": {
            "content": "Let me add.",
            "toolCalls": [
                {"id": "call_a", "name": "add", "arguments": {"a": 17, "b": 25}},
                {"id": "call_b", "name": "add", "arguments": {"a": 1, "b": 2}},
            ],
        },
    },
    {"match": {"userMessage": "sum", "hasToolResult": True}, "response": {"content": "42 and 3."}},
    {
        "match": {"userMessage": "overload"},
        "response": {"error": {"message": "Overloaded", "type": "overloaded_error"}, "status": 529},
    },
    {"match": {"userMessage": "thanks"}, "response": {"content": "You are welcome."}},
    {"match": {"userMessage": "Hello"}, "response": {"content": "Good day to you."}},
    {
        "match": {"userMessage": "cut"},
        "response": {"content": "word " * 400},
        "chunkSize": 5,
        "truncateAfterChunks": 8,
    },
]


@dataclass(frozen=True)
class Api:
    """How one API's requests are sent, judged and read."""

    prefix: str
    end: str
    violations: Callable[[Mapping[str, Any]], list[str]]
    words: Callable[[Mapping[str, Any]], list[tuple[str, Any]]]


def chat_words(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return who says what, in order; calls and results by their ids."""
    found: list[tuple[str, Any]] = []
    for message in body["messages"]:
        content = message.get("content")
        if message["role"] == "tool":
            found.append(("result", message["tool_call_id"]))
        elif content:
            found.append((message["role"], _text(content)))
        found += [("call", call["id"]) for call in message.get("tool_calls", [])]
    return found


def response_words(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for item in body["input"]:
        match item.get("type", "message"):
            case "function_call":
                found.append(("call", item["call_id"]))
            case "function_call_output":
                found.append(("result", item["call_id"]))
            case _:
                found.append((item["role"], _text(item["content"])))
    return found


def message_words(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for message in body["messages"]:
        for block in message["content"]:
            match block["type"]:
                case "tool_use":
                    found.append(("call", block["id"]))
                case "tool_result":
                    found.append(("result", block["tool_use_id"]))
                case "text":
                    found.append((message["role"], block["text"]))
                case _:
                    pass
    return found


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


APIS = {
    "chat": Api("openai", "/v1", chat_violations, chat_words),
    "responses": Api("openai-responses", "/v1", responses_violations, response_words),
    "messages": Api("anthropic", "", messages_violations, message_words),
}
LOOP = [
    ("user", "The sum, please."),
    ("assistant", "Let me add."),
    ("call", "call_a"),
    ("call", "call_b"),
    ("result", "call_a"),
    ("result", "call_b"),
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest) -> Api:
    return APIS[request.param]


@pytest.fixture(scope="module")
def server() -> Iterator[Aimock]:
    with running_aimock(FIXTURES, latency_ms=5) as running:
        yield running


@pytest.fixture
def sent(server: Aimock) -> Iterator[Forwarder]:
    with forwarding(server.address) as forwarder:
        yield forwarder


def opened(api: Api, address: str, path: Path, **settings: Any) -> dn.Chat:
    return dn.Chat(
        f"{api.prefix}:some-model",
        base_url=address + api.end,
        api_key="sk-planted",
        tools=[add],
        store=path / "lab.db",
        conversation="c",
        **settings,
    )


def test_a_tool_loop_goes_out_in_order_each_call_with_its_result(
    api: Api, sent: Forwarder, tmp_path: Path
) -> None:
    chat = opened(api, sent.address, tmp_path, system="Be brief.")
    assert chat.send("The sum, please.").result(20).text.endswith("42 and 3.")
    assert chat.send("thanks").result(20).text == "You are welcome."
    first, second, third = sent.bodies
    for body in sent.bodies:
        assert api.violations(body) == []
        assert "Be brief." in str(body)
    said = [[word for word in api.words(body) if word[0] != "system"] for body in sent.bodies]
    assert said == [LOOP[:1], LOOP, [*LOOP, ("assistant", "42 and 3."), ("user", "thanks")]]
    assert (first["stream"], second["tools"], third["tools"]) == (
        True,
        first["tools"],
        first["tools"],
    )


def test_a_conversation_opened_again_gives_the_model_all_of_it_and_glues_nothing(
    api: Api, sent: Forwarder, tmp_path: Path
) -> None:
    first = opened(api, sent.address, tmp_path)
    first.send("Hello").result(20)
    first.send("The sum, please.").result(20)
    first.close()
    dn.Store(tmp_path / "lab.db").close()
    opened(api, sent.address, tmp_path).send("thanks").result(20)
    assert api.violations(sent.bodies[-1]) == []
    assert [word for word in api.words(sent.bodies[-1]) if word[0] != "system"] == [
        ("user", "Hello"),
        ("assistant", "Good day to you."),
        *LOOP,
        ("assistant", "42 and 3."),
        ("user", "thanks"),
    ]


@pytest.mark.parametrize(
    ("rates", "words", "retries"),
    [
        ({"rateLimitRate": 1}, "HTTP 429", True),
        ({"dropRate": 1}, "HTTP 500", True),
        ({"malformedRate": 1}, "answered with something that is not", False),
        ({"disconnectRate": 1}, "closed without an answer", True),
    ],
    ids=["429", "500", "malformed 200", "closed before headers"],
)
def test_a_fault_is_told_tried_again_where_that_helps_and_survived(
    rates: dict[str, float], words: str, retries: bool, api: Api, server: Aimock, tmp_path: Path
) -> None:
    # The server asks for a second's wait with its 429: more than a test should take.
    chat = opened(
        api, server.address, tmp_path, retry=BackoffRetry(delays_ms=(1, 5_000), budget_ms=1_100)
    )
    server.chaos(**rates)
    try:
        turn = chat.send("Hello")
        with pytest.raises(TurnFailedError, match=words):
            turn.result(20)
    finally:
        server.chaos()
    tried = [event for event in turn._events if isinstance(event, ProviderRetryEvent)]
    assert bool(tried) is retries
    if "rateLimitRate" in rates:
        assert [event.delay_ms for event in tried] == [1_000]
    assert chat.send("thanks").result(20).text == "You are welcome."


def test_an_overloaded_provider_is_told_in_its_own_words(
    api: Api, server: Aimock, tmp_path: Path
) -> None:
    chat = opened(api, server.address, tmp_path, retry=BackoffRetry(delays_ms=(1,), budget_ms=2))
    with pytest.raises(TurnFailedError, match=r"HTTP 529: Overloaded\. The fault is on the server"):
        chat.send("overload").result(20)


def test_an_answer_cut_in_mid_stream_keeps_its_words_and_is_not_taken_for_whole(
    api: Api, server: Aimock, tmp_path: Path
) -> None:
    chat = opened(api, server.address, tmp_path)
    turn = chat.send("cut")
    with pytest.raises(TurnFailedError, match="broke off before the answer was complete"):
        turn.result(20)
    assert turn.text.startswith("word")
    errors = [event for event in turn._events if isinstance(event, ErrorEvent)]
    assert len(errors) == 1
    assert chat.send("thanks").result(20).text == "You are welcome."
