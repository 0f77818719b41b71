"""Writes of many threads that share transactions, and those among them that fail."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future

import pytest
import sqlalchemy as sa

from dispatch_nb.errors import StoreError
from dispatch_nb.store import (
    ConversationRow,
    EventRow,
    Store,
    ToolCallRow,
)
from dispatch_nb.wire.conversation import StoredChunk
from dispatch_nb.wire.events import TextDeltaEvent
from tests.store_parts import (
    append,
    assert_gap_free,
)


@pytest.fixture
def path(tmp_path):
    with Store(tmp_path / "lab.db") as store:
        store.create_conversation(ConversationRow("c", created_us=1)).result()
    return tmp_path / "lab.db"


def delta(n, conversation_id="c"):
    event = TextDeltaEvent(conversation_id=conversation_id, turn_id="t", delta=f"{n}")
    return EventRow(n, n, n, event)


class Gate:
    """Keeps the writer waiting, so that what is submitted meanwhile becomes one group."""

    def __init__(self, store, path):
        self._store = store
        self._other = sqlite3.connect(path, isolation_level=None)

    def __enter__(self):
        self._other.execute("BEGIN IMMEDIATE")
        # This one is taken alone and waits for the lock; the rest queues up behind it.
        self._first = self._store.mark_interrupted("c")
        while not self._first.running():
            threading.Event().wait(0.001)

    def __exit__(self, *error):
        self._other.execute("ROLLBACK")
        self._other.close()
        self._first.result()


@pytest.mark.parametrize("target", ["file", "memory"])
def test_eight_threads_leave_no_gap_and_no_double(tmp_path, target):
    with Store(":memory:" if target == "memory" else tmp_path / "lab.db") as store:
        for name in ("c", *"01234567"):
            store.create_conversation(ConversationRow(name, created_us=1))
        numbers, turn = iter(range(1, 10_000)), threading.Lock()
        futures: list[list[Future]] = [[] for _ in range(8)]

        def write(worker):
            for number in range(40):
                with turn:
                    shared = append(store, next(numbers), f"{worker}.{number}", "more")
                own = append(store, number + 1, f"{number}", conversation_id=str(worker))
                futures[worker] += [shared, own]

        threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        promised: dict[int, StoredChunk] = {}
        for worker in range(8):
            for future in futures[worker][::2]:
                stored, _ = future.result()
                promised |= {item.seq: item for item in stored}
            assert len(assert_gap_free(store, str(worker))) == 40
        chunks = assert_gap_free(store)
        assert len(chunks) == 640
        assert chunks == [promised[seq] for seq in range(1, 641)]


def test_a_write_that_fails_in_a_group_fails_alone(path):
    commits = []

    def count(connection):
        if connection.engine.url.database == str(path):  # a store of another test may commit too
            commits.append(connection)

    with Store(path) as store:
        with Gate(store, path):
            sa.event.listen(sa.Engine, "commit", count)
            good = [append(store, 1, "a")]
            bad = [
                append(store, 1, "again"),
                store.create_conversation(ConversationRow("c", created_us=1)),
                store.finish_turn("nobody", status="error"),
                store.append_events("c", [delta(9)]),
                store.update_conversation("c", title=object()),
                # Refused at its end, when most of it is written.
                append(store, 2, "lost", tool_calls=[ToolCallRow("unknown")]),
            ]
            good += [store.append_events("c", [delta(2), delta(3)]), append(store, 4, "b")]
        results = [future.result() for future in good]
        sa.event.remove(sa.Engine, "commit", count)
        assert [item.seq for item in results[2][0]] == [2]
        kinds = [type(future.exception()) for future in bad]
        assert kinds == [StoreError] * 6
        assert len(commits) == 2
        assert [item.chunk.text for item in assert_gap_free(store)] == ["a", "b"]


def test_a_cancelled_write_is_not_written(path):
    with Store(path) as store:
        with Gate(store, path):
            cancelled = store.update_conversation("c", title="no")
            kept = store.update_conversation("c", model="yes")
            assert cancelled.cancel()
        kept.result()
        row = store.conversation("c")
        assert (row.title, row.model) == (None, "yes")


def test_a_disk_that_fills_up_in_a_group_fails_only_the_write_that_filled_it(path):
    def limit(connection, record):
        connection.execute("PRAGMA max_page_count = 100")

    sa.event.listen(sa.Engine, "connect", limit)
    try:
        with Store(path) as store:
            with Gate(store, path):
                futures = [
                    append(store, 1, "first"),
                    store.update_conversation("c", system_prompt="x" * 3_000_000),
                    append(store, 2, "last"),
                ]
            errors = [future.exception() for future in futures]
            assert errors[0] is errors[2] is None
            assert "the disk is full" in str(errors[1])
            assert [item.chunk.text for item in assert_gap_free(store)] == ["first", "last"]
            assert store.conversation("c").system_prompt is None
    finally:
        sa.event.remove(sa.Engine, "connect", limit)
