"""A conversation written to a real store step by step, with the live state beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

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
from dispatch_nb.transcript.live import LiveState, fold_live, initial_live
from dispatch_nb.wire.conversation import (
    ChatMessage,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
    Usage,
)
from dispatch_nb.wire.events import (
    DoneEvent,
    ErrorEvent,
    ReasoningDeltaEvent,
    SteeringEvent,
    StepCompleteEvent,
    TextDeltaEvent,
    ToolCallEvent,
    ToolResultEvent,
    TurnSealedEvent,
    TurnStartEvent,
    UsageEvent,
    UserMessageEvent,
)
from dispatch_nb.wire.extensions import LiveEvent, ToolSettledEvent

START_US = 1_800_000_000_000_000


class Recorder:
    """Writes one conversation; `states` holds what a reader knew after every event."""

    def __init__(self, store: Store, conversation_id: str = "c1", **columns: Any) -> None:
        self.store = store
        self.conversation_id = conversation_id
        self.live: LiveState = initial_live()
        self.states: list[LiveState] = [self.live]
        self.now_us = START_US
        self._n = 0
        store.create_conversation(
            ConversationRow(conversation_id, created_us=START_US, **columns)
        ).result()

    def event(self, kind: type[Any], turn_id: str, **fields: Any) -> None:
        """Store an event, 1 ms after the one before, and fold it."""
        event = kind(conversation_id=self.conversation_id, turn_id=turn_id, **fields)
        row = EventRow(*self._stamp(), event)
        self.store.append_events(self.conversation_id, [row]).result()
        self._fold(event)

    def commit(
        self,
        turn_id: str,
        step_id: str | None,
        *messages: ChatMessage,
        sides: Sequence[ChunkSide] = (),
        tool_calls: Sequence[ToolCallRow] = (),
    ) -> None:
        """Store a step's messages, or a person's, and fold the event that says so."""
        _, row = self.store.append_chunks(
            self.conversation_id,
            messages,
            turn_id=turn_id,
            step_id=step_id,
            event=CommitStamp(*self._stamp()),
            sides=sides,
            tool_calls=tool_calls,
        ).result()
        self._fold(row.event)

    def begin(self, turn_id: str, prompt: str, **columns: Any) -> None:
        """Take a prompt and start the turn."""
        self.store.begin_turn(
            TurnRow(
                turn_id,
                self.conversation_id,
                prompt_text=prompt,
                started_us=self.now_us,
                **columns,
            )
        ).result()
        self.event(UserMessageEvent, turn_id, text=prompt)
        self.commit(turn_id, None, message("user", TextChunk(text=prompt)))
        self.event(TurnStartEvent, turn_id)

    def step(self, step_id: str, turn_id: str, step_index: int, **columns: Any) -> None:
        """Store what was measured of a step."""
        self.store.save_step(
            StepRow(step_id, turn_id, self.conversation_id, step_index, **columns)
        ).result()

    def _stamp(self) -> tuple[int, int, int]:
        self._n += 1
        self.now_us += 1_000
        return self._n, self.now_us, self.now_us - START_US

    def _fold(self, event: LiveEvent) -> None:
        self.live = fold_live(self.live, event)
        self.states.append(self.live)


def message(role: Any, *chunks: Any) -> ChatMessage:
    return ChatMessage(role=role, chunks=list(chunks))


def play_tool_turn(tape: Recorder) -> None:
    """Turn ``t1``: thought, text and two calls, steering, then the answer."""
    tape.begin("t1", "What is 1+2?", params_json='{"temperature":0.5}')
    asked_us = tape.now_us
    tape.event(ReasoningDeltaEvent, "t1", delta="I must ")
    tape.event(ReasoningDeltaEvent, "t1", delta="add.")
    tape.event(TextDeltaEvent, "t1", delta="Let me ")
    tape.event(TextDeltaEvent, "t1", delta="see.")
    add: dict[str, Any] = {
        "tool_call_id": "a",
        "tool_name": "add",
        "input": {"a": 1, "b": 2.0},
        "step_id": "s1",
    }
    nap: dict[str, Any] = {"tool_call_id": "b", "tool_name": "nap", "input": None, "step_id": "s1"}
    tape.event(ToolCallEvent, "t1", **add)
    tape.event(ToolCallEvent, "t1", **nap)
    first = Usage(input_tokens=100, output_tokens=20, cache_read_tokens=60, cache_write_tokens=10)
    tape.event(UsageEvent, "t1", usage=first, step_id="s1")
    tape.event(StepCompleteEvent, "t1", step_id="s1", ttft_ms=10, decode_ms=40, gen_total_ms=50)
    tape.event(ToolSettledEvent, "t1", step_id="s1", tool_call_id="b", is_error=True, duration_ms=7)
    tape.event(
        ToolSettledEvent, "t1", step_id="s1", tool_call_id="a", is_error=False, duration_ms=2500
    )
    sum_ = add | {"content": "3", "is_error": False}
    fell = nap | {"content": "fell over", "is_error": True}
    del sum_["input"], fell["input"]
    tape.event(ToolResultEvent, "t1", **sum_)
    tape.event(ToolResultEvent, "t1", **fell)
    tape.step(
        "s1", "t1", 0, provider_name="openai", request_model="m", response_model="m-1",
        finish_reason="tool_calls", is_streaming=True, requested_us=asked_us, ttft_ms=10.0,
        decode_ms=40.0, gen_total_ms=50.0, delta_count=5, chunk_count=4, input_tokens=100,
        output_tokens=20, cache_read_tokens=60, cache_write_tokens=10, reasoning_tokens=5,
        usage_source="reported", cost_usd=0.25,
    )  # fmt: skip
    tape.commit(
        "t1",
        "s1",
        message(
            "assistant",
            ThinkingChunk(text="I must add."),
            TextChunk(text="Let me see."),
            ToolCallChunk(**add),
            ToolCallChunk(**nap),
        ),
        message("tool", ToolResultChunk(**sum_), ToolResultChunk(**fell)),
        sides=[ChunkSide(asked_us + 1_000, asked_us + 2_000, 2)] + [ChunkSide()] * 5,
        tool_calls=[ToolCallRow("a", duration_ms=2500.0, approval="auto"), ToolCallRow("b")],
    )
    tape.event(SteeringEvent, "t1", text="in words")
    tape.commit("t1", None, message("user", TextChunk(text="in words")))
    tape.event(TextDeltaEvent, "t1", delta="Three.")
    tape.event(UsageEvent, "t1", usage=Usage(input_tokens=130, output_tokens=2), step_id="s2")
    tape.event(StepCompleteEvent, "t1", step_id="s2")
    tape.step(
        "s2", "t1", 1, request_model="m", raw_finish_reason="weird", requested_us=tape.now_us,
        completed_us=tape.now_us + 2_000_000, input_tokens=130, output_tokens=2,
        usage_source="reported",
    )  # fmt: skip
    tape.commit("t1", "s2", message("assistant", TextChunk(text="Three.")))
    tape.event(DoneEvent, "t1", reason="stop")
    tape.store.finish_turn(
        "t1", status="completed", duration_ms=3000.0, completed_us=tape.now_us,
        sealed_us=tape.now_us, first_chunk_us=asked_us + 1_000,
    ).result()  # fmt: skip
    tape.event(TurnSealedEvent, "t1")


def play_open_turn(tape: Recorder) -> None:
    """Turn ``t2``: still runs; a call without result, an error, and text that grows."""
    tape.begin("t2", "Go on")
    tape.event(TextDeltaEvent, "t2", delta="Well")
    tape.event(ToolCallEvent, "t2", tool_call_id="a", tool_name="add", input="x", step_id="s3")
    tape.event(ErrorEvent, "t2", message="slow", code="429")
    tape.event(TextDeltaEvent, "t2", delta="so ")
    tape.event(TextDeltaEvent, "t2", delta="far")


def plain(frame: pd.DataFrame, *columns: str) -> list[list[Any]]:
    """Return rows with None for what is missing."""
    objects = frame[list(columns)].astype(object)
    return objects.where(objects.notna(), None).to_numpy().tolist()
