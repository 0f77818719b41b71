"""Known defects of the original, each avoided here: numbers 7 to 11 (`test_contract_defects`)."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dispatch_nb.compose import open_conversation
from dispatch_nb.engine.contracts import (
    DispatchPolicy,
    Failure,
    ReasoningDelta,
    TextDelta,
    ToolCall,
)
from dispatch_nb.errors import (
    StoreError,
    TurnFailedError,
)
from dispatch_nb.store import Store
from dispatch_nb.store.event_log import replace_by_segment
from dispatch_nb.store.rows import EventRow
from tests.contract_parts import ADD, STOP, Line, Model, Watcher, add, held, texts_of
from tests.store_parts import Talk, append, assert_gap_free, message
from tests.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


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
    conversation.send("1+2?").result(60)
    conversation.send("sure?").result(60)
    assert "thinking" in [chunk.type for m in model.seen[2] for chunk in m.chunks]
    assert "secret" not in str(model.bodies)


def test_9_a_result_is_there_before_the_slowest_call_has_ended(path):
    began, slow = threading.Event(), threading.Event()

    def wait() -> str:
        """Wait."""
        began.set()
        return "waited" if slow.wait(60) else "gave up"

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
    (quick,) = [row.event.to_wire() for row in watcher.rows if is_result(row)]
    # Longer than the quick call took, however late a busy machine began either.
    assert began.wait(60)
    threading.Event().wait(quick["durationMs"] / 1000 + 0.1)
    slow.set()
    turn.result(60)
    patient = [row.event.to_wire() for row in watcher.rows if is_result(row)][-1]
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
    turn.result(60)
    assert model.closed.is_set()
    assert turn.finish_reason == "aborted"


def test_10_the_first_error_does_not_end_what_a_reader_gets_before_the_seal(path):
    unheard_of: Any = {"type": "telepathy"}
    conversation = held(Model([TextDelta("one"), unheard_of]), path)
    watcher = Watcher(conversation)
    turn = conversation.send("1+2?")

    async def read() -> list[str]:
        return [event.type async for event in turn.events()]

    read_there = asyncio.run(read())
    with pytest.raises(TurnFailedError, match="telepathy"):
        turn.result(60)
    assert read_there == watcher.types == [row.event.type for row in conversation.events(turn=turn)]
    after = read_there[read_there.index("error") :]
    assert [kind for kind in after if kind in ("error", "done", "turn-sealed")] == [
        "error",
        "done",
        "turn-sealed",
    ]


def test_10_an_error_that_calls_survive_is_followed_by_the_rest_of_the_turn(path):
    refused = Failure("too many", code="429", retryable=False)
    conversation = held(Model([TextDelta("I add."), ADD, refused], [TextDelta("3"), STOP]), path)
    watcher = Watcher(conversation)
    turn = conversation.send("1+2?")

    async def read() -> list[str]:
        return [event.type async for event in turn.events()]

    kinds = asyncio.run(read())
    turn.result(60)
    assert kinds == watcher.types
    after = kinds[kinds.index("error") :]
    for kind in ("tool-result", "text-delta", "done"):
        assert kind in after
    assert after[-1] == "turn-sealed"


def test_11_a_turn_that_starts_while_the_log_is_compacted_keeps_seqs_and_numbers(path):
    turns = 6
    is_running = threading.Event()
    scripts: list[list[Line]] = [
        [TextDelta(f"{number}."), is_running.set, STOP] for number in range(turns)
    ]
    model = Model(*scripts)
    conversation = held(model, path)
    watcher = Watcher(conversation)
    submit = conversation.store._writer.submit
    during: list[bool] = []

    def slow(operation: Any) -> Any:
        # Rows are exchanged for a segment only once the next turn is under way.
        if getattr(operation, "func", None) is replace_by_segment:
            is_running.clear()
            during.append(is_running.wait(60))
        return submit(operation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversation.store._writer, "submit", slow)
        for number in range(turns):
            turn = conversation.send(f"turn {number}").result(60)
            assert turn.text == f"{number}."
            wait_until(lambda: not is_running.is_set())
        is_running.set()
    conversation.store.compact("c").result(60)
    assert during == [True] * len(during)
    assert len(during) >= turns - 1
    chunks = assert_gap_free(conversation.store)
    assert [item.seq for item in chunks] == list(range(1, 2 * turns + 1))
    assert conversation.events() == watcher.rows
    assert [row.n for row in watcher.rows] == list(range(1, len(watcher.rows) + 1))
    with conversation.store.connect() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM events").scalar()
        segments = connection.exec_driver_sql("SELECT count(*) FROM event_segments").scalar()
    assert (left, segments) == (0, turns)
    assert list(conversation.live.transcript.committed) == chunks
