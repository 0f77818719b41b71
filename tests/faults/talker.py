"""A process that holds a scripted conversation and writes down every event it was shown.

It kills itself at the moment that it is told, so that the moment is the same however busy the
machine is. What it writes goes to a pipe by one system call per event, after the subscriber
has folded the event: what has arrived there has been shown. So it is with what is typed: it
is reported once the queue has taken it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from dispatch_nb.compose import open_conversation
from dispatch_nb.store.rows import EventRow
from dispatch_nb.transcript.live import fold_live, initial_live
from tests.faults.script import Player, hold, make_script


class Killer:
    """Reports what happens, and kills this process a pause after so many reports."""

    def __init__(self, moment: int, pause: float) -> None:
        self._left, self._pause, self._lock = moment, pause, threading.Lock()
        if moment == 0:
            self._kill_soon()

    def report(self, what: object) -> None:
        """Write it down; for any thread."""
        with self._lock:
            os.write(1, json.dumps(what).encode() + b"\n")
            self._left -= 1
            if self._left == 0:
                self._kill_soon()

    def _kill_soon(self) -> None:
        threading.Timer(self._pause, os.kill, (os.getpid(), signal.SIGKILL)).start()


class Witness:
    """A subscriber that folds what it sees and then reports it."""

    def __init__(self, report: Callable[[object], None]) -> None:
        self.live = initial_live()
        self._report = report

    def on_events(self, rows: Sequence[EventRow]) -> None:
        """Fold and report."""
        for row in rows:
            self.live = fold_live(self.live, row.event)
            self._report([row.n, row.at_us, row.mono_us, row.event.to_json()])

    def on_reset(self) -> None:
        """Fail: nobody else writes here."""
        raise AssertionError("the log moved")

    def on_status(self) -> None:
        """Take no notice."""


def main() -> None:
    """Hold the conversation of a seed; it comes on the standard input, with when to die."""
    os.write(1, b"ready\n")
    seed, moment, pause = json.loads(sys.stdin.readline())
    killer = Killer(moment, pause)
    script = make_script(seed)

    async def wait(a: int) -> int:
        """Wait some milliseconds."""
        await asyncio.sleep(a / 1000)
        return a

    def note(text: str) -> str:
        """Note something."""
        return f"note: {text}"

    def steer(text: str) -> str:
        """Let the person speak."""
        conversation.steer(text)
        tell("typed", text)
        return f"steer: {text}"

    def tell(*what: str) -> None:
        killer.report(what)

    player = Player(script, seed)
    conversation = open_conversation(
        player, tools=[wait, note, steer], store=sys.argv[1], conversation_id="c"
    )
    conversation.subscribe(Witness(killer.report))
    hold(conversation, player, tell)


if __name__ == "__main__":
    main()
