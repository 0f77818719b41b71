"""What the store costs: appends and reads at growing sizes, and bytes in the file.

Run it as ``python benchmarks/store.py``. The raw limits are measured in the same run: the
same statements in the same transactions with the sqlite3 module alone.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

from measuring import CpuWatch, Recording, open_raw, say_machine, table, verdict

from dispatch_nb.store import CommitStamp, ConversationRow, EventRow, Store
from dispatch_nb.wire.conversation import ChatMessage, Chunk, TextChunk
from dispatch_nb.wire.events import TextDeltaEvent, TurnSealedEvent

ID = "conversation"
BATCH = 1000
SAMPLES = 300
EVENTS = 20_000
TEXT = "the quick brown fox jumps over a lazy dog and then it rests where nobody sees it"
WORDS = TEXT.split()


def message(first: int, count: int) -> ChatMessage:
    """Return a message of `count` chunks of one sentence each."""
    chunks: list[Chunk] = [
        TextChunk(text=f"{number} {TEXT}") for number in range(first, first + count)
    ]
    return ChatMessage(role="assistant", chunks=chunks)


class Writer:
    """Appends to one conversation, counting its events."""

    def __init__(self, store: Store) -> None:
        self.store, self.n, self.seq = store, 0, 0
        store.create_conversation(ConversationRow(ID, created_us=1)).result()

    def append(self, count: int) -> None:
        """Append a message of `count` chunks and wait until it is stored."""
        self.n += 1
        said = message(self.seq + 1, count)
        stamp = CommitStamp(self.n, self.n, self.n)
        self.store.append_chunks(ID, [said], turn_id="t", step_id=None, event=stamp).result()
        self.seq += count


def typical_us(work: Callable[[], object]) -> float:
    """Return the median microseconds of many calls."""
    times = []
    for _ in range(SAMPLES):
        started = perf_counter()
        work()
        times.append(perf_counter() - started)
    return 1e6 * median(times)


def read_raw(connection: sqlite3.Connection, since: int) -> None:
    """Read ten chunks with sqlite3 alone."""
    connection.execute(
        "SELECT seq, role, chunk_json FROM chunks "
        "WHERE conversation_id = ? AND seq > ? AND seq < ? ORDER BY seq",
        (ID, since, since + 11),
    ).fetchall()


def at_sizes(folder: Path, sizes: Sequence[int]) -> list[list[str]]:
    """Measure the append of one chunk and the read of ten, in one conversation as it grows."""
    path = folder / "growing.db"
    rows, reads, appends = [], [], []
    with Store(path) as store:
        writer = Writer(store)
        bare = sqlite3.connect(path)
        for size in sizes:
            while writer.seq < size:
                writer.append(min(BATCH, size - writer.seq))
            since = size - 10
            read = partial(store.history, ID, since_seq=since, before_seq=since + 11)
            reads.append(typical_us(read))
            raw = typical_us(partial(read_raw, bare, since))
            appends.append(typical_us(partial(writer.append, 1)))
            rows.append(
                [
                    f"{size:,} chunks",
                    f"{reads[-1]:.0f} µs",
                    f"{raw:.0f} µs",
                    f"{reads[-1] / raw:.1f}",
                    f"{reads[-1] / reads[0]:.2f}",
                    f"{appends[-1]:.0f} µs",
                    f"{appends[-1] / appends[0]:.2f}",
                ]
            )
        bare.close()
    rows.append(["", "", "", "", verdict(reads[-1] <= 2 * reads[0], "at most 2"), "", ""])
    return rows


def bulk(folder: Path, name: str, count: int, write: Callable[[Store], None]) -> list[str]:
    """Measure rows a second of a bulk write against the same statements with sqlite3 alone."""
    recording = Recording()
    with Store(folder / f"{name}.db") as store:
        started, cpu = perf_counter(), CpuWatch()
        write(store)
        seconds, used = perf_counter() - started, cpu.read()
    with recording.running(), Store(folder / f"{name}-recorded.db") as store:
        write(store)
    raw = count / recording.replay(folder / f"{name}-raw.db")
    ours = count / seconds
    return [
        name,
        f"{ours:,.0f}/s",
        f"{1e6 * used.own / count:.0f} µs",
        f"{raw:,.0f}/s",
        f"{ours / raw:.2f}",
        f"{used.foreign:.1f}",
    ]


def write_chunks(store: Store) -> None:
    """Append 20,000 chunks, ten to a message."""
    writer = Writer(store)
    for _ in range(2000):
        writer.append(10)


def events() -> list[EventRow]:
    """Return the events of one long answer: words of a small vocabulary, uneven times."""
    random, rows, now = Random(1), [], 9_000_000_000
    for n in range(1, EVENTS):
        now += random.randint(200, 9800)
        delta = f"{random.choice(WORDS)} "
        event = TextDeltaEvent(conversation_id=ID, turn_id="turn-1", delta=delta)
        rows.append(EventRow(n, 1_700_000_000_000_000 + now + random.randint(0, 2), now, event))
    sealed = TurnSealedEvent(conversation_id=ID, turn_id="turn-1")
    return [*rows, EventRow(EVENTS, rows[-1].at_us, rows[-1].mono_us, sealed)]


def write_events(store: Store) -> None:
    """Append one turn's events, fifty at a time."""
    store.create_conversation(ConversationRow(ID, created_us=1)).result()
    rows = events()
    futures = [store.append_events(ID, rows[at : at + 50]) for at in range(0, EVENTS, 50)]
    for future in futures:
        future.result()


def bytes_per_event(folder: Path) -> list[list[str]]:
    """Return what an event costs in the file: while its turn runs, once sealed, and as NDJSON."""
    path = folder / "bytes.db"
    open_raw(path).close()
    empty = path.stat().st_size
    with Store(path) as store:
        write_events(store)
    running = path.stat().st_size - empty
    with Store(path) as store:
        store.compact(ID).result()
    bare = sqlite3.connect(path, isolation_level=None)
    bare.execute("VACUUM")
    bare.close()
    sealed = path.stat().st_size - empty
    stream = sum(len(row.event.to_json().encode()) + 1 for row in events())
    stamped = sum(len(json.dumps([row.n, row.at_us, row.mono_us]).encode()) for row in events())
    return [
        ["events in the file", "bytes each", "of the raw stream as NDJSON"],
        ["while the turn runs", f"{running / EVENTS:.1f}", f"{running / stream:.2f}"],
        ["once it is sealed", f"{sealed / EVENTS:.1f}", f"{sealed / stream:.3f}"],
        ["NDJSON", f"{stream / EVENTS:.1f}", "1"],
        ["NDJSON with number and times", f"{(stream + stamped) / EVENTS:.1f}", ""],
    ]


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000, help="chunks at most")
    parser.add_argument("--folder", type=Path, help="where the stores are written")
    arguments = parser.parse_args()
    say_machine()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        table(
            [
                ["bulk", "dispatch_nb", "CPU each", "sqlite3", "ratio", "foreign cores"],
                bulk(folder, "chunks", 20_000, write_chunks),
                bulk(folder, "events", EVENTS, write_events),
            ]
        )
        table(bytes_per_event(folder))
        sizes = [size for size in (1_000, 100_000, 1_000_000) if size <= arguments.largest]
        head = [
            "in a conversation of",
            "read 10",
            "sqlite3",
            "ratio",
            "growth",
            "append 1",
            "growth",
        ]
        table([head, *at_sizes(folder, sizes)])


if __name__ == "__main__":
    main()
