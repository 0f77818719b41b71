"""Everything that can happen to a store, one small thing at a time, whoever does it."""

from __future__ import annotations

import itertools
import json
import sqlite3
import sys
from contextlib import closing
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
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from dispatch_nb.wire.events import (
    ProviderRetryEvent,
    ReasoningDeltaEvent,
    SteeringEvent,
    TextDeltaEvent,
    TurnSealedEvent,
    UserMessageEvent,
)

ODD = "a\0b \ufffd \u2028 é 🎈"


class Writer:
    """Does what it is told by numbers, which decide everything: the same in any process."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.name = store, name
        self.count = itertools.count()
        self.conversations: list[str] = []
        self.turns: dict[str, list[str]] = {}
        self.steps: dict[str, list[str]] = {}
        self.waiting: dict[str, list[Any]] = {}
        self.open: dict[str, str] = {}
        self.now_us = 1_800_000_000_000_000

    def do(self, action: str, choice: int, value: int) -> None:
        """Do one thing, to the conversation and turn that `choice` picks."""
        if not self.conversations or action == "create":
            self.create(value)
        id = self.conversations[choice % len(self.conversations)]
        getattr(self, action)(id, choice, value) if action != "create" else None

    def id(self, kind: str) -> str:
        return f"{self.name}-{kind}-{next(self.count)}"

    def create(self, value: int, **columns: Any) -> str:
        id = self.id("c")
        columns.setdefault("title", f"title {value}" if value % 2 else None)
        self.store.create_conversation(
            ConversationRow(id, created_us=self.now_us + value, **columns)
        ).result()
        self.conversations.append(id)
        self.turns[id], self.steps[id] = [], []
        return id

    def stamp(self, id: str) -> tuple[int, int, int]:
        self.now_us += 1_700
        return self.store.last_n(id) + 1, self.now_us, self.now_us

    def turn(self, id: str, choice: int) -> str:
        if not self.turns[id]:
            self.begin(id, 0, 0)
        turns = self.turns[id]
        # Mostly the newest.
        return turns[-1 - (choice // 7) % min(2, len(turns))]

    def event(self, id: str, kind: type[Any], turn_id: str, **fields: Any) -> None:
        event = kind(conversation_id=id, turn_id=turn_id, **fields)
        self.store.append_events(id, [EventRow(*self.stamp(id), event)]).result()

    def commit(
        self, id: str, turn_id: str, step_id: str | None, *messages: Any, **more: Any
    ) -> None:
        self.store.append_chunks(
            id, messages, turn_id=turn_id, step_id=step_id, event=CommitStamp(*self.stamp(id)),
            **more,
        ).result()  # fmt: skip

    def begin(self, id: str, choice: int, value: int) -> None:
        turn_id = self.id("t")
        self.event(id, UserMessageEvent, turn_id, text=f"prompt {value}")
        if value % 9 == 8:
            # Stored late: what a crash leaves is put right afterwards.
            self.commit(id, turn_id, None, said("user", TextChunk(text="lost")))
            self.event(id, TextDeltaEvent, turn_id, delta="early")
            self.turns[id].append(turn_id)
            self.waiting.setdefault(id, []).append(turn_id)
            return
        self.turns[id].append(turn_id)
        row = TurnRow(turn_id, id, prompt_text=ODD, started_us=self.now_us, status="running")
        self.store.begin_turn(row).result()
        self.commit(id, turn_id, None, said("user", TextChunk(text=f"prompt {value}")))

    def settle(self, id: str, choice: int, value: int) -> None:
        for turn_id in self.waiting.pop(id, []):
            row = TurnRow(turn_id, id, status="aborted", abort_reason="crash")
            self.store.settle_turn(row).result()

    def deltas(self, id: str, choice: int, value: int) -> None:
        turn_id = self.turn(id, choice)
        for number in range(1 + value % 4):
            kind = TextDeltaEvent if (value + number) % 3 else ReasoningDeltaEvent
            self.event(id, kind, turn_id, delta=f"{value}{number} ")
        if value % 6 == 5:
            self.event(id, ProviderRetryEvent, turn_id, attempt=0, delay_ms=1, message="busy")

    def request(self, id: str, choice: int, value: int) -> None:
        """A step begins: it has no end, no usage and no cost yet."""
        turn_id, step_id = self.turn(id, choice), self.id("s")
        self.steps[id].append(step_id)
        self.open[turn_id] = step_id
        self.store.save_step(
            StepRow(step_id, turn_id, id, value, request_model=f"m{value % 2}",
                    requested_us=self.now_us)
        ).result()  # fmt: skip

    def step(self, id: str, choice: int, value: int) -> None:
        """A step ends: its chunks are stored with what was measured."""
        turn_id = self.turn(id, choice)
        self.event(id, TextDeltaEvent, turn_id, delta=f"answer {value}")
        step_id = self.open.pop(turn_id, None) or self.id("s")
        if step_id not in self.steps[id]:
            self.steps[id].append(step_id)
        chunks: list[Any] = [TextChunk(text=ODD if value % 4 == 3 else f"answer {value}")]
        results: list[Any] = []
        calls = []
        if value % 3 == 1:
            chunks.insert(0, ThinkingChunk(text="hm"))
        for _ in range(value % 3):
            call_id = self.id("call")
            chunks.append(ToolCallChunk(tool_call_id=call_id, tool_name="add", input={"a": value}))
            results.append(
                ToolResultChunk(tool_call_id=call_id, tool_name="add", content=f"{ODD} {value}",
                                is_error=value % 2 == 0)
            )  # fmt: skip
            calls.append(ToolCallRow(call_id, duration_ms=value * 1.1))
        messages = [said("assistant", *chunks)] + ([said("tool", *results)] if results else [])
        row = StepRow(
            step_id, turn_id, id, value, request_model=f"m{value % 2}",
            response_model=f"m{value % 3}-1", requested_us=self.now_us, ttft_ms=3.0,
            decode_ms=20.0, gen_total_ms=30.0 + value, input_tokens=value * 10,
            output_tokens=value, cache_read_tokens=value, usage_source="reported",
            cost_usd=value * 0.1 if value % 4 else None, cache_saved_usd=0.01 * value,
        )  # fmt: skip
        sides = [ChunkSide(self.now_us, self.now_us + 5, 1, is_interrupted=value % 5 == 0)]
        sides += [ChunkSide()] * (len(chunks) + len(results) - 1)
        self.commit(id, turn_id, step_id, *messages, sides=sides, tool_calls=calls, step=row)

    def steer(self, id: str, choice: int, value: int) -> None:
        turn_id = self.turn(id, choice)
        self.event(id, SteeringEvent, turn_id, text="more")
        self.commit(id, turn_id, None, said("user", TextChunk(text="more")))

    def end(self, id: str, choice: int, value: int) -> None:
        """A turn ends well, or is stopped, and is sealed."""
        turn_id = self.turn(id, choice)
        if turn_id in self.waiting.get(id, []):
            return
        self.store.finish_turn(
            turn_id, status=("completed", "aborted", "error")[value % 3], completed_us=self.now_us,
            duration_ms=value * 3.3, sealed_us=self.now_us,
        ).result()  # fmt: skip
        self.event(id, TurnSealedEvent, turn_id)

    def compact(self, id: str, choice: int, value: int) -> None:
        self.store.compact(id).result()

    def interrupt(self, id: str, choice: int, value: int) -> None:
        self.store.mark_interrupted(id).result()

    def price(self, id: str, choice: int, value: int) -> None:
        if self.steps[id]:
            step_id = self.steps[id][choice % len(self.steps[id])]
            columns = {"cost_usd": value / 7, "input_usd": value / 9, "price_ref": "own: x"}
            self.store.price_steps({step_id: columns}).result()

    def rename(self, id: str, choice: int, value: int) -> None:
        self.store.update_conversation(id, title=f"renamed {value}").result()

    def touch(self, id: str, choice: int, value: int) -> None:
        self.store.update_conversation(id, updated_us=self.now_us + value).result()

    def fork(self, id: str, choice: int, value: int) -> None:
        self.create(value, forked_from_id=id, forked_at_seq=1)

    def move(self, id: str, choice: int, value: int) -> None:
        """Another program moves a step that has no chunks to another turn."""
        if len(self.turns[id]) > 1 and self.open:
            with closing(sqlite3.connect(self.store.location, timeout=20)) as other, other:
                other.execute(
                    "UPDATE steps SET turn_id = ? WHERE step_id = ? AND conversation_id = ?",
                    (self.turns[id][value % len(self.turns[id])], self.open.popitem()[1], id),
                )

    def call(self, id: str, choice: int, value: int) -> None:
        """Another program changes a row of a tool call, or of a chunk."""
        with closing(sqlite3.connect(self.store.location, timeout=20)) as other, other:
            if value % 2:
                other.execute(
                    "UPDATE tool_calls SET approval = 'approved', approval_wait_ms = ? "
                    "WHERE conversation_id = ?", (value, id),
                )  # fmt: skip
            else:
                other.execute(
                    "UPDATE chunks SET text = ?, content = 'changed' WHERE conversation_id = ? "
                    "AND (seq = ? OR chunk_type = 'tool-result')",
                    (f"changed {value}", id, 1 + value % 3),
                )

    def delete(self, id: str, choice: int, value: int) -> None:
        """Another program deletes a conversation with all that is in it, and tidies up."""
        if len(self.conversations) < 2:
            return
        with closing(sqlite3.connect(self.store.location, timeout=20)) as other:
            with other:
                for table in (
                    *("tool_calls", "chunks", "steps", "turns", "events", "event_segments"),
                    *("queued_texts", "conversations"),
                ):
                    other.execute(f"DELETE FROM {table} WHERE conversation_id = ?", (id,))
            if value % 2:
                other.execute("VACUUM")
        self.conversations.remove(id)


def said(role: Any, *chunks: Any) -> ChatMessage:
    return ChatMessage(role=role, chunks=list(chunks))


ACTIONS = (
    *(
        "create",
        "begin",
        "begin",
        "settle",
        "settle",
        "deltas",
        "deltas",
        "deltas",
        "request",
        "request",
    ),
    *("step", "step", "step", "step", "steer", "end", "end", "compact", "interrupt", "price"),
    *("rename", "touch", "fork", "move", "call", "delete"),
)


def serve(path: str, name: str) -> None:
    """Do what standard input asks for, a line each, and answer each when it is done."""
    with Store(path) as store:
        writer = Writer(store, name)
        print("ready", flush=True)
        for line in sys.stdin:
            if line.strip() == "forget":
                writer = Writer(store, f"{name}x")
            else:
                writer.do(*json.loads(line))
            print("done", flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
