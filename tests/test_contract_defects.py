"""Known defects of the original, each avoided here (Dispatch turn contract, section 9).

The test of a defect has its number and its name. Those of the transcript contract's D.3 have
theirs in `test_sync.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dispatch_nb.compose import open_conversation
from dispatch_nb.engine.contracts import (
    ReasoningDelta,
    TextDelta,
    ToolCall,
)
from dispatch_nb.errors import (
    ConversationClosedError,
    ModelError,
    StoreError,
    TurnFailedError,
)
from dispatch_nb.providers.chat_rules import chat_violations
from dispatch_nb.store import Store
from dispatch_nb.transcript.reconcile import INTERRUPTED, reconcile
from dispatch_nb.wire.conversation import TextChunk
from tests.contract_parts import ADD, STOP, Line, Model, Watcher, held, told
from tests.store_parts import Talk, call, message, result
from tests.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


def test_1_history_is_rebuilt_with_the_messages_it_was_stored_as(path):
    first = Model([TextDelta("I add."), ADD], [TextDelta("3"), STOP])
    conversation = held(first, path)
    conversation.send("1+2?").result(60)
    conversation.store.close()
    again = Model(
        [ToolCall("c2", "add", {"a": 3, "b": 4})],
        [TextDelta("7"), STOP],
        [TextDelta("yes"), STOP],
    )
    reopened = held(again, path)
    reopened.send("3+4?").result(60)
    reopened.send("sure?").result(60)
    assert [(m.role, len(m.chunks)) for m in reopened.store.messages("c")] == [
        ("user", 1),
        ("assistant", 2),
        ("tool", 1),
        ("assistant", 1),
        ("user", 1),
        ("assistant", 1),
        ("tool", 1),
        ("assistant", 1),
        ("user", 1),
        ("assistant", 1),
    ]
    assert [chat_violations(body) for body in (*first.bodies, *again.bodies)] == [[]] * 5


def test_2_steering_is_stored_where_the_model_saw_it_and_is_in_later_prompts(path):
    model = Model(
        [lambda: conversation.steer("in French"), ADD],
        [TextDelta("trois"), STOP],
        [TextDelta("oui"), STOP],
    )
    conversation = held(model, path)
    conversation.send("1+2?").result(60)
    assert told(conversation) == [
        (1, "user", "1+2?"),
        (4, "user", "in French"),
        (5, "assistant", "trois"),
    ]
    conversation.send("sure?").result(60)
    saw = model.seen[1][-1]
    assert saw.chunks == [TextChunk(text="in French")]
    assert model.seen[2][3] == saw


@pytest.mark.parametrize("before", ["a tool-result border", "the end"])
def test_3_a_stop_starts_no_turn_with_what_is_queued(path, before):
    script: list[Line] = [ADD] if before == "a tool-result border" else [TextDelta("…")]
    model = Model([*script, lambda: asyncio.Event().wait()])
    conversation = held(model, path)
    turn = conversation.send("go")
    wait_until(lambda: bool(model.bodies))
    queued = turn.steer("and then?")
    turn.stop()
    turn.result(60)
    assert queued.result(60) is False  # back in the person's hands
    assert conversation.status == "idle"
    assert len(model.bodies) == 1
    assert [text for _, role, text in told(conversation) if role == "user"] == ["go"]


def test_4_a_conversation_that_is_closed_stays_closed_when_its_turn_has_ended(path):
    model = Model([TextDelta("half"), lambda: asyncio.Event().wait()], [TextDelta("3"), STOP])
    conversation = held(model, path)
    statuses: list[str] = []

    class Watching(Watcher):
        def on_status(self) -> None:
            statuses.append(conversation.status)

    watcher = Watching(conversation)
    turn = conversation.send("go")
    wait_until(lambda: turn.text == "half")
    queued = turn.steer("and then?")
    conversation.close()
    conversation.close()
    turn.result(60)
    assert watcher.types[-2:] == ["done", "turn-sealed"]
    assert turn.finish_reason == "aborted"
    conversation.position()  # whatever the turn's end had still to say has been said
    assert statuses[0] == "running"
    assert set(statuses[statuses.index("closed") :]) == {"closed"}
    assert conversation.status == "closed"
    with pytest.raises(ConversationClosedError, match="open it again"):
        conversation.send("more")
    # The queue is kept, and nothing of it has run.
    assert queued.result(60) is False
    with pytest.raises(ConversationClosedError):
        conversation.send_queued()
    assert [(each.text, each.kept) for each in conversation.queue.texts] == [("and then?", True)]
    assert told(conversation) == [(1, "user", "go"), (2, "assistant", "half")]
    again = held(model, path)
    assert again.status == "idle"
    assert again.send_queued().result(60).text == "3"
    assert [text for _, role, text in told(again) if role == "user"] == ["go", "and then?"]


def test_5_a_turn_that_dies_inside_closes_with_error_done_and_seal(path):
    unheard_of: Any = {"type": "telepathy"}
    conversation = held(Model([TextDelta("one"), unheard_of]), path)
    watcher = Watcher(conversation)
    with pytest.raises(TurnFailedError, match="telepathy"):
        conversation.send("1+2?").result(60)
    assert [t for t in watcher.types if t in ("error", "done", "turn-sealed")] == [
        "error",
        "done",
        "turn-sealed",
    ]
    assert conversation.status == "idle"


def test_5_a_turn_that_is_refused_closes_with_its_only_event(path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-only-now")
    conversation = open_conversation("openai:gpt", store=path, conversation_id="c")
    conversation.store.close()
    monkeypatch.delenv("OPENAI_API_KEY")
    conversation = open_conversation(store=path, conversation_id="c")
    watcher = Watcher(conversation)
    with pytest.raises(ModelError):
        conversation.send("hello")
    wait_until(lambda: bool(watcher.types))
    assert watcher.types == ["nb.turn-refused"]
    assert conversation.history().chunks == []


def test_5_a_turn_whose_store_fails_ends_for_its_waiters_at_once(path):
    model = Model([TextDelta("one"), lambda: conversation.store.close(), TextDelta("two"), STOP])
    conversation = held(model, path)
    with pytest.raises(StoreError):
        conversation.send("go").result(60)
    wait_until(lambda: conversation.status == "idle")


def test_6_a_synthesized_result_stands_next_to_its_call(path):
    with Store(path) as store:
        talk = Talk(store)
        talk.say(message("user", "both?"))
        talk.say(message("assistant", call(1), call(2)), message("tool", result(2, "4")))
        talk.say(message("user", "still there?"), turn_id="t1")
        _, asked, *rest = reconcile(store.messages("c"))
    assert [chunk.type for chunk in asked.chunks] == ["tool-call", "tool-call"]
    assert rest == [
        message("tool", result(1, INTERRUPTED, is_error=True)),
        message("tool", result(2, "4")),
        message("user", "still there?"),
    ]


def test_6_a_message_of_thinking_alone_is_kept(path):
    model = Model([ReasoningDelta("hm"), STOP], [TextDelta("3"), STOP])
    conversation = held(model, path)
    conversation.send("1+2?").result(60)
    conversation.send("well?").result(60)
    assert [(m.role, m.chunks[0].type) for m in model.seen[1]] == [
        ("user", "text"),
        ("assistant", "thinking"),
        ("user", "text"),
    ]
    assert chat_violations(model.bodies[1]) == []  # where thinking cannot be sent, neither is it
