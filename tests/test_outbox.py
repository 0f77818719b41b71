"""What views are told, and when: on the real turn loop, with a list in the views' place."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dispatch_nb.loop import TurnLoop
from dispatch_nb.store.rows import EventRow
from dispatch_nb.transcript.live import initial_live
from dispatch_nb.widget.outbox import INTERVAL_S, PATIENCE_S, WINDOW, Outbox
from dispatch_nb.wire.events import DoneEvent, TextDeltaEvent
from dispatch_nb.wire.extensions import LiveEvent
from tests.waiting import wait_until


class Told:
    """An outbox on a loop, and what it has told the views."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.loop = TurnLoop()
        self.outbox = Outbox(
            lambda message: self.messages.append(message.to_wire()),
            lambda: (initial_live(), 1),
        )
        self.loop.call(self.outbox.snapshot)

    def event(self, n: int) -> None:
        self._take(n, TextDeltaEvent(conversation_id="c", turn_id="t", delta=f"w{n} "))

    def burst(self, first: int, last: int) -> None:
        """Tell of several events in one go of the loop, so that no pause can part them."""

        def tell() -> None:
            for n in range(first, last + 1):
                self.event(n)

        self.loop.call(tell)

    def end(self, n: int) -> None:
        self._take(n, DoneEvent(conversation_id="c", turn_id="t", reason="stop"))

    def _take(self, n: int, event: LiveEvent) -> None:
        self.loop.call(self.outbox.events, [EventRow(n=n, at_us=0, mono_us=0, event=event)])

    @property
    def news(self) -> list[dict[str, Any]]:
        """What was told of events: neither a snapshot nor a question."""
        return [message for message in self.messages if message.get("events")]

    def upto(self) -> int:
        return int(self.messages[-1].get("upto", 0))

    def fill(self) -> int:
        """Send until the window is full; return the number of the last event."""
        for n in range(1, WINDOW):
            self.event(n)
            wait_until(lambda n=n: self.upto() == n)  # type: ignore[misc]  # bound at once
        return n


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_full_window_holds_back_and_a_painted_one_goes_on_at_once(told, monkeypatch):
    # Longer than the test waits: nothing goes out because patience was lost.
    monkeypatch.setattr("dispatch_nb.widget.outbox.PATIENCE_S", 3_600)
    last = told.fill()
    told.event(last + 1)
    time.sleep(4 * INTERVAL_S)
    assert told.upto() == last
    told.loop.call(told.outbox.painted, last)
    wait_until(lambda: told.upto() == last + 1)


def test_views_that_cannot_be_heard_are_told_in_long_steps(told):
    last = told.fill()
    started = time.monotonic()
    for step in range(2):
        told.burst(last + 1, last + 30)
        last += 30
        wait_until(lambda last=last: told.upto() == last)  # type: ignore[misc]  # bound at once
        assert time.monotonic() - started >= 0.9 * PATIENCE_S * (step + 1)
    ranges = [(m["from"], m["upto"]) for m in told.news]
    assert ranges[-2:] == [(last - 59, last - 30), (last - 29, last)]
    assert told.news[-1]["events"][0]["delta"].endswith(f"w{last} ")


def test_the_end_of_an_answer_waits_for_nothing(told):
    for n in (1, 2):
        told.event(n)
    told.end(3)
    assert told.upto() == 3


def test_a_snapshot_takes_the_place_of_what_was_held_back(told):
    last = told.fill()
    told.event(last + 1)
    told.loop.call(told.outbox.snapshot)
    count = len(told.news)
    told.event(last + 2)
    wait_until(lambda: len(told.news) > count)
    assert told.news[count]["from"] == last + 2


def test_views_are_asked_whether_the_newest_message_arrived_until_they_have_painted_it(told):
    told.event(1)
    wait_until(lambda: told.messages[-1].get("events") == [])
    assert (told.messages[-1]["from"], told.upto()) == (2, 1)
    told.loop.call(told.outbox.painted, 1)
    count = len(told.messages)
    time.sleep(2.5 * PATIENCE_S)
    assert len(told.messages) == count


def test_views_that_never_answer_are_asked_a_few_times_only(told):
    # What was asked about the snapshot before this does not count.
    told.loop.call(lambda: (told.messages.clear(), told.outbox._ask_later(0, 0.01, 2)))
    wait_until(lambda: len(told.messages) == 2)
    time.sleep(0.3)
    assert [m["events"] for m in told.messages] == [[], []]
