"""A store that is slow delays what is shown; it never reorders it, and never shows too early."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

from dispatch_nb.engine.contracts import Finish, ProviderEvent, TextDelta, ToolCall
from dispatch_nb.store import EventRow
from dispatch_nb.transcript.live import live_from_history
from tests.conversation_parts import REPORT, Listener, Scripted, opened

HELD_S = 0.06
TOKENS = 400


@contextmanager
def hindered(path: Path) -> Iterator[Callable[[], int]]:
    """Lock the file again and again, as a backup or another program would."""
    ended = threading.Event()
    times = 0

    def lock() -> None:
        nonlocal times
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as database:
            while not ended.is_set():
                database.execute("BEGIN IMMEDIATE")
                times += 1
                ended.wait(HELD_S)
                database.execute("COMMIT")
                ended.wait(HELD_S / 10)

    thread = threading.Thread(target=lock)
    thread.start()
    try:
        yield lambda: times
    finally:
        ended.set()
        thread.join()


class Watching(Listener):
    """Notes of all it is shown whether the store has it, and how late it comes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._database = sqlite3.connect(path, check_same_thread=False)
        self.too_early: list[int] = []
        self.delays_s: list[float] = []

    def on_events(self, rows: Sequence[EventRow]) -> None:
        super().on_events(rows)
        (last,) = self._database.execute("SELECT last_n FROM conversations").fetchone()
        if last < rows[-1].n:
            self.too_early.append(rows[-1].n)
        self.delays_s.append(time.monotonic() - rows[0].mono_us / 1e6)

    def close(self) -> None:
        self._database.close()


def tokens(step: int) -> list[ProviderEvent | Callable[[], object]]:
    said: list[ProviderEvent | Callable[[], object]] = []
    for number in range(TOKENS):
        said.append(TextDelta(f"{step}.{number} "))
        if number % 8 == 0:
            said.append(lambda: asyncio.sleep(0.002))
    return said


def test_a_slow_store_delays_but_never_reorders_and_nothing_is_shown_before_it_is_stored(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lab.db"
    calls = [ToolCall(f"c{number}", "add", {"a": number, "b": 1}) for number in range(3)]
    provider = Scripted(
        [*tokens(0), *calls, REPORT, Finish("tool_calls")], [*tokens(1), REPORT, Finish("stop")]
    )
    conversation = opened(provider, path)
    watching = Watching(path)
    conversation.subscribe(watching)
    with hindered(path) as times:
        turn = conversation.send("go").result(60)
        held = times()
    watching.close()
    assert held > 3
    assert max(watching.delays_s) > HELD_S / 2, "the store was not slow"
    assert watching.too_early == []
    rows = watching.rows
    assert [row.n for row in rows] == list(range(1, len(rows) + 1))
    assert all(one.mono_us <= other.mono_us for one, other in pairwise(rows))
    assert conversation.events() == rows
    assert conversation.events(turn.id) == rows
    said = [row.event.delta for row in rows if row.event.type == "text-delta"]
    assert said == [f"{step}.{number} " for step in (0, 1) for number in range(TOKENS)]
    history = conversation.history().chunks
    assert list(conversation.live.transcript.committed) == history
    assert list(live_from_history(history).transcript.committed) == history
    # A slow store is caught up with in large groups, not event by event.
    assert len(watching.delays_s) < len(rows) / 3
