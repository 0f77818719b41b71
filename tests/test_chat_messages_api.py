"""Conversations over the Messages API with aimock, a server that nobody here wrote."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

import dispatch_nb as dn
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import TurnFailedError
from dispatch_nb.providers.messages_body_rules import request_violations
from dispatch_nb.wire.events import ProviderRetryEvent, TextDeltaEvent
from tests.aimock import Aimock, running_aimock
from tests.forwarder import Forwarder, forwarding

SIGNATURE = "aimock-placeholder-signature"
KEY = "sk-ant-planted-key"
FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "sum", "hasToolResult": False},
        "response": {
            "reasoning": "Two sums are wanted.",
            "content": "Let me add.",
            "toolCalls": [
                {"id": "toolu_a", "name": "add", "arguments": {"a": 17, "b": 25}},
                {"id": "toolu_b", "name": "add", "arguments": {"a": 1, "b": 2}},
            ],
            "usage": {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39},
        },
    },
    {
        "match": {"userMessage": "sum", "hasToolResult": True},
        "response": {
            "reasoning": "Easy.",
            "content": "The sums are 42 and 3.",
            "usage": {"prompt_tokens": 52, "completion_tokens": 8, "total_tokens": 60},
        },
    },
    {"match": {"userMessage": "A number"}, "response": {"content": '{"value": 7}'}},
    {"match": {"userMessage": "thanks"}, "response": {"content": "You are welcome."}},
    {
        "match": {"userMessage": "cut"},
        "response": {"content": "word " * 400},
        "chunkSize": 5,
        "truncateAfterChunks": 6,
    },
]


class Number(BaseModel):
    """One digit."""

    value: Annotated[int, Field(ge=0, le=9)]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
def server() -> Iterator[Aimock]:
    with running_aimock(FIXTURES, latency_ms=5) as running:
        yield running


@pytest.fixture
def sent(server: Aimock) -> Iterator[Forwarder]:
    with forwarding(server.address) as forwarder:
        yield forwarder


def opened(
    sent: Forwarder, path: Path, model: str = "claude-sonnet-4-5", **settings: Any
) -> dn.Chat:
    return dn.Chat(
        f"anthropic:{model}",
        base_url=sent.address,
        api_key=KEY,
        tools=[add],
        store=path / "lab.db",
        conversation="c",
        **settings,
    )


def kinds(message: dict[str, Any]) -> list[str]:
    return [block["type"] for block in message["content"]]


def test_a_tool_loop_sends_calls_results_and_signed_thinking_back(
    server: Aimock, sent: Forwarder, tmp_path: Path
) -> None:
    chat = opened(sent, tmp_path, system="Be brief.", reasoning_effort="low")
    turn = chat.send("The sum, please.").result(20)
    assert (turn.text, turn.finish_reason) == ("The sums are 42 and 3.", "end_turn")
    assert turn.usage is not None
    assert (turn.usage.input_tokens, turn.usage.output_tokens) == (82, 17)
    assert len([event for event in turn._events if isinstance(event, TextDeltaEvent)]) > 1
    assert chat.send("thanks").result(20).text == "You are welcome."

    # What the server understood: roles, ids and their order.
    understood = server.requests()[1]["messages"]
    assert [message["role"] for message in understood] == [
        *("system", "user", "assistant", "tool", "tool"),
    ]
    assert [call["id"] for call in understood[2]["tool_calls"]] == ["toolu_a", "toolu_b"]
    assert [(m["tool_call_id"], m["content"]) for m in understood[3:]] == [
        ("toolu_a", "42"),
        ("toolu_b", "3"),
    ]

    # What was sent, word for word.
    first, second, third = sent.bodies
    for body in sent.bodies:
        assert request_violations(body) == []
        assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    asked, answered = second["messages"][1:]
    assert asked["content"][0] == {
        "type": "thinking",
        "thinking": "Two sums are wanted.",
        "signature": SIGNATURE,
    }
    assert kinds(asked) == ["thinking", "text", "tool_use", "tool_use"]
    assert [block["id"] for block in asked["content"][2:]] == ["toolu_a", "toolu_b"]
    assert [block["tool_use_id"] for block in answered["content"]] == ["toolu_a", "toolu_b"]
    assert third["messages"][: len(second["messages"]) - 1] == unmarked(second["messages"][:-1])
    assert kinds(third["messages"][3]) == ["thinking", "text"]
    assert third["messages"][4]["content"][0]["text"] == "thanks"
    for body in sent.bodies:
        assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
        assert body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert first["messages"][0]["content"][0]["text"] == "The sum, please."


def unmarked(messages: list[dict[str, Any]]) -> Any:
    """Return messages without their cache breakpoints, which move on with the conversation."""
    without: Any = json.loads(json.dumps(messages))
    for message in without:
        for block in message["content"]:
            block.pop("cache_control", None)
    return without


def test_a_conversation_that_is_opened_again_still_knows_what_was_signed(
    sent: Forwarder, tmp_path: Path
) -> None:
    opened(sent, tmp_path).send("The sum, please.").result(20)
    store = dn.Store(tmp_path / "lab.db")
    store.close()
    chat = opened(sent, tmp_path, model="claude-fable-5")
    chat.send("thanks").result(20)
    other = opened(sent, tmp_path, model="claude-sonnet-4-5", reasoning_effort="low")
    other.send("thanks").result(20)
    to_another, to_the_same = sent.bodies[-2:]
    assert "thinking" not in kinds(to_another["messages"][1])
    assert to_the_same["messages"][1]["content"][0]["signature"] == SIGNATURE


def test_nothing_is_kept_by_the_server_where_that_is_not_wanted(
    sent: Forwarder, tmp_path: Path
) -> None:
    opened(sent, tmp_path, cache=False, system="Be brief.").send("thanks").result(20)
    assert "cache_control" not in json.dumps(sent.bodies[0])
    opened(sent, tmp_path, cache=True).send("thanks").result(20)
    assert "cache_control" in json.dumps(sent.bodies[1])


def test_images_and_a_form_for_the_answer_go_where_the_api_wants_them(
    sent: Forwarder, tmp_path: Path
) -> None:
    gif = base64.b64decode("R0lGODlhAQABAAAAACw=")
    chat = opened(sent, tmp_path)
    turn = chat.send("A number, thanks.", images=[gif, "https://example.org/a.png"], output=Number)
    assert turn.result(20).parsed == Number(value=7)
    (body,) = sent.bodies
    assert request_violations(body) == []
    assert kinds(body["messages"][0]) == ["text", "image", "image"]
    _, embedded, linked = body["messages"][0]["content"]
    assert embedded["source"]["media_type"] == "image/gif"
    assert base64.b64decode(embedded["source"]["data"]) == gif
    assert linked["source"] == {"type": "url", "url": "https://example.org/a.png"}
    form = body["output_config"]["format"]
    assert form["type"] == "json_schema"
    assert form["schema"]["properties"]["value"]["type"] == "integer"
    assert "maximum: 9" in form["schema"]["properties"]["value"]["description"]


def test_the_key_goes_into_its_header_and_nowhere_else(sent: Forwarder, tmp_path: Path) -> None:
    chat = opened(sent, tmp_path)
    chat.send("thanks").result(20)
    (headers,) = sent.headers
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in headers
    chat.close()
    dn.Store(tmp_path / "lab.db").close()
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes()


def test_a_refused_request_is_made_again_when_the_server_says(
    server: Aimock, sent: Forwarder, tmp_path: Path
) -> None:
    server.chaos(rateLimitRate=1)
    chat = opened(sent, tmp_path, retry=BackoffRetry(delays_ms=(1,), budget_ms=1_500))
    turn = chat.send("thanks")
    with pytest.raises(TurnFailedError, match="429"):
        turn.result(20)
    retries = [event for event in turn._events if isinstance(event, ProviderRetryEvent)]
    assert [event.delay_ms for event in retries] == [1000]  # Retry-After: 1


def test_an_answer_that_is_cut_keeps_its_text_and_is_not_finished(
    sent: Forwarder, tmp_path: Path
) -> None:
    chat = opened(sent, tmp_path)
    with pytest.raises(TurnFailedError, match="broke off"):
        chat.send("cut").result(20)
    said = chat.chunks
    assert said.text.iloc[1].startswith("word word")
