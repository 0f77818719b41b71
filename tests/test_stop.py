"""Stopping a turn from Python: any thread, any moment, and the next turn works."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from dispatch_nb.conversation.turn import Turn
from dispatch_nb.engine.contracts import Finish, TextDelta
from dispatch_nb.errors import DispatchError, StoreError
from dispatch_nb.framed import Part
from dispatch_nb.store.rows import EventRow
from tests.conversation_parts import Listener, Scripted, opened, texts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


def test_a_wait_that_was_cancelled_ends_after_the_seal_so_that_the_next_turn_can_start(
    path, monkeypatch
):
    monkeypatch.setattr("dispatch_nb.conversation.turn.LAST_WORDS_S", 60)
    provider = Scripted(
        [TextDelta("partial"), lambda: asyncio.Event().wait()],
        [TextDelta("next"), Finish("stop")],
    )
    conversation = opened(provider, path)

    async def cell() -> str:
        turn = conversation.send("go")
        while turn.text != "partial":
            await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(turn, 0.01)
        assert turn.finish_reason == "aborted"
        return (await conversation.send("again")).text

    assert asyncio.run(cell()) == "next"


def test_a_failed_turn_that_was_awaited_for_long_leaves_no_unread_failure(path, caplog):
    conversation = opened(Scripted([]), path)

    async def cell() -> None:
        turn = Turn(
            "t",
            stop=conversation.stop,
            steer=conversation.steer,
            part=lambda turn_id: Part(conversation.store, conversation.id, turn_id),
        )
        waiting = asyncio.ensure_future(turn)
        await asyncio.sleep(0.35)
        turn._end(StoreError("the disk is full"))
        with pytest.raises(StoreError, match="disk is full"):
            await waiting

    asyncio.run(cell())
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_the_handle_of_an_ended_turn_does_not_stop_the_next_one(path):
    gate = threading.Event()
    provider = Scripted(
        [TextDelta("one"), Finish("stop")],
        [lambda: asyncio.to_thread(gate.wait, 30), TextDelta("two"), Finish("stop")],
    )
    conversation = opened(provider, path)
    first_ended, second_started = threading.Event(), threading.Event()
    end = Turn._end

    def slow_end(turn: Turn, error: DispatchError | None = None) -> None:
        # The moment between the seal and the handle's end, held open.
        if not first_ended.is_set():
            first_ended.set()
            assert second_started.wait(60)
        end(turn, error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Turn, "_end", slow_end)
        first = conversation.send("first")
        assert first_ended.wait(60)
        second = conversation.send("second")
        assert not first.stop()
        second_started.set()
        gate.set()
        assert second.result(60).finish_reason == "stop"


def test_a_stop_that_comes_while_the_turn_is_sealed_keeps_the_queue_for_the_person(path):
    taken: list[Future[bool]] = []
    provider = Scripted(
        [lambda: taken.append(conversation.steer("and 3+4?")), TextDelta("3"), Finish("stop")],
        [TextDelta("7"), Finish("stop")],
    )
    conversation = opened(provider, path)

    class StopsAtDone(Listener):
        def on_events(self, rows: Sequence[EventRow]) -> None:
            if any(row.event.type == "done" for row in rows):
                assert conversation.stop()

    conversation.subscribe(StopsAtDone())
    conversation.send("1+2?").result(60)
    assert taken[0].result(60) is False
    assert [text for _role, text in texts(conversation)] == ["1+2?", "3"]


def test_stops_from_many_threads_end_the_turn_once(path):
    step = (TextDelta("half"), lambda: asyncio.Event().wait())
    provider = Scripted(*[step] * 20)
    conversation = opened(provider, path)
    for number in range(20):
        turn = conversation.send("go")
        threads = [threading.Thread(target=turn.stop) for _ in range(4)]
        for thread in threads:
            thread.start()
        turn.result(60)
        for thread in threads:
            thread.join()
        assert turn.finish_reason == "aborted"
        assert conversation.status == "idle", number
