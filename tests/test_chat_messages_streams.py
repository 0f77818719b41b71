"""Conversations over the Messages API with streams that are given byte for byte."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import TurnFailedError
from dispatch_nb.wire.events import ProviderRetryEvent
from tests.forwarder import Forwarder, forwarding
from tests.raw_server import speaking, sse
from tests.test_chat_messages_api import opened

START = {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 9}}}
SAID = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi."}},
]
ENDED = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
BUSY = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.mark.parametrize(
    ("first", "retries"),
    [([BUSY], 1), ([START, BUSY], 1), ([START], 1), ([START, *SAID, BUSY], 0)],
)
def test_a_stream_that_fails_before_it_says_anything_is_asked_for_again(
    first: list[Any], retries: int, tmp_path: Path
) -> None:
    answers = iter([first, [START, *SAID, *ENDED]])

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        connection.sendall(sse(*next(answers)))

    with speaking(talk) as base_url:
        chat = opened(Forwarder(base_url), tmp_path, retry=BackoffRetry(delays_ms=(1,)))
        turn = chat.send("thanks")
        if retries:
            assert turn.result(20).text == "Hi."
        else:
            with pytest.raises(TurnFailedError, match="Overloaded"):
                turn.result(20)
    assert turn.text == "Hi."
    assert turn.usage is not None  # of the one request that said something
    assert turn.usage.input_tokens == 9
    seen = [event for event in turn._events if isinstance(event, ProviderRetryEvent)]
    assert len(seen) == retries


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[Any]:
    frames = [{"type": "content_block_delta", "index": index, "delta": each} for each in deltas]
    opened = {"type": "content_block_start", "index": index, "content_block": start}
    return [opened, *frames, {"type": "content_block_stop", "index": index}]


def test_hidden_and_redacted_thinking_go_back_byte_for_byte_in_their_order(tmp_path: Path) -> None:
    redacted, signature = "EqkE+/\u00e9==", "c2ln" * 200
    calling: list[Any] = [
        START,
        *block(0, {"type": "redacted_thinking", "data": redacted}),
        *block(
            1,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Add,\n"},
            {"type": "thinking_delta", "thinking": "then say.  "},
            {"type": "signature_delta", "signature": signature},
        ),
        *block(
            2,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "signature_delta", "signature": "aGlkZGVu"},
        ),
        *block(
            3,
            {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"a": 1, '},
            {"type": "input_json_delta", "partial_json": '"b": 2}'},
        ),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
        {"type": "message_stop"},
    ]
    answers = iter([calling, [START, *SAID, *ENDED]])

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        connection.sendall(sse(*next(answers)))

    with speaking(talk) as base_url, forwarding(base_url) as sent:
        chat = opened(sent, tmp_path, reasoning_effort="high")
        assert chat.send("Add, thanks.").result(20).text == "Hi."
    asked, answered = sent.bodies[1]["messages"][1:]
    assert asked["content"] == [
        {"type": "redacted_thinking", "data": redacted},
        {"type": "thinking", "thinking": "Add,\nthen say.  ", "signature": signature},
        {"type": "thinking", "thinking": "", "signature": "aGlkZGVu"},
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1, "b": 2}},
    ]
    assert [(b["tool_use_id"], b["content"]) for b in answered["content"]] == [("toolu_1", "3")]
    assert chat.chunks.text.dropna().tolist()[1:3] == ["", "Add,\nthen say.  "]
