"""A process that holds a scripted conversation and writes down every event it was shown.

It is killed by the tests. What it writes goes to a pipe by one system call per event, after
the subscriber has folded the event: what has arrived there has been shown. So it is with
what is typed: it is reported once the queue has taken it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence

from dispatch_nb.compose import open_conversation
from dispatch_nb.store.rows import EventRow
from dispatch_nb.transcript.live import fold_live, initial_live
from tests.faults.script import Player, hold, make_script


class Witness:
    """A subscriber that folds what it sees and then reports it."""

    def __init__(self) -> None:
        self.live = initial_live()

    def on_events(self, rows: Sequence[EventRow]) -> None:
        """Fold and report."""
        for row in rows:
            self.live = fold_live(self.live, row.event)
            line = json.dumps([row.n, row.at_us, row.mono_us, row.event.to_json()])
            os.write(1, line.encode() + b"\n")

    def on_reset(self) -> None:
        """Fail: nobody else writes here."""
        raise AssertionError("the log moved")

    def on_status(self) -> None:
        """Take no notice."""


def main() -> None:
    """Hold the conversation of the seed that comes on the standard input."""
    os.write(1, b"ready\n")
    seed = int(sys.stdin.readline())
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
        os.write(1, json.dumps(what).encode() + b"\n")

    player = Player(script, seed)
    conversation = open_conversation(
        player, tools=[wait, note, steer], store=sys.argv[1], conversation_id="c"
    )
    conversation.subscribe(Witness())
    hold(conversation, player, tell)


if __name__ == "__main__":
    main()
