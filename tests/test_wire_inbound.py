"""Lenient reading of a server's frames, conversation metadata, the message queue."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import MISSING

from dispatch_nb.errors import WireError
from dispatch_nb.transcript.live import fold_live, initial_live
from dispatch_nb.wire import surfaces as s
from dispatch_nb.wire.inbound import UnknownDeltaMessage, queued_messages, read_server_message
from dispatch_nb.wire.messages import ChatDeltaMessage
from dispatch_nb.wire.metadata import QueuedMessage
from dispatch_nb.wire.parse import load_json, parse_conversation_meta
from tests.transcript_parts import canonical, read_vectors

CASES = read_vectors("inbound.jsonl")
META = {
    "id": "c",
    "createdAt": 1_765_000_000_000,
    "lastActivityAt": 1_765_000_000_000.5,
    "title": "Untitled",
    "status": "idle",
}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_inbound_vector(case):
    sources = [case["text"]] if "text" in case else [case["frame"], json.dumps(case["frame"])]
    for source in sources:
        message = read_server_message(source)
        assert canonical(message and message.to_wire()) == canonical(case["message"])


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_a_frame_nested_without_end_is_dropped(depth):
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]
    event = '{"type": "x", "a": ' + "[" * depth + "]" * depth + "}"
    text = f'{{"type": "chat.delta", "event": {event}}}'
    data = {"type": "chat.delta", "event": {"type": "x", "a": nested}}
    assert [read_server_message(source) for source in (text, data)] == [None, None]


@pytest.mark.parametrize("source", [b"\xff", b"", object(), None, 1.5, "9" * 5_000])
def test_what_is_no_frame_at_all_is_dropped(source):
    assert read_server_message(source) is None


def test_an_integer_that_python_does_not_read_is_a_wire_error():
    with pytest.raises(WireError, match="not JSON"):
        load_json("9" * 5_000)


def test_an_unknown_event_changes_no_state():
    live = initial_live()
    for event in ({"type": "text-delta"}, {"type": "nb.chunks-committed"}, {"type": "new"}):
        message = read_server_message({"type": "chat.delta", "event": event})
        assert isinstance(message, UnknownDeltaMessage)
        unknown: Any = message.event
        assert fold_live(live, unknown) is live


def test_a_known_event_comes_as_itself():
    event = {"type": "text-delta", "conversationId": "c", "turnId": "t", "delta": "x"}
    message = read_server_message(json.dumps({"type": "chat.delta", "event": event}))
    assert isinstance(message, ChatDeltaMessage)
    assert message.event.type == "text-delta"


def test_metadata_survives_the_wire_with_and_without_its_options():
    full = {**META, "workspaceId": "default", "compactedFrom": "archive"}
    for value in (META, full):
        assert parse_conversation_meta(json.dumps(value)).to_wire() == value
    assert parse_conversation_meta(META).workspace_id is MISSING


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": "asleep"}, "field 'status' must be 'active', 'queued', 'idle' or 'closed'"),
        ({"createdAt": "today"}, "field 'createdAt' must be a finite number"),
        ({"compactedFrom": None}, "field 'compactedFrom' must be text"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(change, sentence):
    with pytest.raises(WireError, match=sentence):
        parse_conversation_meta({**META, **change})


def queue_spec(payload: Any, renderer_id: str = "message-queue") -> s.SurfaceSpec:
    fields: list[s.SurfaceField] = [
        s.StatField(label="waiting", value="1"),
        s.CustomField(renderer_id=renderer_id, payload=payload),
    ]
    return s.SurfaceSpec(id="message-queue", region="composer", title="Queue", fields=fields)


def test_the_message_queue_is_read_from_its_surface():
    waiting = {"id": "m1", "text": "and then?", "queuedAt": 1_765_000_000_000}
    assert queued_messages(queue_spec({"messages": [waiting]})) == [
        QueuedMessage(id="m1", text="and then?", queued_at=1_765_000_000_000)
    ]
    assert queued_messages(queue_spec({"messages": []})) == []


@pytest.mark.parametrize(
    "spec",
    [
        queue_spec({"messages": []}, renderer_id="table"),
        queue_spec({"messages": [{"id": "m1", "text": "x", "queued_at": 1}]}),
        queue_spec(None),
        s.SurfaceSpec(id="message-queue", region="composer", title="Queue", fields=[]),
    ],
)
def test_a_surface_without_a_readable_queue_has_none(spec):
    assert queued_messages(spec) is None
