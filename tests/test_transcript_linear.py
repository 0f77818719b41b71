"""A long conversation costs per event what a short one does, and old states stay as they were.

The sizes are those of `make test`; DISPATCH_NB_PROOF=full takes the tenfold.
"""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from timeit import timeit
from types import FrameType
from typing import Any

import pytest

from dispatch_nb.transcript.history import apply_history
from dispatch_nb.transcript.live import LiveState, fold_live, initial_live, live_from_history
from dispatch_nb.transcript.log import Log
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.selectors import select_chunks, select_messages
from dispatch_nb.transcript.state import TranscriptState
from dispatch_nb.transcript.sync import sync_history, told_state
from dispatch_nb.wire import conversation as c
from dispatch_nb.wire import events as e
from dispatch_nb.wire import extensions as x

TENFOLD = 10 if os.environ.get("DISPATCH_NB_PROOF") == "full" else 1
TURN: dict[str, Any] = {"conversation_id": "c", "turn_id": "t"}
DELTA = e.TextDeltaEvent(**TURN, delta="x")
SLICE = 1_000 if TENFOLD == 10 else 100


def deltas(count: int) -> Iterator[x.LiveEvent]:
    for _ in range(count):
        yield DELTA


def calls(count: int) -> Iterator[x.LiveEvent]:
    for number in range(count // 2):
        call: dict[str, Any] = {"tool_call_id": f"call{number}", "tool_name": "f"}
        yield e.ToolCallEvent(**TURN, **call, input={})
        yield e.ToolResultEvent(**TURN, **call, content="", is_error=False)


def committed_calls(count: int) -> Iterator[x.LiveEvent]:
    number = 0
    for event in calls(count):
        yield event
        if event.type == "tool-result":
            yield x.ChunksCommittedEvent(**TURN, first_seq=2 * number + 1, count=2)
            number += 1


def size(state: TranscriptState) -> tuple[int, int, int]:
    text = "" if state.accumulating is None else state.accumulating.text
    assert text == "x" * len(text)
    return len(list(state.committed)), len(list(state.provisional)), len(text)


def traced(events: Iterable[x.LiveEvent]) -> int:
    """Fold, and return the sum over slices of what each slice allocated at its highest.

    A fold that copies what was there before would allocate more in every later slice.
    """
    live, kept, total = initial_live(), list[tuple[TranscriptState, int]](), 0
    gc.collect()
    tracemalloc.start()
    before = 0
    for number, event in enumerate(events, 1):
        live = fold_live(live, event)
        if number % SLICE == 0:
            now, highest = tracemalloc.get_traced_memory()
            total += highest - before
            kept.append((live.transcript, number))
            tracemalloc.reset_peak()
            before = now
    tracemalloc.stop()
    shown = [size(state) for state, _ in kept]
    assert shown == sorted(shown)
    assert len(set(shown)) == len(shown)
    assert size(live.transcript) >= shown[-1]
    return total


@pytest.mark.parametrize(
    ("events", "count"),
    [(deltas, 10_000 * TENFOLD), (calls, 400 * TENFOLD), (committed_calls, 400 * TENFOLD)],
)
def test_folding_ten_times_as_much_allocates_ten_times_as_much(events, count):
    # The least of two: what the rest of the process allocates meanwhile is traced as well.
    many = min(traced(events(10 * count)) for _ in range(2))
    assert many <= 11 * traced(events(count))


def test_every_old_state_is_still_what_it_was():
    live, kept = initial_live(), list[tuple[TranscriptState, int]]()
    for number, event in enumerate(deltas(100_000 * TENFOLD), 1):
        live = fold_live(live, event)
        if number % SLICE == 0:
            kept.append((live.transcript, number))
    for state, number in kept:
        assert size(state) == (0, 0, number)


def stored(seq: int) -> c.StoredChunk:
    role: c.Role = "user" if seq % 2 else "assistant"
    return c.StoredChunk(seq=seq, role=role, chunk=c.TextChunk(text="words"))


def long_conversation(chunks: int) -> TranscriptState:
    prompt = e.UserMessageEvent(**TURN, text="hi")
    thinking = e.ReasoningDeltaEvent(**TURN, delta="hm")
    live: LiveState = live_from_history(map(stored, range(1, chunks + 1)))
    for event in (prompt, thinking, DELTA):
        live = fold_live(live, event)
    return live.transcript


def opcodes(work: Callable[[], object]) -> int:
    """Return how many instructions of Python the work takes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    # What the collector would finalize within the work is not the work's: it may be anyone's.
    gc.collect()
    gc.disable()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def allocated(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        result = work()
        highest = tracemalloc.get_traced_memory()[1]
        del result
        return highest
    finally:
        tracemalloc.stop()


def changing(
    select: Callable[[TranscriptState], Any],
    state: TranscriptState,
    change: Callable[[TranscriptState], TranscriptState],
) -> Callable[[], object]:
    """Return work that changes a state that was shown, shows it again, and can be repeated."""
    select(state)

    def work() -> object:
        nonlocal state
        state = change(state)
        return select(state)

    return work


def after_delta(select: Callable[[TranscriptState], Any], chunks: int) -> Callable[[], object]:
    return changing(select, long_conversation(chunks), lambda state: fold_event(state, DELTA))


def after_tail(select: Callable[[TranscriptState], Any], chunks: int) -> Callable[[], object]:
    def longer(state: TranscriptState) -> TranscriptState:
        return apply_history(state, [stored(state.committed[-1].seq + 1)])

    return changing(select, long_conversation(chunks), longer)


def after_tail_of_our_own_log(
    select: Callable[[TranscriptState], Any], chunks: int
) -> Callable[[], object]:
    def longer(state: TranscriptState) -> TranscriptState:
        return sync_history(state, [stored(state.committed[-1].seq + 1)])

    told = sync_history(told_state(), long_conversation(chunks).committed)
    return changing(select, told, longer)


@pytest.mark.parametrize("select", [select_messages, select_chunks])
@pytest.mark.parametrize("change", [after_delta, after_tail, after_tail_of_our_own_log])
def test_selecting_after_a_change_does_not_depend_on_the_length(select, change):
    (short, long) = (100, 10_000 * TENFOLD)
    works = [change(select, chunks) for chunks in (short, long)]
    visited = [opcodes(work) for work in works]
    assert visited[0] > 100
    assert visited[1] <= visited[0] * 1.05
    # The least of a few: lists grow in leaps, and a leap is not this change's work.
    used = [min(allocated(work) for _ in range(4)) for work in works]
    assert used[1] <= used[0] + 4_096


def test_reading_the_end_of_a_long_log_does_not_walk_through_its_beginning():
    log = Log(range(1_000_000))

    def seconds(view: Log[int]) -> float:
        return min(timeit(lambda: list(view), number=1) for _ in range(20))

    assert seconds(log.view(999_990, 1_000_000)) <= 50 * seconds(log.view(0, 10))


def test_after_a_delta_all_messages_but_the_last_are_the_same_objects():
    state = long_conversation(1_000)
    before, after = select_messages(state), select_messages(fold_event(state, DELTA))
    same = [one is other for one, other in zip(before, after, strict=True)]
    assert same == [True] * 1_001 + [False]
    assert after[-1].chunks[-1] == c.TextChunk(text="xx")
    chunks = zip(select_chunks(state), select_chunks(fold_event(state, DELTA)), strict=True)
    assert [one is other for one, other in chunks] == [True] * 1_002 + [False]


def test_a_commit_changes_the_messages_of_what_it_commits_only():
    live = live_from_history(map(stored, range(1, 101)))
    live = fold_live(live, e.UserMessageEvent(**TURN, text="hi"))
    live = fold_live(live, DELTA)
    before = select_messages(live.transcript)
    commit = x.ChunksCommittedEvent(**TURN, first_seq=101, count=1)
    after = select_messages(fold_live(live, commit).transcript)
    assert list(after) == list(before)
    assert [one is other for one, other in zip(before, after, strict=True)][:100] == [True] * 100


def test_a_run_that_crosses_the_border_is_one_message_and_kept():
    live = live_from_history([stored(1), stored(2)])
    call = e.ToolCallEvent(**TURN, tool_call_id="a", tool_name="f", input={})
    live = fold_live(fold_live(live, DELTA), call)
    steered = fold_event(live.transcript, e.SteeringEvent(**TURN, text="more"))
    before, after = select_messages(steered), select_messages(fold_event(steered, DELTA))
    assert [message.role for message in before] == ["user", "assistant", "user"]
    assert len(before[1].chunks) == 3
    assert all(one is other for one, other in zip(before, after, strict=False))


def test_an_older_state_shows_what_it_showed_after_a_newer_one_was_shown():
    states, shown = [long_conversation(10)], list[Any]()
    for number in range(12):
        text = e.SteeringEvent(**TURN, text=str(number)) if number % 3 == 0 else DELTA
        shown.append(list(select_messages(states[-1])))
        states.append(fold_event(states[-1], text))
    assert [list(select_messages(state)) for state in states[:-1]] == shown
    fork = fold_event(states[3], e.SteeringEvent(**TURN, text="another way"))
    assert select_messages(fork)[-1].chunks[-1] == c.TextChunk(text="another way")
    assert [list(select_messages(state)) for state in states[:-1]] == shown


def test_what_is_selected_reads_as_a_list():
    selected = select_messages(long_conversation(5))
    items = list(selected)
    assert len(selected) == len(items) == 7 - 1
    assert [selected[place] for place in range(-6, 6)] == [items[place] for place in range(-6, 6)]
    assert selected[1:-1:2] == items[1:-1:2]
    assert items[3] in selected
    assert selected == select_messages(long_conversation(5))
    assert selected != select_messages(long_conversation(4))
    with pytest.raises(IndexError):
        selected[6]
