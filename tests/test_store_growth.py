"""What a store does for an append or a read, counted: it does not grow with what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from dispatch_nb.store import CommitStamp, ConversationRow, EventRow, Store
from dispatch_nb.wire.events import TextDeltaEvent
from tests.store_parts import assert_gap_free, message
from tests.test_store_groups import Gate

ID = "c"


class Meter:
    """Counts the statements of every connection to a file, and the steps SQLite takes for them.

    Stores that other tests have left open may be at work in other files.
    """

    def __init__(self, path):
        self.path = path
        self.connections = []
        self.statements: Counter[str] = Counter()
        self.steps = 0
        self.transactions = 0

    def connected(self, connection, record):
        (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
        if file == str(self.path.resolve()):
            self.connections.append(connection)

    def executed(self, connection, cursor, statement, values, context, is_many):
        if self.is_meant(connection):
            self.statements[statement.split()[0]] += 1

    def committed(self, connection):
        if self.is_meant(connection):
            self.transactions += 1

    def is_meant(self, connection):
        return connection.engine.url.database == str(self.path)

    def step(self):
        self.steps += 1
        return 0

    @contextmanager
    def counting(self):
        """Count from nothing; SQLite tells of every instruction of its virtual machine."""
        self.statements.clear()
        self.steps = self.transactions = 0
        for connection in self.connections:
            connection.set_progress_handler(self.step, 1)
        yield
        for connection in self.connections:
            connection.set_progress_handler(None, 0)


@pytest.fixture
def meter(tmp_path):
    meter = Meter(tmp_path / "lab.db")
    listeners: dict[str, Callable[..., None]] = {
        "connect": meter.connected,
        "before_cursor_execute": meter.executed,
        "commit": meter.committed,
    }
    for name, listener in listeners.items():
        sa.event.listen(sa.Engine, name, listener)
    yield meter
    for name, listener in listeners.items():
        sa.event.remove(sa.Engine, name, listener)


class Growing:
    """A conversation that grows, chunk by chunk or a thousand at a time."""

    def __init__(self, store):
        self.store, self.n, self.seq = store, 0, 0
        store.create_conversation(ConversationRow(ID, created_us=1)).result()
        # The first read opens the reading connection.
        store.history(ID)

    def append(self, count):
        self.n += 1
        texts = [f"chunk {self.seq + number}" for number in range(1, count + 1)]
        stamp = CommitStamp(self.n, self.n, self.n)
        done = self.store.append_chunks(
            ID, [message("assistant", *texts)], turn_id="t", step_id=None, event=stamp
        )
        self.seq += count
        return done

    def grow_to(self, size):
        while self.seq < size:
            # The meter may be set only while no connection is in use.
            self.append(min(1000, size - self.seq)).result()


ACTS = {
    "append a chunk": lambda talk: talk.append(1).result(),
    "append an event": lambda talk: event(talk).result(),
    "read the newest ten": lambda talk: talk.store.history(ID, since_seq=talk.seq - 10),
    "read ten in the middle": lambda talk: talk.store.history(ID, 500, 511),
    "read a page of ten": lambda talk: talk.store.history(ID, before_seq=501, limit=10),
    "read the newest event": lambda talk: talk.store.events(ID, since_n=talk.n - 1),
}


def event(talk):
    talk.n += 1
    delta = TextDeltaEvent(conversation_id=ID, turn_id="t", delta="x")
    return talk.store.append_events(ID, [EventRow(talk.n, talk.n, talk.n, delta)])


@pytest.mark.parametrize("act", ACTS)
def test_an_append_or_a_short_read_costs_the_same_at_a_thousand_and_at_many_chunks(
    tmp_path, meter, act
):
    costs = []
    with Store(tmp_path / "lab.db") as store:
        talk = Growing(store)
        for size in (1_000, 20_000):
            talk.grow_to(size)
            with meter.counting():
                ACTS[act](talk)
            costs.append((dict(meter.statements), meter.steps))
    (statements, steps), (later_statements, later_steps) = costs
    assert later_statements == statements
    assert 0 < later_steps <= 1.1 * steps + 20


def test_reading_costs_what_is_read(tmp_path, meter):
    with Store(tmp_path / "lab.db") as store:
        talk = Growing(store)
        talk.grow_to(5_000)
        steps = []
        for count in (10, 100, 1_000):
            with meter.counting():
                assert len(store.history(ID, since_seq=talk.seq - count).chunks) == count
            steps.append(meter.steps)
        assert steps[1] < 10 * steps[0]
        assert steps[2] < 10 * steps[1]


def test_the_events_of_many_conversations_share_a_transaction_and_few_statements(tmp_path, meter):
    names = [f"chat{number}" for number in range(100)]
    with Store(tmp_path / "lab.db") as store:
        for name in ("c", *names):
            store.create_conversation(ConversationRow(name, created_us=1)).result()
        with Gate(store, tmp_path / "lab.db"):
            futures = []
            for name in names:
                delta = TextDeltaEvent(conversation_id=name, turn_id="t", delta=name)
                rows = [EventRow(n, n, n, delta) for n in (1, 2)]
                futures.append(store.append_events(name, rows))
            meter.statements.clear()
            meter.transactions = 0
        for future in futures:
            future.result()
        # One for the write that held the gate shut, one for all that waited behind it.
        assert meter.transactions == 2
        assert sum(meter.statements.values()) < 40
        for name in names:
            assert_gap_free(store, name)
            assert [row.event.to_wire()["delta"] for row in store.events(name)] == [name, name]


def test_of_many_that_share_a_write_only_the_wrong_ones_fail(tmp_path):
    with Store(tmp_path / "lab.db") as store:
        for name in "cdef":
            store.create_conversation(ConversationRow(name, created_us=1)).result()
        parts = [("c", 1), ("d", 7), ("nobody", 1), ("e", 1), ("c", 2), ("f", 2), ("c", 3)]
        with Gate(store, tmp_path / "lab.db"):
            futures = [
                store.append_events(
                    name,
                    [
                        EventRow(
                            n, n, n, TextDeltaEvent(conversation_id=name, turn_id="t", delta="")
                        )
                    ],
                )
                for name, n in parts
            ]
        errors = [str(future.exception() or "") for future in futures]
        assert [bool(error) for error in errors] == [
            name in ("d", "nobody", "f") for name, _ in parts
        ]
        assert "Event 7 cannot follow event 0 in conversation 'd'" in errors[1]
        assert "holds no conversation 'nobody'" in errors[2]
        assert [store.last_n(name) for name in "cdef"] == [3, 0, 1, 0]
        assert_gap_free(store)
