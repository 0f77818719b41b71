"""Known defects of the original, each avoided here (Dispatch turn contract, section 9).

The test of a defect has its number and its name.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.engine.contracts import (
    DispatchPolicy,
    Finish,
    ProviderEvent,
    ProviderOptions,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
)
from dispatch_nb.errors import ModelError, StoreError, TurnFailedError
from dispatch_nb.providers.chat_request import request_body
from dispatch_nb.providers.chat_rules import chat_violations
from dispatch_nb.store import Store
from dispatch_nb.store.rows import EventRow
from dispatch_nb.transcript.reconcile import INTERRUPTED, reconcile
from dispatch_nb.wire.conversation import ChatMessage, TextChunk
from tests.store_parts import Talk, append, assert_gap_free, call, message, result
from tests.waiting import wait_until

Line = ProviderEvent | Callable[[], object]


class Model:
    """Plays one script per request and keeps each request as it would go out."""

    id = "test"

    def __init__(self, *scripts: Sequence[Line]) -> None:
        self.scripts = scripts
        self.bodies: list[dict[str, object]] = []
        self.seen: list[Sequence[ChatMessage]] = []
        self.closed = threading.Event()

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.seen.append(messages)
        self.bodies.append(request_body("m", messages, tools, options))
        try:
            for item in self.scripts[len(self.bodies) - 1]:
                if callable(item):
                    waited = item()
                    if asyncio.iscoroutine(waited):
                        await waited
                else:
                    yield item
        finally:
            self.closed.set()


class Watcher:
    def __init__(self, conversation: LocalConversation) -> None:
        self.rows: list[EventRow] = []
        conversation.subscribe(self)

    def on_events(self, rows: Sequence[EventRow]) -> None:
        self.rows.extend(rows)

    def on_status(self) -> None: ...

    def on_reset(self) -> None: ...

    @property
    def types(self) -> list[str]:
        return [row.event.type for row in self.rows]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = ToolCall("c1", "add", {"a": 1, "b": 2})
STOP = Finish("stop")


def held(model: Model, path: Path) -> LocalConversation:
    return open_conversation(model, tools=[add], store=path, conversation_id="c")


def told(conversation: LocalConversation) -> list[tuple[int, str, str]]:
    return texts_of(conversation.store)


def texts_of(store: Store) -> list[tuple[int, str, str]]:
    return [
        (stored.seq, stored.role, stored.chunk.text)
        for stored in store.history("c").chunks
        if isinstance(stored.chunk, TextChunk)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


def test_1_history_is_rebuilt_with_the_messages_it_was_stored_as(path):
    first = Model([TextDelta("I add."), ADD], [TextDelta("3"), STOP])
    conversation = held(first, path)
    conversation.send("1+2?").result(10)
    conversation.store.close()
    again = Model(
        [ToolCall("c2", "add", {"a": 3, "b": 4})],
        [TextDelta("7"), STOP],
        [TextDelta("yes"), STOP],
    )
    reopened = held(again, path)
    reopened.send("3+4?").result(10)
    reopened.send("sure?").result(10)
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
    conversation.send("1+2?").result(10)
    assert told(conversation) == [
        (1, "user", "1+2?"),
        (4, "user", "in French"),
        (5, "assistant", "trois"),
    ]
    conversation.send("sure?").result(10)
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
    turn.result(10)
    assert queued.result(10) is False  # back in the person's hands
    assert conversation.status == "idle"
    assert len(model.bodies) == 1
    assert [text for _, role, text in told(conversation) if role == "user"] == ["go"]


def test_5_a_turn_that_dies_inside_closes_with_error_done_and_seal(path):
    unheard_of: Any = {"type": "telepathy"}
    conversation = held(Model([TextDelta("one"), unheard_of]), path)
    watcher = Watcher(conversation)
    with pytest.raises(TurnFailedError, match="telepathy"):
        conversation.send("1+2?").result(10)
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
        conversation.send("go").result(10)
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
    conversation.send("1+2?").result(10)
    conversation.send("well?").result(10)
    assert [(m.role, m.chunks[0].type) for m in model.seen[1]] == [
        ("user", "text"),
        ("assistant", "thinking"),
        ("user", "text"),
    ]
    assert chat_violations(model.bodies[1]) == []  # where thinking cannot be sent, neither is it


@pytest.mark.parametrize("fault", ["BEFORE UPDATE ON conversations", "BEFORE INSERT ON chunks"])
def test_7_seq_counter_and_rows_are_written_together_or_not_at_all(path, fault):
    with Store(path) as store:
        Talk(store).say(message("user", "first"))
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.begin() as other:
            stop = "SELECT RAISE(ABORT, 'the power went out')"
            other.execute(sa.text(f"CREATE TRIGGER fault {fault} BEGIN {stop}; END"))
        with pytest.raises(StoreError, match="the power went out"):
            append(store, 2, "lost", "too").result()
        assert_gap_free(store)
        with engine.begin() as other:
            other.execute(sa.text("DROP TRIGGER fault"))
        engine.dispose()
        append(store, 2, "second").result()
        assert_gap_free(store)
        assert texts_of(store) == [(1, "user", "first"), (2, "user", "second")]


def test_8_thinking_is_not_sent_back_as_what_was_said(path):
    model = Model(
        [ReasoningDelta("a secret"), TextDelta("I add."), ADD],
        [ReasoningDelta("a secret"), TextDelta("3"), STOP],
        [TextDelta("yes"), STOP],
    )
    conversation = held(model, path)
    conversation.send("1+2?").result(10)
    conversation.send("sure?").result(10)
    assert "thinking" in [chunk.type for m in model.seen[2] for chunk in m.chunks]
    assert "secret" not in str(model.bodies)


def test_9_a_result_is_there_before_the_slowest_call_has_ended(path):
    slow = threading.Event()

    def wait() -> str:
        """Wait."""
        return "waited" if slow.wait(10) else "gave up"

    model = Model([ADD, ToolCall("c2", "wait", {})], [TextDelta("3"), STOP])
    conversation = open_conversation(
        model,
        tools=[add, wait],
        store=path,
        conversation_id="c",
        dispatch=DispatchPolicy(max_concurrent=0),
    )
    watcher = Watcher(conversation)
    turn = conversation.send("1+2?")
    wait_until(lambda: "tool-result" in watcher.types)
    assert not slow.is_set()
    # Longer than a busy machine takes to start the quick call's thread.
    threading.Event().wait(0.5)
    slow.set()
    turn.result(10)
    quick, patient = [row.event.to_wire() for row in watcher.rows if is_result(row)]
    assert (quick["content"], patient["content"]) == ("3", "waited")
    # The quick call came first: with the slow one's time it would have taken longer.
    assert quick["durationMs"] < patient["durationMs"]


def is_result(row: EventRow) -> bool:
    return row.event.type == "tool-result"


def test_9_a_silent_provider_is_closed_by_a_stop(path):
    model = Model([TextDelta("…"), lambda: asyncio.Event().wait()])
    conversation = held(model, path)
    turn = conversation.send("go")
    wait_until(lambda: turn.text == "…")
    assert not model.closed.is_set()
    turn.stop()
    turn.result(10)
    assert model.closed.is_set()
    assert turn.finish_reason == "aborted"
