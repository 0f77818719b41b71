"""A store of any size with what people's conversations hold, written through the store itself.

Every conversation has four turns of three steps with four tool calls: 50 chunks. One turn in
twenty fails, one is stopped; the prompt's beginning comes from a cache. The numbers follow
from the seed alone, so the sums are known without reading anything.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from dispatch_nb.store import (
    ChunkSide,
    CommitStamp,
    ConversationRow,
    EventRow,
    StepRow,
    Store,
    ToolCallRow,
    TurnRow,
)
from dispatch_nb.wire.conversation import (
    ChatMessage,
    Chunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from dispatch_nb.wire.events import DoneEvent, TextDeltaEvent, TurnSealedEvent, UserMessageEvent

__all__ = ["CHUNKS_EACH", "Truth", "multiply", "write_corpus"]

CHUNKS_EACH = 50
TURNS = 4
DELTAS = 3
START_US = 1_790_000_000_000_000
MODELS = ("gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash")
TOOLS = ("search", "read_file", "run_tests", "weather")
WORDS = re.findall(
    r"\w+",
    "the cache holds most of this prompt so only its end is paid in full while tools answer "
    "slowly and the model waits for them before it says what it found in the files",
)
_AHEAD = 512


@dataclass
class Truth:
    """What the store must give back."""

    conversations: int = 0
    chunks: int = 0
    steps: int = 0
    deltas: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0


class _Tape:
    """Writes one conversation; its clock goes on by a millisecond an event."""

    def __init__(self, store: Store, number: int, truth: Truth) -> None:
        self.store, self.truth = store, truth
        self.random = Random(number)
        self.id = f"conversation-{number:08d}"
        self.n, self.now = 0, START_US + number * 60_000_000
        self.model = MODELS[number % len(MODELS)]
        self.waiting: list[Future[Any]] = []
        row = ConversationRow(self.id, created_us=self.now, title=self.words(4), model=self.model)
        self.waiting.append(store.create_conversation(row))
        truth.conversations += 1

    def words(self, count: int) -> str:
        return " ".join(self.random.choices(WORDS, k=count))

    def stamp(self) -> tuple[int, int, int]:
        self.n, self.now = self.n + 1, self.now + 1_000
        return self.n, self.now, self.now - START_US

    def events(self, *events: Any) -> None:
        rows = [EventRow(*self.stamp(), event) for event in events]
        self.waiting.append(self.store.append_events(self.id, rows))

    def commit(
        self,
        turn_id: str,
        step: StepRow | None,
        *messages: ChatMessage,
        calls: list[ToolCallRow] | None = None,
    ) -> None:
        count = sum(len(message.chunks) for message in messages)
        self.truth.chunks += count
        sides = [ChunkSide(self.now - 5_000, self.now, DELTAS)] * count
        self.waiting.append(
            self.store.append_chunks(
                self.id, messages, turn_id=turn_id, step_id=None if step is None else step.step_id,
                event=CommitStamp(*self.stamp()), sides=sides, tool_calls=calls or [], step=step,
            )
        )  # fmt: skip

    def turn(self, index: int) -> None:
        """Write a turn of three steps: 13 chunks, or 12 from the third turn on."""
        turn_id = f"{self.id}-turn-{index}"
        prompt = self.words(12)
        row = TurnRow(turn_id, self.id, prompt_text=prompt, started_us=self.now)
        self.waiting.append(self.store.begin_turn(row))
        at: dict[str, Any] = {"conversation_id": self.id, "turn_id": turn_id}
        self.events(UserMessageEvent(text=prompt, **at))
        self.commit(turn_id, None, ChatMessage(role="user", chunks=[TextChunk(text=prompt)]))
        for number in range(3):
            self.step(turn_id, index, number, at)
        fate = self.random.choices(("completed", "error", "aborted"), (18, 1, 1))[0]
        self.events(DoneEvent(reason="stop", **at))
        self.waiting.append(
            self.store.finish_turn(
                turn_id, status=fate, completed_us=self.now, sealed_us=self.now,
                duration_ms=(self.now - (row.started_us or 0)) / 1000,
                is_lower_bound=fate != "completed",
            )
        )  # fmt: skip
        self.events(TurnSealedEvent(**at))

    def step(self, turn_id: str, index: int, number: int, at: dict[str, Any]) -> None:
        """Write a step; all but the last ask for tools."""
        random, asked = self.random, self.now
        answer = self.words(30)
        said = answer.split(" ")
        third = len(said) // DELTAS
        parts = [" ".join(said[:third]), *(f" {word}" for word in said[third : third + 1])]
        parts.append(answer[sum(map(len, parts)) :])
        chunks: list[Chunk] = []
        if number == 0 or (number == 2 and index < 2):
            chunks.append(ThinkingChunk(text=self.words(20)))
        if number != 1:
            self.events(*(TextDeltaEvent(delta=part, **at) for part in parts))
            self.truth.deltas += len(parts)
            chunks.append(TextChunk(text=answer))
        calls: list[ToolCallRow] = []
        results: list[Chunk] = []
        step_id = f"{turn_id}-step-{number}"
        if number < 2:
            for place in range(2):
                name, call_id = random.choice(TOOLS), f"call-{turn_id}-{number}-{place}"
                chunks.append(
                    ToolCallChunk(
                        tool_call_id=call_id, tool_name=name, step_id=step_id,
                        input={"query": self.words(3), "limit": random.randint(1, 50)},
                    )
                )  # fmt: skip
                results.append(
                    ToolResultChunk(
                        tool_call_id=call_id, tool_name=name, content=self.words(25),
                        is_error=random.random() < 0.05, step_id=step_id,
                    )
                )  # fmt: skip
                calls.append(ToolCallRow(call_id, duration_ms=random.uniform(1, 2_000)))
        messages = [ChatMessage(role="assistant", chunks=chunks)]
        if results:
            messages.append(ChatMessage(role="tool", chunks=results))
        sent = 1_000 + 900 * index + 300 * number + random.randint(0, 99)
        cached = (sent // 2) if index else 0
        step = StepRow(
            step_id, turn_id, self.id, number, provider_name="openai", request_model=self.model,
            response_model=self.model, finish_reason="tool_calls" if number < 2 else "stop",
            is_streaming=True, requested_us=asked, first_chunk_us=asked + 300_000,
            completed_us=asked + 1_500_000, ttft_ms=300.0, decode_ms=1_200.0, gen_total_ms=1_500.0,
            delta_count=DELTAS, chunk_count=len(chunks), input_tokens=sent,
            output_tokens=random.randint(20, 400), cache_read_tokens=cached,
            usage_source="reported", temperature=0.2,
        )  # fmt: skip
        self.now += 1_500_000
        truth = self.truth
        truth.steps += 1
        truth.input_tokens += sent
        truth.output_tokens += step.output_tokens or 0
        truth.cache_read_tokens += cached
        self.commit(turn_id, step, *messages, calls=calls)


def _conversations(store: Store, first: int, count: int, truth: Truth) -> Iterator[_Tape]:
    for number in range(first, first + count):
        tape = _Tape(store, number, truth)
        for index in range(TURNS):
            tape.turn(index)
        yield tape


def write_corpus(
    store: Store, conversations: int, *, first: int = 0, truth: Truth | None = None
) -> Truth:
    """Add conversations of `CHUNKS_EACH` chunks; return what the store now holds.

    Parameters
    ----------
    first
        The number of the first one; numbers decide all that is written.
    truth
        What the store holds already.
    """
    truth = replace(truth) if truth is not None else Truth()
    waiting: list[Future[Any]] = []
    for tape in _conversations(store, first, conversations, truth):
        waiting += tape.waiting
        if len(waiting) > _AHEAD:
            for future in waiting:
                future.result()
            waiting.clear()
    for future in waiting:
        future.result()
    return truth


_IDS = ("conversation_id", "turn_id", "step_id", "message_id", "tool_call_id")
_TABLES = ("conversations", "turns", "steps", "chunks", "tool_calls", "events", "event_segments")


def multiply(path: Path, times: int) -> None:
    """Copy everything in a closed store under new ids, until it is there `times` times."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for table in _TABLES:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            last = connection.execute(f"SELECT MAX(rowid) FROM {table}").fetchone()[0] or 0
            for copy in range(1, times):
                shown = [f"{n} || '-{copy:05d}'" if n in _IDS else n for n in columns]
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(shown)} "
                    f"FROM {table} WHERE rowid <= ? ORDER BY rowid",
                    (last,),
                )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def main() -> None:
    """Write a store of the size that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--chunks", type=int, default=100_000)
    arguments = parser.parse_args()
    with Store(arguments.path) as store:
        print(write_corpus(store, arguments.chunks // CHUNKS_EACH))


if __name__ == "__main__":
    main()
