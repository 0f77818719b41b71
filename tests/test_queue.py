"""The queue: whatever is typed while a turn runs ends up in exactly one place."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.compose import open_conversation
from dispatch_nb.engine.contracts import Failure
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import (
    MessageError,
    ModelError,
    StoreError,
    TurnActiveError,
    TurnFailedError,
)
from dispatch_nb.store.rows import EventRow
from tests.conversation_parts import Listener, add, opened
from tests.queue_parts import BORDER, END, Gated, asked, listed, typed
from tests.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


@contextmanager
def refusing(path: Path, change: str) -> Iterator[None]:
    """Let the store refuse a kind of change to what is queued."""
    stop = "BEGIN SELECT RAISE(ABORT, 'the power went out'); END"
    with closing(sqlite3.connect(path)) as database:
        with database:
            database.execute(f"CREATE TRIGGER fault BEFORE {change} ON queued_texts {stop}")
        yield
        with database:
            database.execute("DROP TRIGGER fault")


def test_two_texts_that_wait_for_one_border_are_one_message_joined_by_a_blank_line(path):
    provider = Gated()
    conversation = opened(provider, path)
    listener = Listener()
    conversation.subscribe(listener)
    turn = asked(conversation, provider)
    taken = [turn.steer("in French"), turn.steer("and short")]
    assert listed(conversation) == [("in French", False), ("and short", False)]
    provider.play(BORDER)
    assert [each.result(60) for each in taken] == [True, True]
    assert listed(conversation) == []
    provider.play(END)
    turn.result(60)
    assert typed(conversation) == ["go", "in French\n\nand short"]
    assert listener.types.count("steering") == 1


def test_an_edited_text_reaches_the_model_as_it_was_edited(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    turn.steer("in French")
    turn.steer("and short")
    first = conversation.queue.texts[0]
    assert conversation.queue.edit(first.id, "in Welsh")
    with pytest.raises(MessageError, match="empty"):
        conversation.queue.edit(first.id, "  ")
    assert conversation.queue.texts[0] == first.model_copy(update={"text": "in Welsh"})
    provider.play(BORDER)
    provider.play(END)
    turn.result(60)
    assert typed(conversation) == ["go", "in Welsh\n\nand short"]


def test_a_cancelled_text_reaches_no_model_and_can_be_cancelled_again(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    dropped = turn.steer("never mind")
    turn.steer("in French")
    name = conversation.queue.texts[0].id
    assert conversation.queue.cancel(name)
    assert dropped.result(60) is False
    assert not conversation.queue.cancel(name)
    assert not conversation.queue.edit(name, "after all")
    provider.play(BORDER)
    provider.play(END)
    turn.result(60)
    assert typed(conversation) == ["go", "in French"]


def test_a_text_that_a_model_has_got_cannot_be_cancelled_or_edited(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    taken = turn.steer("in French")
    name = conversation.queue.texts[0].id
    provider.play(BORDER)
    assert taken.result(60) is True
    assert not conversation.queue.cancel(name)
    assert not conversation.queue.edit(name, "in Welsh")
    provider.play(END)
    turn.result(60)
    assert typed(conversation) == ["go", "in French"]


def test_what_is_left_at_the_end_opens_the_next_turn_without_a_steering_event(path):
    provider = Gated()
    conversation = opened(provider, path)
    statuses: list[str] = []

    class Watching(Listener):
        def on_status(self) -> None:
            statuses.append(conversation.status)

    listener = Watching()
    conversation.subscribe(listener)
    turn = asked(conversation, provider)
    taken = [turn.steer("and 3+4?"), turn.steer("and 5+6?")]
    provider.play(END)
    turn.result(60)
    assert [each.result(60) for each in taken] == [True, True]
    provider.play(END)
    wait_until(lambda: conversation.status == "idle")
    assert typed(conversation) == ["go", "and 3+4?\n\nand 5+6?"]
    assert "steering" not in listener.types
    sealed = listener.types.index("turn-sealed")
    assert listener.types[sealed + 1 : sealed + 4] == [
        "user-message",
        "nb.chunks-committed",
        "turn-start",
    ]
    assert "idle" not in statuses[:-1]


@pytest.mark.parametrize("end", ["a stop", "a failure"])
def test_what_is_left_after_a_turn_that_did_not_end_well_is_kept_and_not_run(path, end):
    provider = Gated()
    conversation = open_conversation(
        provider, store=path, conversation_id="c", retry=BackoffRetry(delays_ms=())
    )
    turn = asked(conversation, provider)
    taken = [turn.steer("one"), turn.steer("two")]
    if end == "a stop":
        turn.stop()
    else:
        provider.play([Failure("no luck", code="400")])
    with suppress(TurnFailedError):
        turn.result(60)
    assert [each.result(60) for each in taken] == [False, False]
    assert listed(conversation) == [("one", True), ("two", True)]
    assert conversation.status == "idle"
    # Another turn leaves them alone, at its border and at its end.
    turn = asked(conversation, provider, "something else")
    with pytest.raises(TurnActiveError):
        conversation.send_queued()
    provider.play(BORDER)
    provider.play(END)
    turn.result(60)
    assert listed(conversation) == [("one", True), ("two", True)]
    assert conversation.queue.edit(conversation.queue.texts[0].id, "1")
    turn = conversation.send_queued()
    assert listed(conversation) == []
    provider.play(END)
    turn.result(60)
    assert typed(conversation) == ["go", "something else", "1\n\ntwo"]
    with pytest.raises(MessageError, match="Nothing is kept"):
        conversation.send_queued()


def test_a_model_that_is_gone_at_the_end_of_the_turn_leaves_the_queue_to_the_person(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    taken = turn.steer("and then?")

    def gone() -> Any:
        raise ModelError("The key is gone.")

    conversation.configure("gated", gone, conversation._settings)
    provider.play(END)
    turn.result(60)
    assert taken.result(60) is False
    assert listed(conversation) == [("and then?", True)]
    assert conversation.notice == "The key is gone."
    with pytest.raises(ModelError):
        conversation.send_queued()
    assert listed(conversation) == [("and then?", True)]


@pytest.mark.parametrize("moment", ["the border", "the next turn"])
def test_a_store_that_refuses_leaves_the_queue_to_the_person(path, moment):
    provider = Gated()
    conversation = opened(provider, path)
    store = conversation.store
    turn = asked(conversation, provider)
    taken = turn.steer("and then?")
    refused = ("steering",) if moment == "the border" else ("user-message",)
    append = store.append_events

    def full(conversation_id: str, rows: Sequence[EventRow], **more: Any) -> Future[None]:
        if any(row.event.type in refused for row in rows):
            future: Future[None] = Future()
            future.set_exception(StoreError("The disk is full."))
            return future
        return append(conversation_id, rows, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "append_events", full)
        provider.play(BORDER if moment == "the border" else END)
        assert taken.result(60) is False
        wait_until(lambda: conversation.status == "idle")
    assert listed(conversation) == [("and then?", True)]
    again = conversation.send_queued()
    provider.play(END)
    again.result(60)
    assert typed(conversation) == ["go", "and then?"]


def test_a_future_cannot_be_cancelled_behind_the_queue(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    taken = turn.steer("in French")
    assert not taken.cancel()
    provider.play(BORDER)
    provider.play(END)
    turn.result(60)
    assert taken.result(60) is True


def test_a_text_that_the_store_refuses_is_not_queued_and_its_sender_is_told(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    with refusing(path, "INSERT"), pytest.raises(StoreError, match="the power went out"):
        turn.steer("in French")
    assert listed(conversation) == []
    taken = turn.steer("in Welsh")
    provider.play(BORDER)
    provider.play(END)
    turn.result(60)
    assert taken.result(60) is True
    assert typed(conversation) == ["go", "in Welsh"]


@pytest.mark.parametrize("change", ["UPDATE", "DELETE"])
def test_a_change_that_the_store_refuses_leaves_the_text_as_it_was(path, change):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    turn.steer("in French")
    name = conversation.queue.texts[0].id
    acts = {
        "UPDATE": lambda: conversation.queue.edit(name, "in Welsh"),
        "DELETE": lambda: conversation.queue.cancel(name),
    }
    with refusing(path, change), pytest.raises(StoreError, match="the power went out"):
        acts[change]()
    assert [each.text for each in conversation.queue.texts] == ["in French"]
    turn.stop()
    turn.result(60)
    assert conversation.send_queued().id
    provider.play(END)
    wait_until(lambda: conversation.status == "idle")
    assert typed(conversation) == ["go", "in French"]


def test_a_text_and_the_event_that_tells_of_it_change_places_in_one_transaction(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    taken = turn.steer("in French")
    with refusing(path, "DELETE"):
        provider.play(BORDER)
        with pytest.raises(StoreError, match="the power went out"):
            turn.result(60)
    assert taken.result(60) is False
    assert "steering" not in [row.event.type for row in conversation.events()]
    assert listed(conversation) == [("in French", True)]
    wait_until(lambda: conversation.status == "idle")
    provider.play(END)
    conversation.send_queued().result(60)
    assert typed(conversation) == ["go", "in French"]
    assert conversation.store.queued("c") == []


def test_texts_outlive_every_handle_on_their_conversation(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    turn.steer("one")
    turn.stop()
    turn.result(60)
    assert listed(conversation) == [("one", True)]
    del conversation, turn
    gc.collect()
    again = opened(provider, path)
    assert listed(again) == [("one", True)]
    assert again.queue.cancel(again.queue.texts[0].id)


def test_a_closed_chat_keeps_its_queue_and_lists_it_when_it_is_opened_again(path):
    provider = Gated()
    chat = dn.Chat(provider, tools=[add], store=path, conversation="c")
    turn = chat.send("go")
    assert provider.is_waiting.wait(60)
    taken = turn.steer("and then?")
    chat.close()
    assert taken.result(60) is False
    provider.play(BORDER)
    provider.play(END)
    turn.result(60)
    again = dn.Chat(provider, tools=[add], store=path, conversation="c")
    assert [each.text for each in again.queued] == ["and then?"]
    assert again.edit_queued(again.queued[0].id, "and now?")
    provider.play(END)
    assert again.send_queued().result(60).text == "ok"
    assert typed(again._conversation) == ["go", "and now?"]
    assert again.queued == []
    again.close()
