"""The events of sealed turns: compressed, given back exactly, and never in the way."""

from __future__ import annotations

import random
import sqlite3

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import dispatch_nb.store
from dispatch_nb.errors import StoreError
from dispatch_nb.frames import deltas_frame
from dispatch_nb.store import CommitStamp, ConversationRow, EventRow, Store, TurnRow
from dispatch_nb.wire.events import (
    DoneEvent,
    ReasoningDeltaEvent,
    StepCompleteEvent,
    TextDeltaEvent,
    ToolCallEvent,
    ToolResultEvent,
    TurnSealedEvent,
    TurnStartEvent,
    UserMessageEvent,
)
from dispatch_nb.wire.extensions import LiveEvent, TurnRefusedEvent
from tests.store_parts import finish, message, start_python

STRANGE = ["two\nlines", "\r\n", "\u2028", "\\n", '"', "é😀", "\0", "\x1f", "", "x" * 40_000]


class Log:
    """Writes turns of a conversation with the clock of a model that streams."""

    def __init__(self, store, conversation_id="c", seed=1):
        self.store, self.id, self.random = store, conversation_id, random.Random(seed)
        self.rows, self.waiting, self.n = [], [], 0
        self.at_us, self.mono_us = 1_800_000_000_000_000, 5_000_000_000
        store.create_conversation(ConversationRow(conversation_id, created_us=1)).result()

    def stamp(self, pause_us):
        spent = round(self.random.expovariate(1 / pause_us)) + 1
        self.n, self.at_us, self.mono_us = self.n + 1, self.at_us + spent, self.mono_us + spent
        if self.random.random() < 0.01:
            self.at_us += self.random.randrange(-3, 4)
        return CommitStamp(self.n, self.at_us, self.mono_us)

    def emit(self, kind, pause_us=15_000, **fields):
        stamp = self.stamp(pause_us)
        event = kind(conversation_id=self.id, **fields)
        self.waiting.append(EventRow(stamp.n, stamp.at_us, stamp.mono_us, event))

    def commit(self, turn_id, step_id, *messages):
        self.flush()
        stamp = self.stamp(500)
        _, row = self.store.append_chunks(
            self.id, messages, turn_id=turn_id, step_id=step_id, event=stamp
        ).result()
        self.rows.append(row)

    def flush(self):
        self.store.append_events(self.id, self.waiting).result()
        self.rows += self.waiting
        self.waiting = []

    def turn(self, number, words, sealed=True):
        turn_id = f"turn-{1_800_000_000_000 + number}-{self.random.getrandbits(32):08x}"
        self.store.begin_turn(TurnRow(turn_id, self.id, prompt_text="p")).result()
        self.emit(UserMessageEvent, turn_id=turn_id, text="What about it?")
        self.commit(turn_id, None, message("user", "What about it?"))
        self.emit(TurnStartEvent, turn_id=turn_id)
        for word in words[: len(words) // 4]:
            self.emit(ReasoningDeltaEvent, turn_id=turn_id, delta=word)
        call = {"tool_call_id": f"call_{number}", "tool_name": "look_up"}
        self.emit(ToolCallEvent, turn_id=turn_id, **call, input={"query": words[0]})
        self.emit(
            ToolResultEvent, turn_id=turn_id, **call, content="".join(words[:40]), is_error=False
        )
        for word in words:
            self.emit(TextDeltaEvent, turn_id=turn_id, delta=word)
        self.emit(StepCompleteEvent, turn_id=turn_id, step_id=f"{turn_id}#0", ttft_ms=31.25)
        thought = "".join(words[: len(words) // 4])
        self.commit(turn_id, f"{turn_id}#0", message("assistant", thought, "".join(words)))
        self.emit(DoneEvent, turn_id=turn_id, reason="stop")
        if sealed:
            self.emit(TurnSealedEvent, turn_id=turn_id)
        self.flush()
        return turn_id


def words(seed, count):
    """Return text as tokens: some words are frequent and most are rare, as in a language."""
    source = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    vocabulary = [
        " " + "".join(source.choices(letters, range(26, 0, -1), k=source.randint(1, 9)))
        for _ in range(3000)
    ]
    weights = [1 / rank for rank in range(1, 3001)]
    return source.choices(vocabulary, weights, k=count)


def left(path):
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT count(*) FROM events").fetchone()[0]
        segments = database.execute("SELECT count(*) FROM event_segments").fetchone()[0]
    database.close()
    return rows, segments


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lab.db"


def test_a_sealed_turn_becomes_one_row_and_its_events_come_back_exactly(path):
    with Store(path) as store:
        log = Log(store)
        first = log.turn(1, STRANGE)
        second = log.turn(2, words(2, 300))
        third = log.turn(3, words(3, 50), sealed=False)
        before = store.events("c")
        assert before == log.rows
        sealed = sum(row.event.turn_id != third for row in log.rows)
        assert store.compact("c").result() == sealed
        assert store.events("c") == log.rows
        for turn_id in (first, second, third):
            mine = [row for row in log.rows if row.event.turn_id == turn_id]
            assert store.events("c", turn_id=turn_id) == mine
        for since in (0, 1, 17, sealed, sealed + 1, log.n - 1, log.n, log.n + 5):
            assert store.events("c", since_n=since) == log.rows[since:]
        assert store.events("c", since_n=20, turn_id=first) == [
            row for row in log.rows[20:] if row.event.turn_id == first
        ]
        assert store.events("c", turn_id="none") == store.events("nobody") == []
        assert store.compact("c").result() == 0
    assert left(path) == (len(log.rows) - sealed, 2)
    with Store(path) as store:
        assert store.events("c") == log.rows
        assert store.last_n("c") == log.n


def test_an_event_of_another_turn_in_between_keeps_its_place(path):
    with Store(path) as store:
        log = Log(store)
        log.emit(TextDeltaEvent, turn_id="t", delta="a")
        log.emit(TurnRefusedEvent, turn_id="refused", message="no key")
        log.emit(TextDeltaEvent, turn_id="t", delta="b")
        log.emit(TurnSealedEvent, turn_id="t")
        log.flush()
        assert store.compact("c").result() == 3
        assert store.events("c") == log.rows
        assert store.events("c", since_n=2) == log.rows[2:]
        assert store.events("c", turn_id="refused") == [log.rows[1]]
    assert left(path) == (1, 1)


def test_the_frame_of_deltas_is_the_same_before_and_after(path):
    with Store(path) as store:
        for conversation_id in ("b", "a"):
            log = Log(store, conversation_id)
            log.turn(1 if conversation_id == "a" else 2, words(1, 60))
        log.turn(3, words(2, 30), sealed=False)
        before, one = deltas_frame(store), deltas_frame(store, "a")
        assert len(before) > len(one) > 90
        assert store.compact("a").result() > 0
        assert deltas_frame(store).equals(before)
        assert deltas_frame(store, "a").equals(one)
        assert deltas_frame(store, "b").equals(
            deltas_frame(store)[lambda f: f.conversation_id == "b"].reset_index(drop=True)
        )


def test_a_long_conversation_costs_less_than_its_raw_stream(path):
    with Store(path) as store:
        log = Log(store, "0b5e7f4c-54f6-4d26-9c35-2f1f7fb0e1aa")
        tokens = words(7, 60_000)
        for number in range(200):
            start = log.random.randrange(len(tokens) - 500)
            log.turn(number, tokens[start : start + log.random.randrange(80, 400)])
            store.compact(log.id)
    raw = sum(len(row.event.to_json().encode()) + 1 for row in log.rows)
    size = path.stat().st_size
    print(f"{len(log.rows)} events: {raw} bytes as NDJSON, {size} as a store: {size / raw:.2f}")
    assert left(path) == (0, 200)
    assert size < raw
    with Store(path) as store:
        assert store.events(log.id) == log.rows


COMPACTORS = """
import sys
from dispatch_nb.store import Store
with Store(sys.argv[1]) as store:
    print("ready")
    sys.stdin.readline()
    print(store.compact("c").result())
"""


def test_processes_that_compact_at_once_do_it_once(path):
    with Store(path) as store:
        log = Log(store)
        for number in range(5):
            log.turn(number, words(number, 200))
        workers = [start_python(COMPACTORS, path) for _ in range(3)]
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        counts = [int(finish(worker)) for worker in workers]
        assert sum(counts) == len(log.rows)
        assert store.events("c") == log.rows
    assert left(path) == (0, 5)


def test_closing_a_store_finishes_what_was_to_be_compacted(path):
    store = Store(path)
    log = Log(store)
    log.turn(1, words(1, 2000))
    compacted = store.compact("c")
    store.close()
    assert compacted.result(0) == len(log.rows)
    assert left(path) == (0, 1)
    with pytest.raises(StoreError, match="is closed"):
        store.compact("c")


def test_a_store_in_memory_compacts_as_well():
    with Store(":memory:") as store:
        log = Log(store)
        log.turn(1, words(1, 100))
        assert store.compact("c").result() == len(log.rows)
        assert store.events("c") == log.rows


def test_a_segment_of_a_later_form_is_refused_with_a_sentence(path):
    with Store(path) as store:
        Log(store).turn(1, words(1, 10))
    with Store(path) as store:
        store.compact("c").result()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE event_segments SET codec = 'zlib-9'")
    database.close()
    with Store(path) as store, pytest.raises(StoreError, match=r"form 'zlib-9'.*pip install -U"):
        store.events("c")


def test_a_store_of_the_first_version_is_migrated_with_its_events(path):
    folder = f"{dispatch_nb.store.__path__[0]}/migrations"
    config = Config()
    config.set_main_option("script_location", folder)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO conversations VALUES"
            " ('c', NULL, NULL, NULL, 'local', NULL, NULL, NULL, 1, 1, 0, 2, 0, 0)"
        )
        for n, event in enumerate(EARLY, 1):
            connection.exec_driver_sql(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
                ("c", n, "t", event.type, n, n, event.to_json()),
            )
    engine.dispose()
    with Store(path) as store:
        rows = [EventRow(n, n, n, event) for n, event in enumerate(EARLY, 1)]
        assert store.events("c") == rows
        assert store.compact("c").result() == 2
        assert store.events("c") == rows


EARLY: list[LiveEvent] = [
    TextDeltaEvent(conversation_id="c", turn_id="t", delta="early"),
    TurnSealedEvent(conversation_id="c", turn_id="t"),
]
