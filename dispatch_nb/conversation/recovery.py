"""What a turn had shown when its process died, taken from the event log and stored.

Every event was committed before anyone saw it, so folding a turn's events once more gives
what was on the screen. What had no `seq` then gets one now, and the turn is closed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import count, groupby
from typing import TYPE_CHECKING, Any

from pydantic import MISSING

from ..engine.contracts import ProviderOptions
from ..engine.usage import add_usage, estimate_usage
from ..store.rows import (
    ChunkSide,
    CommitStamp,
    EventRow,
    StepRow,
    ToolCallRow,
    TurnRow,
    UsageSource,
)
from ..transcript.live import fold_live, initial_live
from ..transcript.reconcile import INTERRUPTED
from ..wire import events as e
from ..wire.conversation import ChatMessage, ToolCallChunk, Usage
from ..wire.extensions import ChunksCommittedEvent, LiveEvent
from .ending import turn_ending
from .prompt import prompt_messages
from .recorder import Recorder
from .told import ToldStep
from .unstored import unstored_messages

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["recover"]

# The process that knew which model it asked took that along.
_UNPRICED = "unknown: which model was asked is not known"


def recover(store: Store, conversation_id: str) -> None:
    """Close the turns that a process left open when it died or could write no more.

    Only for the holder of the conversation's lease: then nobody runs them any more. Safe
    to be cut short itself: what it has not done is done the next time.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    numbers = count(store.last_n(conversation_id) + 1)
    for turn_id in store.open_turns(conversation_id):
        turn = _OpenTurn(store.events(conversation_id, turn_id=turn_id), conversation_id, turn_id)
        for write in turn.close(store, numbers):
            write.result()
    # A turn may have begun without a single event of it being stored.
    store.mark_interrupted(conversation_id).result()


@dataclass
class _OpenTurn:
    """A turn as its events tell it: what is stored, what is not yet, and what was used."""

    rows: Sequence[EventRow]
    conversation_id: str
    turn_id: str
    _usage: Usage | None = None
    _last_usage: Usage | None = None
    _step: ToldStep = field(default_factory=ToldStep)
    _source: UsageSource | None = None
    _recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        self._recorder = Recorder(self.conversation_id, self.turn_id, "", ProviderOptions())
        live = initial_live()
        for row in self.rows:
            self._recorder.see(row)
            self._step.see(row)
            match row.event:
                case ChunksCommittedEvent(count=number, step_id=step_id):
                    self._recorder.take_sides(number)
                    if step_id is not MISSING:
                        self._recorder.take_step((), aborted=False)
                        self._step = ToldStep()
                case e.UsageEvent(usage=usage):
                    self._last_usage = usage
                    self._usage = usage if self._usage is None else add_usage(self._usage, usage)
                case _:
                    pass
            live = fold_live(live, row.event)
        self._unstored = unstored_messages(live.transcript, self.turn_id)

    def close(self, store: Store, numbers: count[int]) -> list[Future[Any]]:
        """Store what is not stored yet, then the end of the turn, in this order."""
        done = self._recorder.done
        writes: list[Future[Any]] = []
        for by_person, group in groupby(self._unstored, lambda message: message.role == "user"):
            messages = list(group)
            sides = self._recorder.take_sides(sum(len(m.chunks) for m in messages))
            step: StepRow | None = None
            calls: list[ToolCallRow] = []
            if not by_person:
                step, calls = self._interrupted_step(store, messages, sides)
                writes += [store.save_step(row) for row in self._step.retried(step)]
                sides = [replace(side, is_interrupted=done is None) for side in sides]
            writes.append(
                store.append_chunks(
                    self.conversation_id,
                    messages,
                    turn_id=self.turn_id,
                    step_id=None if step is None else step.step_id,
                    sides=sides,
                    event=_stamp(numbers),
                    tool_calls=calls,
                    step=step,
                )
            )
        if done is None and not any(message.role != "user" for message in self._unstored):
            writes += self._save_silent_step(store)
        closing: list[LiveEvent] = []
        if done is None:
            done = self._done()
            closing.append(done)
        writes.append(store.settle_turn(self._turn_row(done)))
        sealed = e.TurnSealedEvent(conversation_id=self.conversation_id, turn_id=self.turn_id)
        closing.append(sealed)
        rows = [_event_row(event, _stamp(numbers)) for event in closing]
        writes.append(store.append_events(self.conversation_id, rows))
        return writes

    def _done(self) -> e.DoneEvent:
        last = self._last_usage
        return e.DoneEvent(
            conversation_id=self.conversation_id,
            turn_id=self.turn_id,
            reason="interrupted",
            duration_ms=(self.rows[-1].mono_us - self.rows[0].mono_us) / 1000,
            usage=MISSING if self._usage is None else self._usage,
            context_size=MISSING if last is None else last.input_tokens + last.output_tokens,
        )

    def _turn_row(self, done: e.DoneEvent) -> TurnRow:
        prompts = (r.event.text for r in self.rows if isinstance(r.event, e.UserMessageEvent))
        said = (e.TextDeltaEvent, e.ReasoningDeltaEvent, e.ToolCallEvent)
        return TurnRow(
            turn_id=self.turn_id,
            conversation_id=self.conversation_id,
            prompt_text=next(prompts, None),
            started_us=self.rows[0].at_us,
            first_chunk_us=next((r.at_us for r in self.rows if isinstance(r.event, said)), None),
            completed_us=self.rows[-1].at_us,
            sealed_us=_now_us(),
            **turn_ending(done, self._source),
        )

    def _interrupted_step(
        self, store: Store, messages: Sequence[ChatMessage], sides: Sequence[ChunkSide]
    ) -> tuple[StepRow, list[ToolCallRow]]:
        known, calls = self._recorder.take_step(messages, aborted=False)
        made = {
            chunk.tool_call_id
            for message in messages
            for chunk in message.chunks
            if isinstance(chunk, ToolCallChunk)
        }
        row = StepRow(
            step_id=known.step_id,
            turn_id=self.turn_id,
            conversation_id=self.conversation_id,
            step_index=known.step_index,
            finish_reason="interrupted",
            is_streaming=True,
            first_chunk_us=min((s.started_us for s in sides if s.started_us), default=None),
            ttft_ms=known.ttft_ms,
            decode_ms=known.decode_ms,
            gen_total_ms=known.gen_total_ms,
            delta_count=sum(side.delta_count or 0 for side in sides),
            chunk_count=known.chunk_count,
            price_ref=_UNPRICED,
        )
        row = self._step.counted(
            row,
            # What the system prompt and the tools added is not known any more.
            lambda said: estimate_usage(
                prompt_messages(store, self.conversation_id), (), ProviderOptions(), said
            ),
        )
        if self._usage is None or row.usage_source == "estimated":
            self._source = row.usage_source
        return row, [_without_answer(call) for call in calls if call.tool_call_id in made]

    def _save_silent_step(self, store: Store) -> list[Future[Any]]:
        """Store what is known of a request that had brought nothing yet."""
        row, _ = self._interrupted_step(store, (), ())
        rows = self._step.retried(row)
        if self._step.has_request:
            rows.append(row)
        return [store.save_step(each) for each in rows]


def _without_answer(call: ToolCallRow) -> ToolCallRow:
    if call.status != "running":
        return call
    return replace(call, status="aborted", error_type="interrupted", error_message=INTERRUPTED)


def _event_row(event: LiveEvent, stamp: CommitStamp) -> EventRow:
    return EventRow(stamp.n, stamp.at_us, stamp.mono_us, event)


def _stamp(numbers: count[int]) -> CommitStamp:
    return CommitStamp(next(numbers), _now_us(), time.monotonic_ns() // 1000)


def _now_us() -> int:
    return time.time_ns() // 1000
