"""Folding costs the same however long the transcript is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.live import LiveState, fold_live, initial_live
from dispatch_nb.transcript.selectors import select_chunks
from dispatch_nb.transcript.state import Accumulating, initial_state
from dispatch_nb.wire import conversation as c
from dispatch_nb.wire import events as e
from dispatch_nb.wire import extensions as x

IDS: dict[str, Any] = {"conversation_id": "c"}


def turn_events(count: int) -> Iterator[x.LiveEvent]:
    ids: dict[str, Any] = {**IDS, "turn_id": "t"}
    for _ in range(count):
        yield e.TextDeltaEvent(**ids, delta="x")


def tool_events(count: int) -> Iterator[x.LiveEvent]:
    ids: dict[str, Any] = {**IDS, "turn_id": "t"}
    for number in range(count):
        call: dict[str, Any] = {
            "tool_call_id": f"call{number}",
            "tool_name": "f",
            "step_id": f"t#{number}",
        }
        yield e.ToolCallEvent(**ids, **call, input={})
        yield x.ToolSettledEvent(
            **ids, step_id=call["step_id"], tool_call_id=call["tool_call_id"], is_error=False
        )
        yield e.ToolResultEvent(**ids, **call, content="", is_error=False)
        yield x.ChunksCommittedEvent(**ids, first_seq=2 * number + 1, count=2)


class CopyCounter:
    """Counts the items of every buffer that a state has and the state before it had not."""

    def __init__(self) -> None:
        self.copied = 0
        self._known: dict[str, object] = {}

    def see(self, live: LiveState) -> None:
        growing = live.transcript.accumulating
        buffers: dict[str, list[Any]] = {
            "committed": live.transcript.committed._buffer,
            "provisional": live.transcript.provisional._buffer,
            "settled": live.extensions.settled_tools._entries,
        }
        if isinstance(growing, Accumulating):
            buffers["accumulating"] = growing._deltas._buffer
        for name, buffer in buffers.items():
            if self._known.get(name) is not buffer:
                self._known[name] = buffer
                self.copied += len(buffer)


@pytest.mark.parametrize(
    ("events", "copied_per_event"),
    [(turn_events, 0.001), (tool_events, 1.0)],
    ids=["deltas", "tool calls"],
)
@pytest.mark.parametrize("count", [10_000, 100_000])
def test_folding_copies_no_more_for_a_longer_transcript(events, copied_per_event, count):
    live, counter, folded = initial_live(), CopyCounter(), 0
    for event in events(count if events is turn_events else count // 4):
        live = fold_live(live, event)
        counter.see(live)
        folded += 1
    assert counter.copied <= copied_per_event * folded
    assert len(select_chunks(live.transcript)) == (1 if events is turn_events else folded // 2)


def stored(seq: int) -> c.StoredChunk:
    return c.StoredChunk(seq=seq, role="user", chunk=c.TextChunk(text="x"))


def test_appending_a_tail_of_history_copies_nothing():
    state = apply_history(initial_state(), [stored(1)])
    buffer = state.committed._buffer
    for seq in range(2, 1_000):
        state = apply_history(state, [stored(seq)])
    assert state.committed._buffer is buffer
