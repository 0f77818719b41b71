"""Every queued text has one fate, whoever acts, in whatever order."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_nb.compose import open_conversation
from dispatch_nb.conversation.queue import TextQueue
from dispatch_nb.engine.contracts import Failure, TextDelta
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.errors import DispatchError, MessageError, TurnActiveError
from dispatch_nb.store import ConversationRow, Store
from tests.conversation_parts import add
from tests.queue_parts import BORDER, END, Gated, typed
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def store() -> Any:
    with Store(":memory:") as opened_store:
        yield opened_store


def test_many_threads_queue_take_and_cancel_and_every_text_has_one_fate(store: Store):
    store.create_conversation(ConversationRow("threads", created_us=1)).result()
    reports: list[str] = []
    waiting = TextQueue(store, "threads", changed=lambda: None, report=reports.append)
    assert waiting.lease.hold()  # as a running turn does
    futures: dict[str, Future[bool]] = {}
    fates: Counter[str] = Counter()
    done = threading.Event()

    def type_texts(name: str) -> None:
        for number in range(200):
            futures[f"{name}{number}"] = waiting.add(f"{name}{number}", id=f"{name}{number}").taken

    def take() -> None:
        while not done.is_set() or waiting.is_adding or waiting.texts:
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
    assert reports == []
    stored = {row.queued_id for row in store.queued("threads")}
    # What was cancelled is gone; what was taken would leave with the events that tell of it.
    assert stored == set(futures) - set(cancelled)


acts = st.one_of(
    st.tuples(st.just("steer"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["edit", "cancel"]), st.integers(0, 5)),
    st.sampled_from(
        [("border", 0), ("end", 0), ("stop", 0), ("fail", 0), ("keep", 0), ("send kept", 0)]
    ),
    st.tuples(st.just("settle"), st.just(0)),
)
names = count()


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
    assert kept == Counter(row.text for row in store.queued(conversation.id))
    assert said + kept + Counter(in_hand) == Counter(everything)
    assert all(each.kept for each in conversation.queue.texts)
    for each in conversation.queue.texts:
        conversation.queue.cancel(each.id)
    assert all(future.result(60) in (True, False) for future in futures)
