"""A Chat against aimock, an OpenAI-compatible server that nobody here wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import TurnFailedError
from dispatch_nb.wire.events import ProviderRetryEvent, TextDeltaEvent
from tests.aimock import Aimock, running_aimock

LONG = "word " * 400
FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "sum", "hasToolResult": False},
        "response": {
            "toolCalls": [
                {"id": "call_a", "name": "add", "arguments": {"a": 17, "b": 25}},
                {"id": "call_b", "name": "add", "arguments": {"a": 1, "b": 2}},
            ],
            "usage": {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39},
        },
    },
    {
        "match": {"userMessage": "sum", "hasToolResult": True},
        "response": {
            "content": "The sums are 42 and 3.",
            "usage": {"prompt_tokens": 52, "completion_tokens": 8, "total_tokens": 60},
        },
    },
    {
        "match": {"userMessage": "cut"},
        "response": {"content": LONG},
        "chunkSize": 5,
        "truncateAfterChunks": 6,
    },
    {
        "match": {"userMessage": "Hello"},
        "response": {"content": "Good day to you."},
        "chunkSize": 4,
    },
    {"match": {"userMessage": "again"}, "response": {"content": "Once more."}},
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
def server() -> Iterator[Aimock]:
    with running_aimock(FIXTURES, latency_ms=5) as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


def opened(server: Aimock, path: Path, **settings: Any) -> dn.Chat:
    return dn.Chat(
        "openai:some-model",
        base_url=server.base_url,
        api_key="sk-planted-key",
        tools=[add],
        store=path,
        conversation="c",
        **settings,
    )


def test_text_streams_and_is_stored(server: Aimock, path: Path) -> None:
    chat = opened(server, path, system="Be polite.")
    turn = chat.send("Hello").result(20)
    assert turn.text == "Good day to you."
    deltas = [event for event in turn._events if isinstance(event, TextDeltaEvent)]
    assert len(deltas) > 1
    assert list(chat.chunks.text) == ["Hello", "Good day to you."]
    sent = server.requests()[0]
    assert sent["model"] == "some-model"
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert sent["messages"][0]["content"] == "Be polite."


def test_a_two_step_tool_loop_goes_out_and_comes_back_from_the_store(
    server: Aimock, path: Path
) -> None:
    chat = opened(server, path)
    turn = chat.send("What is the sum?").result(20)
    assert turn.text == "The sums are 42 and 3."
    assert list(chat.chunks.seq) == [1, 2, 3, 4, 5, 6]
    assert list(chat.tool_calls.result) == ["42", "3"]
    assert list(chat.steps.input_tokens) == [30, 52]
    assert list(chat.steps.output_tokens) == [9, 8]
    assert int(chat.turns.input_tokens.iloc[0]) == 82
    dn.Store(path).close()

    again = opened(server, path)
    assert again.last_seq == 6
    again.send("and again?").result(20)
    messages = server.requests()[-1]["messages"]
    assert [m["role"] for m in messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
    ]
    assert [call["id"] for call in messages[1]["tool_calls"]] == ["call_a", "call_b"]
    arguments = [json.loads(call["function"]["arguments"]) for call in messages[1]["tool_calls"]]
    assert arguments == [{"a": 17, "b": 25}, {"a": 1, "b": 2}]
    assert [(m["tool_call_id"], m["content"]) for m in messages[2:4]] == [
        ("call_a", "42"),
        ("call_b", "3"),
    ]
    assert messages[4]["content"] == "The sums are 42 and 3."
    assert messages[5]["content"] == "and again?"


def test_a_429_is_retried_shown_and_then_told(server: Aimock, path: Path) -> None:
    retry = BackoffRetry(budget_ms=3_000)
    chat = opened(server, path, retry=retry)
    server.chaos(rateLimitRate=1)
    turn = chat.send("Hello")
    with pytest.raises(TurnFailedError, match="429"):
        turn.result(30)
    retries = [event for event in turn._events if isinstance(event, ProviderRetryEvent)]
    assert retries
    assert retries[0].code == "429"
    assert list(chat.chunks.chunk_type) == ["text", "error"]
    server.chaos()
    assert chat.send("Hello").result(20).text == "Good day to you."
    (message,) = server.requests()[-1]["messages"]
    assert message == {"role": "user", "content": "Hello\n\nHello"}


def test_a_cut_stream_keeps_the_partial_text_and_is_an_error(path: Path) -> None:
    with running_aimock(FIXTURES, latency_ms=15) as server:
        chat = opened(server, path)
        turn = chat.send("cut this")
        with pytest.raises(TurnFailedError, match="broke off"):
            turn.result(20)
    kinds = list(chat.chunks.chunk_type)
    assert kinds == ["text", "text", "error"]
    partial = chat.chunks.text.iloc[1]
    assert partial
    assert LONG.startswith(partial)
    assert chat.turns.status.iloc[0] == "error"
    assert bool(chat.turns.is_lower_bound.iloc[0])


def test_the_key_is_in_no_file_and_no_state(server: Aimock, path: Path) -> None:
    chat = opened(server, path)
    chat.send("Hello").result(20)
    dn.Store(path).close()
    for file in path.parent.iterdir():
        assert b"sk-planted-key" not in file.read_bytes()
    assert "sk-planted-key" not in str(chat.get_state()) + repr(chat)
    assert server.journal()[0]["headers"]["authorization"] != ""
