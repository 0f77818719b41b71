"""The queue: whatever is typed while a turn runs ends up in exactly one place."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dispatch_nb as dn
from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.local import LocalConversation
from dispatch_nb.conversation.queue import TextQueue, join_texts
from dispatch_nb.conversation.turn import Turn
from dispatch_nb.engine.contracts import (
    Failure,
    Finish,
    ProviderEvent,
    ProviderOptions,
    TextDelta,
    Tool,
    ToolCall,
)
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import (
    DispatchError,
    MessageError,
    ModelError,
    StoreError,
    TurnActiveError,
    TurnFailedError,
)
from dispatch_nb.store import Store
from dispatch_nb.store.rows import EventRow
from dispatch_nb.wire.conversation import ChatMessage
from tests.conversation_parts import Listener, Scripted, add, opened, texts
from tests.waiting import wait_until

CALL = ToolCall("c1", "add", {"a": 1, "b": 2})
BORDER: list[ProviderEvent] = [CALL, Finish("tool_calls")]
END: list[ProviderEvent] = [TextDelta("ok"), Finish("stop")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


class Gated:
    """A provider whose steps are told to it one by one while the turn runs."""

    id = "gated"

    def __init__(self) -> None:
        self.steps: queue.SimpleQueue[Sequence[ProviderEvent]] = queue.SimpleQueue()
        self.requests = 0
        self.is_waiting = threading.Event()

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        self.requests += 1
        self.is_waiting.set()
        while self.steps.empty():
            await asyncio.sleep(0.001)
        self.is_waiting.clear()
        for event in self.steps.get_nowait():
            yield event

    def play(self, step: Sequence[ProviderEvent]) -> None:
        self.steps.put(step)


def asked(conversation: LocalConversation, provider: Gated, text: str = "go") -> Turn:
    turn = conversation.send(text)
    assert provider.is_waiting.wait(10)
    return turn


def listed(conversation: LocalConversation) -> list[tuple[str, bool]]:
    return [(each.text, each.kept) for each in conversation.queue.texts]


def typed(conversation: LocalConversation) -> list[str]:
    return [text for role, text in texts(conversation) if role == "user"]


def test_two_texts_that_wait_for_one_border_are_one_message_joined_by_a_blank_line(path):
    provider = Gated()
    conversation = opened(provider, path)
    listener = Listener()
    conversation.subscribe(listener)
    turn = asked(conversation, provider)
    taken = [turn.steer("in French"), turn.steer("and short")]
    assert listed(conversation) == [("in French", False), ("and short", False)]
    provider.play(BORDER)
    assert [each.result(10) for each in taken] == [True, True]
    assert listed(conversation) == []
    provider.play(END)
    turn.result(10)
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
    turn.result(10)
    assert typed(conversation) == ["go", "in Welsh\n\nand short"]


def test_a_cancelled_text_reaches_no_model_and_can_be_cancelled_again(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    dropped = turn.steer("never mind")
    turn.steer("in French")
    name = conversation.queue.texts[0].id
    assert conversation.queue.cancel(name)
    assert dropped.result(10) is False
    assert not conversation.queue.cancel(name)
    assert not conversation.queue.edit(name, "after all")
    provider.play(BORDER)
    provider.play(END)
    turn.result(10)
    assert typed(conversation) == ["go", "in French"]


def test_a_text_that_a_model_has_got_cannot_be_cancelled_or_edited(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    taken = turn.steer("in French")
    name = conversation.queue.texts[0].id
    provider.play(BORDER)
    assert taken.result(10) is True
    assert not conversation.queue.cancel(name)
    assert not conversation.queue.edit(name, "in Welsh")
    provider.play(END)
    turn.result(10)
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
    turn.result(10)
    assert [each.result(10) for each in taken] == [True, True]
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
        turn.result(10)
    assert [each.result(10) for each in taken] == [False, False]
    assert listed(conversation) == [("one", True), ("two", True)]
    assert conversation.status == "idle"
    # Another turn leaves them alone, at its border and at its end.
    turn = asked(conversation, provider, "something else")
    with pytest.raises(TurnActiveError):
        conversation.send_queued()
    provider.play(BORDER)
    provider.play(END)
    turn.result(10)
    assert listed(conversation) == [("one", True), ("two", True)]
    assert conversation.queue.edit(conversation.queue.texts[0].id, "1")
    turn = conversation.send_queued()
    assert listed(conversation) == []
    provider.play(END)
    turn.result(10)
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
    turn.result(10)
    assert taken.result(10) is False
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

    def full(conversation_id: str, rows: Sequence[EventRow]) -> Future[None]:
        if any(row.event.type in refused for row in rows):
            future: Future[None] = Future()
            future.set_exception(StoreError("The disk is full."))
            return future
        return append(conversation_id, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "append_events", full)
        provider.play(BORDER if moment == "the border" else END)
        assert taken.result(10) is False
        wait_until(lambda: conversation.status == "idle")
    assert listed(conversation) == [("and then?", True)]
    again = conversation.send_queued()
    provider.play(END)
    again.result(10)
    assert typed(conversation) == ["go", "and then?"]


def test_a_future_cannot_be_cancelled_behind_the_queue(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    taken = turn.steer("in French")
    assert not taken.cancel()
    provider.play(BORDER)
    provider.play(END)
    turn.result(10)
    assert taken.result(10) is True


def test_texts_outlive_every_handle_on_their_conversation(path):
    provider = Gated()
    conversation = opened(provider, path)
    turn = asked(conversation, provider)
    turn.steer("one")
    turn.stop()
    turn.result(10)
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
    assert provider.is_waiting.wait(10)
    taken = turn.steer("and then?")
    chat.close()
    assert taken.result(10) is False
    provider.play(BORDER)
    provider.play(END)
    turn.result(10)
    again = dn.Chat(provider, tools=[add], store=path, conversation="c")
    assert [each.text for each in again.queued] == ["and then?"]
    assert again.edit_queued(again.queued[0].id, "and now?")
    provider.play(END)
    assert again.send_queued().result(10).text == "ok"
    assert typed(again._conversation) == ["go", "and now?"]
    assert again.queued == []
    again.close()


class View:
    """The other end of the comm: keeps what it is told, and acts."""

    def __init__(self, chat: dn.Chat) -> None:
        self.chat = chat
        self.replies: dict[str, dict[str, Any]] = {}
        chat.comm.send = self._receive

    def _receive(self, data: dict[str, Any], *_: object, **__: object) -> None:
        if data["method"] == "custom" and data["content"]["type"] == "reply":
            self.replies[data["content"]["requestId"]] = data["content"]

    def act(self, request_id: str, type: str, **more: object) -> None:
        self.chat._handle_custom_msg({"type": type, "requestId": request_id, **more}, [])

    def reply(self, request_id: str) -> dict[str, Any]:
        wait_until(lambda: request_id in self.replies)
        return self.replies[request_id]


def test_a_view_queues_takes_back_and_sends_what_was_kept(path):
    provider = Gated()
    chat = dn.Chat(provider, tools=[add], store=path)
    view = View(chat)
    view.act("r1", "send", text="go")
    assert view.reply("r1")["accepted"]
    view.act("r2", "steer", text="in French")
    view.act("r3", "steer", text="and short")
    assert view.reply("r3")["accepted"]
    wait_until(lambda: [each["id"] for each in chat.queue] == ["r2", "r3"])
    view.act("r4", "cancel-queued", id="r3")
    assert view.reply("r4")["accepted"]
    view.act("r5", "cancel-queued", id="r3")
    assert "not waiting any more" in view.reply("r5")["reason"]
    view.act("r6", "stop")
    wait_until(lambda: chat.status == "idle")
    wait_until(
        lambda: [(each["text"], each["kept"]) for each in chat.queue] == [("in French", True)]
    )
    assert chat.get_state(["queue"])["queue"] == chat.queue
    view.act("r7", "send-queued")
    assert view.reply("r7")["accepted"]
    provider.play(END)
    wait_until(lambda: chat.status == "idle" and chat.queue == [])
    assert typed(chat._conversation) == ["go", "in French"]
    view.act("r8", "send-queued")
    assert view.reply("r8")["reason"] == "Nothing is kept to be sent: write a message."


def test_a_message_that_the_store_does_not_take_goes_back_to_its_view_with_the_reason(path):
    chat = dn.Chat(Scripted(END), store=path)
    view = View(chat)
    store = chat._conversation.store

    def full(conversation_id: str, rows: Sequence[EventRow]) -> Future[None]:
        future: Future[None] = Future()
        future.set_exception(StoreError("The disk is full."))
        return future

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "append_events", full)
        view.act("r1", "send", text="go")
        reply = view.reply("r1")
    assert (reply["accepted"], reply["reason"]) == (False, "The disk is full.")
    wait_until(lambda: chat.status == "idle")
    assert chat.history().chunks == []


def test_many_threads_queue_take_and_cancel_and_every_text_has_one_fate():
    waiting = TextQueue(lambda: None)
    futures: dict[str, Future[bool]] = {}
    fates: Counter[str] = Counter()
    done = threading.Event()

    def type_texts(name: str) -> None:
        for number in range(200):
            futures[f"{name}{number}"] = waiting.add(f"{name}{number}", id=f"{name}{number}")

    def take() -> None:
        while not done.is_set() or waiting.texts:
            for index, entry in enumerate(taken := waiting.take()):
                if index % 3 == 0:
                    waiting.give_back([entry])
                else:
                    fates[entry.text] += 1
                    entry.settle(reached=True)
            for entry in [] if taken else waiting.take_kept():
                fates[entry.text] += 1

    def cancel() -> None:
        while not done.is_set():
            for each in waiting.texts[-1:]:
                if waiting.cancel(each.id):
                    cancelled.append(each.id)

    cancelled: list[str] = []
    writers = [threading.Thread(target=type_texts, args=(name,)) for name in "ab"]
    others = [threading.Thread(target=take), threading.Thread(target=cancel)]
    for thread in (*writers, *others):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in others:
        thread.join()
    assert sorted([*fates.elements(), *cancelled]) == sorted(futures)
    assert all(future.done() for future in futures.values())


acts = st.one_of(
    st.tuples(st.just("steer"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["edit", "cancel"]), st.integers(0, 5)),
    st.sampled_from(
        [("border", 0), ("end", 0), ("stop", 0), ("fail", 0), ("keep", 0), ("send kept", 0)]
    ),
    st.tuples(st.just("settle"), st.just(0)),
)
names = count()


@pytest.fixture(scope="module")
def store() -> Any:
    with Store(":memory:") as opened_store:
        yield opened_store


@settings(max_examples=40)
@given(st.lists(acts, min_size=3, max_size=25))
def test_every_text_is_once_in_the_transcript_or_cancelled_or_in_the_persons_hands(
    store: Store, script: list[tuple[str, int]]
):
    provider = Gated()
    conversation = open_conversation(
        provider,
        tools=[add],
        store=store,
        conversation_id=f"q{next(names)}",
        retry=BackoffRetry(delays_ms=()),
    )
    words = (f"word{number}." for number in count())
    in_hand: set[str] = set()  # cancelled by the person, or not taken at all
    everything: set[str] = set()
    futures: list[Future[bool]] = []

    def word() -> str:
        everything.add(made := next(words))
        return made

    def start() -> None:
        text = word()
        try:
            conversation.send(text)
        except TurnActiveError:
            in_hand.add(text)

    def act(kind: str, number: int) -> None:
        waiting = conversation.queue.texts
        match kind:
            case "steer":
                for _ in range(number):
                    text = word()
                    try:
                        futures.append(conversation.steer(text))
                    except MessageError:
                        in_hand.add(text)
                        start()
            case "edit" if waiting:
                entry, text = waiting[number % len(waiting)], word()
                changed = conversation.queue.edit(entry.id, text)
                in_hand.add(entry.text if changed else text)
            case "cancel" if waiting:
                entry = waiting[number % len(waiting)]
                if conversation.queue.cancel(entry.id):
                    in_hand.add(entry.text)
            case "border":
                provider.play(BORDER)
            case "end":
                provider.play(END)
            case "fail":
                provider.play([TextDelta("so"), Failure("no luck", code="400")])
            case "stop":
                conversation.stop()
            case "keep":
                conversation.queue.keep()
            case "send kept":
                with suppress(DispatchError):
                    conversation.send_queued()
            case "settle":
                wait_until(lambda: conversation.status == "idle" or provider.steps.empty())
            case _:
                pass  # nothing waits that could be edited or cancelled

    start()
    for kind, number in script:
        act(kind, number)
    while not provider.steps.empty() and conversation.status != "idle":
        provider.is_waiting.wait(0.005)
    conversation.stop()
    wait_until(lambda: conversation.status == "idle")
    said = Counter(text for message in typed(conversation) for text in message.split("\n\n"))
    kept = Counter(each.text for each in conversation.queue.texts)
    assert said + kept + Counter(in_hand) == Counter(everything)
    assert all(each.kept for each in conversation.queue.texts)
    for each in conversation.queue.texts:
        conversation.queue.cancel(each.id)
    assert all(future.result(10) in (True, False) for future in futures)


def test_texts_are_joined_as_one_message():
    waiting = TextQueue(lambda: None)
    for text in ("one\n", "two"):
        waiting.add(text)
    assert join_texts(waiting.take()) == "one\n\n\ntwo"
