"""One label per variant: the seed's guards and the wider ones."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_nb.errors import UnknownVariantError
from dispatch_nb.wire import conformance as guard
from dispatch_nb.wire import conversation as c
from dispatch_nb.wire import events as e
from dispatch_nb.wire import messages as m
from dispatch_nb.wire import parse as p
from dispatch_nb.wire import view as v
from tests.transcript_parts import read_vectors

SEED_EVENTS = [
    "status",
    "turn-start",
    "text-delta",
    "reasoning-delta",
    "tool-call",
    "tool-result",
    "tool-output",
    "usage",
    "error",
    "done",
    "turn-sealed",
]
LATER_EVENTS: list[e.AgentEvent] = [
    e.UserMessageEvent(conversation_id="c", turn_id="t", text="x"),
    e.StepCompleteEvent(conversation_id="c", turn_id="t", step_id="t#0"),
    e.SteeringEvent(conversation_id="c", turn_id="t", text="x"),
    e.ProviderRetryEvent(conversation_id="c", turn_id="t", attempt=0, delay_ms=1, message="x"),
]


VALID_EVENTS = [
    sample
    for sample in read_vectors("wire.jsonl")
    if sample["kind"] == "AgentEvent" and sample.get("valid", True)
]


def seed_events() -> list[e.AgentEvent]:
    parsed = [p.parse_agent_event(s["value"]) for s in VALID_EVENTS]
    return list({event.type: event for event in parsed}.values())


def test_the_seed_guard_knows_exactly_the_eleven_events_of_the_seed():
    events: list[Any] = seed_events()
    assert [guard.assert_agent_event_exhaustive(event) for event in events] == SEED_EVENTS
    for event in LATER_EVENTS:
        later: Any = event
        with pytest.raises(UnknownVariantError, match=event.type):
            guard.assert_agent_event_exhaustive(later)


def test_the_wider_guard_knows_fifteen_events():
    labels = [guard.agent_event_label(event) for event in [*seed_events(), *LATER_EVENTS]]
    assert labels[:11] == SEED_EVENTS
    assert labels[11:] == ["user-message", "step-complete", "steering", "provider-retry"]


def test_chunk_and_message_guards_know_what_came_later_apart_from_the_seed():
    image: Any = c.ImageChunk(url="data:,")
    assert guard.chunk_label(image) == "image"
    opened: Any = m.ConversationOpenMessage(conversation_id="c")
    assert guard.ws_server_message_label(opened) == "conversation.open"
    queued: Any = m.ChatQueueMessage(conversation_id="c", text="x")
    assert guard.ws_client_message_label(queued) == "chat.queue"
    for seed_guard, value in (
        (guard.assert_chunk_exhaustive, image),
        (guard.assert_ws_server_message_exhaustive, opened),
        (guard.assert_ws_client_message_exhaustive, queued),
    ):
        with pytest.raises(UnknownVariantError, match="is not a variant of the seed's"):
            seed_guard(value)


@pytest.mark.parametrize(
    "label",
    [
        guard.assert_agent_event_exhaustive,
        guard.agent_event_label,
        guard.assert_chunk_exhaustive,
        guard.chunk_label,
        guard.assert_ws_server_message_exhaustive,
        guard.ws_server_message_label,
        guard.assert_ws_client_message_exhaustive,
        guard.ws_client_message_label,
    ],
)
@pytest.mark.parametrize("value", [None, "text-delta", {"type": "text"}, v.ReadyMessage()])
def test_a_guard_raises_for_a_value_of_no_variant(label, value):
    with pytest.raises(UnknownVariantError):
        label(value)
