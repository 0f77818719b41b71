"""The life of a conversation, on a real store and a real loop thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from dispatch_nb.compose import open_conversation
from dispatch_nb.engine.contracts import (
    Finish,
    TextDelta,
)
from dispatch_nb.errors import (
    MessageError,
    ModelError,
    StoreError,
    TurnActiveError,
    TurnFailedError,
)
from dispatch_nb.store import Store
from dispatch_nb.store.rows import EventRow
from dispatch_nb.transcript.live import live_from_history
from dispatch_nb.transcript.selectors import select_messages
from dispatch_nb.wire.conversation import Usage
from tests.conversation_parts import Listener, Scripted, opened, texts, tool_loop
from tests.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


def test_a_turn_with_a_tool_is_stored_and_shown_alike(path):
    conversation = opened(tool_loop(), path)
    turn = conversation.send("1+2?").result(60)
    assert turn.text == "It is 3."
    assert turn.thinking == "hm add"
    assert turn.finish_reason == "stop"
    assert turn.usage == Usage(input_tokens=20, output_tokens=8)
    history = conversation.history()
    assert [stored.seq for stored in history.chunks] == [1, 2, 3, 4, 5, 6]
    assert conversation.live == live_from_history(history.chunks)._replace(
        transcript=conversation.live.transcript, extensions=conversation.live.extensions
    )
    assert list(conversation.live.transcript.committed) == history.chunks
    assert not conversation.live.transcript.provisional


def test_the_prompt_has_its_seq_before_the_first_token_and_each_step_as_it_ends(path):
    seen: list[list[int]] = []

    def look() -> None:
        seen.append([stored.seq for stored in conversation.history().chunks])

    first, second = tool_loop().steps
    conversation = opened(Scripted([look, *first], [look, *second]), path)
    conversation.send("1+2?").result(60)
    assert seen == [[1], [1, 2, 3, 4, 5]]


def test_no_event_is_shown_before_it_is_committed(path):
    conversation = opened(tool_loop(), path)
    store = conversation.store
    late: list[int] = []

    class Checking(Listener):
        def on_events(self, rows: Sequence[EventRow]) -> None:
            super().on_events(rows)
            if store.last_n("c") < rows[-1].n:
                late.append(rows[-1].n)

    listener = Checking()
    conversation.subscribe(listener)
    conversation.send("1+2?").result(60)
    assert not late
    assert [row.n for row in listener.rows] == list(range(1, len(listener.rows) + 1))
    assert store.events("c") == listener.rows
    assert listener.types[:3] == ["user-message", "nb.chunks-committed", "turn-start"]
    assert listener.types[-3:] == ["nb.chunks-committed", "done", "turn-sealed"]


def test_a_second_turn_is_refused_while_one_runs(path):
    gate = threading.Event()
    provider = Scripted([lambda: asyncio.to_thread(gate.wait, 30), TextDelta("ok"), Finish("stop")])
    conversation = opened(provider, path)
    turn = conversation.send("first")
    with pytest.raises(TurnActiveError, match="already running"):
        conversation.send("second")
    gate.set()
    turn.result(60)
    assert texts(conversation) == [("user", "first"), ("assistant", "ok")]


@pytest.mark.parametrize("text", ["", "  \n\t", None, 5, ["a"]])
def test_a_message_that_is_not_text_is_refused_and_nothing_is_stored(path, text):
    conversation = opened(Scripted(), path)
    with pytest.raises(MessageError):
        conversation.send(text)
    assert conversation.history().chunks == []
    assert conversation.status == "idle"


def test_a_message_with_a_lone_surrogate_is_mended(path):
    conversation = opened(Scripted([TextDelta("a\ud83d"), Finish("stop")]), path)
    conversation.send("x\ud800y").result(60)
    assert texts(conversation) == [("user", "x�y"), ("assistant", "a�")]


def test_the_model_is_resolved_before_the_message_is_taken(path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-only-now")
    open_conversation("openai:gpt", store=path, conversation_id="c").store.close()
    monkeypatch.delenv("OPENAI_API_KEY")
    conversation = open_conversation(store=path, conversation_id="c")
    listener = Listener()
    conversation.subscribe(listener)
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        conversation.send("hello")
    conversation.store.append_events("c", []).result()
    conversation.position()
    wait_until(lambda: listener.types == ["nb.turn-refused"])
    assert conversation.history().chunks == []
    assert conversation.status == "idle"


def test_stop_keeps_the_partial_text_and_closes_the_provider(path):
    forever = asyncio.Event
    provider = Scripted([TextDelta("half an "), TextDelta("answer"), lambda: forever().wait()])
    conversation = opened(provider, path)
    turn = conversation.send("go")
    wait_until(lambda: turn.text == "half an answer")
    assert turn.stop()
    turn.result(60)
    assert turn.finish_reason == "aborted"
    assert provider.closed.is_set()
    assert texts(conversation) == [("user", "go"), ("assistant", "half an answer")]
    assert not turn.stop()
    assert conversation.status == "idle"


def test_a_cancelled_await_stops_the_turn_and_keeps_the_text(path):
    provider = Scripted([TextDelta("partial"), lambda: asyncio.Event().wait()])
    conversation = opened(provider, path)

    async def cell() -> None:
        turn = conversation.send("go")
        waiting = asyncio.ensure_future(turn)
        while turn.text != "partial":
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cell())
    wait_until(lambda: conversation.status == "idle")
    assert texts(conversation) == [("user", "go"), ("assistant", "partial")]


def test_a_provider_that_raises_ends_the_turn_with_an_error_that_is_stored(path):
    def broken() -> None:
        raise RuntimeError("no such luck")

    conversation = opened(
        Scripted([TextDelta("so far"), broken], [TextDelta("better"), Finish("stop")]), path
    )
    turn = conversation.send("go")
    with pytest.raises(TurnFailedError, match="no such luck"):
        turn.result(60)
    kinds = [stored.chunk.type for stored in conversation.history().chunks]
    assert kinds == ["text", "text", "error"]
    assert conversation.send("again").result(60).text == "better"
    roles = [message.role for message in conversation.store.messages("c")]
    assert roles == ["user", "assistant", "user", "assistant"]


def test_a_failure_of_the_loop_itself_keeps_what_was_said_and_seals(path):
    class BrokenRetry:
        def delay_for(self, *inputs: object) -> float | None:
            raise KeyError("a bug in a strategy")

        async def sleep(self, delay_ms: float, signal: object) -> None:
            raise AssertionError("never called")

    def unreachable() -> None:
        raise ConnectionError("unreachable")

    provider = Scripted([unreachable], [TextDelta("fine"), Finish("stop")])
    conversation = open_conversation(provider, store=path, conversation_id="c", retry=BrokenRetry())
    listener = Listener()
    conversation.subscribe(listener)
    with pytest.raises(TurnFailedError, match="a bug in a strategy"):
        conversation.send("go").result(60)
    assert listener.types[-1] == "turn-sealed"
    assert [stored.chunk.type for stored in conversation.history().chunks] == ["text", "error"]
    assert conversation.send("again").result(60).text == "fine"


def test_a_refused_write_ends_the_turn_with_a_clear_error_and_harms_nothing(path, monkeypatch):
    # No look in between follows what the intruder wrote.
    monkeypatch.setattr("dispatch_nb.conversation.following.QUIET_S", 60)
    reached, go_on = threading.Event(), threading.Event()

    def pause() -> object:
        reached.set()
        return asyncio.to_thread(go_on.wait, 30)

    provider = Scripted(
        [TextDelta("one"), pause, TextDelta("two"), Finish("stop")],
        [TextDelta("fine"), Finish("stop")],
    )
    conversation = opened(provider, path)
    listener = Listener()
    conversation.subscribe(listener)
    turn = conversation.send("go")
    assert reached.wait(60)
    wait_until(lambda: turn.text == "one")
    with Store(path) as other:
        row = listener.rows[-1]
        intruder = EventRow(n=row.n + 1, at_us=row.at_us, mono_us=row.mono_us, event=row.event)
        other.append_events("c", [intruder]).result(60)
    go_on.set()
    with pytest.raises(StoreError, match="Another process"):
        turn.result(60)
    assert "Another process" in conversation.notice
    assert texts(conversation) == [("user", "go")]
    assert conversation.send("again").result(60).text == "fine"
    assert listener.resets == 1
    assert conversation.notice == ""


def test_a_reopened_conversation_goes_out_as_it_was(path):
    conversation = opened(tool_loop(), path)
    conversation.send("1+2?").result(60)
    conversation.store.close()
    provider = Scripted([TextDelta("yes"), Finish("stop")])
    again = opened(provider, path)
    assert again is not conversation
    again.send("sure?").result(60)
    shape = [(m.role, [chunk.type for chunk in m.chunks]) for m in provider.requests[0]]
    assert shape == [
        ("user", ["text"]),
        ("assistant", ["thinking", "text", "tool-call"]),
        ("tool", ["tool-result"]),
        ("assistant", ["text"]),
        ("user", ["text"]),
    ]
    assert again.title == "1+2?"


def test_one_process_opens_a_conversation_once(path):
    conversation = opened(tool_loop(), path)
    assert opened(Scripted(), path) is conversation


def test_steering_reaches_the_model_at_the_tool_border_and_is_stored_there(path):
    taken: list[Future[bool]] = []
    provider = tool_loop()
    first, second = provider.steps
    provider.steps = [[lambda: taken.append(conversation.steer("in French")), *first], second]
    conversation = opened(provider, path)
    conversation.send("1+2?").result(60)
    assert taken[0].result(60) is True
    assert [message.role for message in provider.requests[1]] == [
        "user",
        "assistant",
        "tool",
        "user",
    ]
    assert texts(conversation) == [
        ("user", "1+2?"),
        ("assistant", "I add."),
        ("user", "in French"),
        ("assistant", "It is 3."),
    ]
    assert [stored.seq for stored in conversation.history().chunks] == list(range(1, 8))
    assert list(conversation.live.transcript.committed) == conversation.history().chunks


def test_steering_that_came_too_late_opens_the_next_turn(path):
    taken: list[Future[bool]] = []
    provider = Scripted(
        [lambda: taken.append(conversation.steer("and 3+4?")), TextDelta("3"), Finish("stop")],
        [TextDelta("7"), Finish("stop")],
    )
    conversation = opened(provider, path)
    conversation.send("1+2?").result(60)
    assert taken[0].result(60) is True
    wait_until(lambda: conversation.status == "idle" and len(texts(conversation)) == 4)
    assert [text for _role, text in texts(conversation)] == ["1+2?", "3", "and 3+4?", "7"]


def test_steering_comes_back_to_the_person_when_the_turn_is_stopped(path):
    provider = Scripted([TextDelta("…"), lambda: asyncio.Event().wait()])
    conversation = opened(provider, path)
    turn = conversation.send("go")
    wait_until(lambda: turn.text == "…")
    steering = turn.steer("wait, also this")
    turn.stop()
    turn.result(60)
    assert steering.result(60) is False
    assert texts(conversation) == [("user", "go"), ("assistant", "…")]
    with pytest.raises(MessageError, match="No turn is running"):
        conversation.steer("too late")


def test_a_watcher_that_comes_late_gets_every_event_from_the_first(path):
    conversation = opened(tool_loop(), path)
    turn = conversation.send("1+2?").result(60)

    async def collect() -> list[str]:
        return [event.type async for event in turn.events()]

    types = asyncio.run(collect())
    assert types[0] == "user-message"
    assert types[-1] == "turn-sealed"


def test_a_broken_listener_does_not_end_the_turn(path):
    class Broken(Listener):
        def on_events(self, rows: Sequence[EventRow]) -> None:
            raise RuntimeError("I cannot listen")

    conversation = opened(tool_loop(), path)
    listener = Listener()
    warned: list[str] = []
    conversation.subscribe(Broken())
    conversation.subscribe(listener)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda message, *_a, **_k: warned.append(str(message)))
        assert conversation.send("1+2?").result(60).text == "It is 3."
    assert listener.types[-1] == "turn-sealed"
    assert len(warned) == 1
    assert "I cannot listen" in warned[0]


def test_a_timeout_leaves_the_turn_running(path):
    gate = threading.Event()
    provider = Scripted([lambda: asyncio.to_thread(gate.wait, 30), TextDelta("ok"), Finish("stop")])
    conversation = opened(provider, path)
    turn = conversation.send("go")
    with pytest.raises(TimeoutError, match="still runs"):
        turn.result(0.05)
    gate.set()
    assert turn.result(60).text == "ok"


def test_what_is_shown_equals_what_is_stored_after_every_turn(path):
    conversation = opened(tool_loop(), path)
    conversation.send("1+2?").result(60)
    stored = live_from_history(conversation.history().chunks).transcript
    assert select_messages(conversation.live.transcript) == select_messages(stored)
