"""Stored and live chunks of a foreign backend: picked cases, and what a read costs."""

from __future__ import annotations

import tracemalloc
from typing import Any
from unittest import mock

import pytest

from dispatch_nb.transcript import sync_align, sync_state
from dispatch_nb.transcript.live import initial_live
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.selectors import select_chunks, select_messages
from dispatch_nb.transcript.state import TranscriptState, initial_state
from dispatch_nb.transcript.sync import (
    append_user_message,
    begin_replay,
    reject_echo,
    sync_history,
    told_state,
)
from dispatch_nb.wire import conversation as c
from dispatch_nb.wire import events as e
from dispatch_nb.wire.parse import parse_live_event, parse_stored_chunk
from tests.sync_directed_mutants import DIRECTED
from tests.sync_record import apply, apply_told, screen_text
from tests.sync_upstream import upstream_append, upstream_fold, upstream_sync
from tests.transcript_parts import canonical, read_vectors, state_as_json

TOLD = read_vectors("told.jsonl")
CASES = {case["name"]: case for case in read_vectors("sync.jsonl")}
IDS: dict[str, Any] = {"conversation_id": "c", "turn_id": "t1"}


@pytest.mark.parametrize("name", CASES)
def test_sync_vector(name):
    states = [initial_state()]
    for op in CASES[name]["ops"]:
        states.append(apply(states[-1], op))
    shown = [screen_text(state) for state in states]
    assert shown[1:] == CASES[name]["screens"]
    assert [screen_text(state) for state in states] == shown


@pytest.mark.parametrize("case", TOLD, ids=[case["name"] for case in TOLD])
def test_vector_of_a_reader_of_our_own_log(case):
    states = [initial_live()]
    for op in case["ops"]:
        states.append(apply_told(states[-1], op))
    shown = [screen_text(live.transcript) for live in states]
    assert shown[1:] == case["screens"]
    assert [screen_text(live.transcript) for live in states] == shown


def test_a_prompt_of_our_own_log_needs_an_id():
    with pytest.raises(ValueError, match="client message id"):
        append_user_message(told_state(), "hi")


@pytest.mark.parametrize("name", DIRECTED)
def test_a_picked_case_catches_this_defect(name):
    mutant, case = DIRECTED[name]
    with mutant():
        assert screens_of(case) != CASES[case]["screens"]


def screens_of(name: str) -> list[str]:
    states = [initial_state()]
    for op in CASES[name]["ops"]:
        states.append(apply(states[-1], op))
    return [screen_text(state) for state in states[1:]]


def wanted(name: str) -> list[str]:
    screen: str = CASES[name]["screens"][-1]
    return screen.split("\n")


def shown_by_ours(name: str) -> list[str]:
    return screens_of(name)[-1].split("\n")


def shown_upstream(name: str) -> list[str]:
    """What the upstream client of D.2 shows: no replay known, no refusal taken back."""
    state = initial_state()
    for op in CASES[name]["ops"]:
        if op["op"] == "fold":
            state = upstream_fold(state, parse_live_event(op["event"]))
        elif op["op"] == "sync":
            state = upstream_sync(state, [parse_stored_chunk(chunk) for chunk in op["chunks"]])
        elif op["op"] == "append":
            state = upstream_append(state, op["text"])
    return screen_text(state).split("\n")


def check(*names: str) -> None:
    """Ours shows what must be on screen, and the defect is real."""
    for name in names:
        assert shown_by_ours(name) == wanted(name)
        assert shown_upstream(name) != wanted(name)


def test_d3_1_more_than_the_last_text_is_compared():
    check(
        "d3-1/a sync after a step leaves only what still streams",
        "d3-1/a finished text that still accumulates",
    )


def test_d3_2_a_replay_after_the_load_is_not_shown_again():
    check("d3-2/a replay after the load shows nothing twice")


def test_d3_3_a_reconnect_drops_what_the_replay_brings_again():
    check(
        "d3-3/a reconnect rebuilds the turn",
        "d3-3/a reconnect after a sync rebuilds only what is not stored",
    )


def test_d3_4_text_equal_to_the_last_committed_is_not_deleted():
    check("d3-4/steering equal to the prompt stays")


def test_d3_5_no_call_is_doubled_into_a_false_batch():
    check(
        "d3-5/parallel calls with empty ids are matched by place",
        "d3-5/a call id repeated in the next step",
    )
    calls = [
        line for line in shown_by_ours("d3-5/a call id repeated in the next step") if "#0" in line
    ]
    assert sum("call:a:t1#0" in line for line in calls) == 1


def test_d3_6_a_seal_leaves_the_following_turn_alone():
    check("d3-6/a seal leaves the carried turn alone")


def test_d3_7_an_answer_fetched_before_the_seal_wipes_nothing():
    check("d3-7/an answer in flight at the seal wipes nothing")


def test_d3_8_a_turn_that_died_unsealed_is_neither_doubled_nor_lost():
    check(
        "d3-8/a turn that dies after its prompt was stored",
        "d3-8/the same prompt again after a turn that died",
    )


def test_d3_9_a_refused_prompt_goes_alone_and_an_open_one_survives_a_seal():
    check(
        "d3-9/a refused prompt is given back and others stay",
        "d3-9/a seal wipes no open prompt",
    )


def test_d3_10_unstored_steering_stays_until_its_own_turn_is_settled():
    check("d3-10/unstored steering stays until the turn is settled")


def test_d3_11_stripped_calls_stay_until_their_own_turn_is_settled():
    check("d3-11/stripped calls of an aborted step stay until the turn is settled")


def test_d3_12_a_sync_brings_no_unloaded_chunk_back():
    state = initial_state()._replace(hidden_before_seq=3)
    state = sync_history(state, [stored(1, "a"), stored(3, "b")])
    assert screen_text(state) == "3 user text:b"


def stored(seq: int, text: str, role: c.Role = "user") -> c.StoredChunk:
    return c.StoredChunk(seq=seq, role=role, chunk=c.TextChunk(text=text))


def test_messages_end_with_the_open_prompt():
    state = append_user_message(initial_state(), "hi")
    assert [message.to_wire() for message in select_messages(state)] == [
        {"role": "user", "chunks": [{"type": "text", "text": "hi"}]}
    ]


def test_nothing_to_refuse_returns_the_same_state():
    state = initial_state()
    assert reject_echo(state, "hi") is state
    state = append_user_message(state, "hi")
    assert reject_echo(state, "other") is state


def test_events_that_show_nothing_return_the_same_state():
    state = append_user_message(initial_state(), "hi")
    assert fold_event(state, e.StatusEvent(conversation_id="c", status="busy")) is state
    assert fold_event(state, e.StepCompleteEvent(**IDS, step_id="s")) is state
    assert fold_event(state, e.UserMessageEvent(**IDS, text="")) is state


def test_the_seal_is_cleared_by_its_own_answer_alone():
    state = fold_event(initial_state(), e.UserMessageEvent(**IDS, text="hi"))
    state = fold_event(state, e.TurnSealedEvent(**IDS))
    assert sync_history(state, [stored(1, "hi")]).sealed_turn_id == "t1"
    answered = sync_history(state, [stored(1, "hi")], requested_after_seal=["t1"])
    assert answered.sealed_turn_id is None
    assert state_as_json(answered)["provisional"] == []


def test_older_states_stay_as_they_were():
    state = sync_history(initial_state(), [stored(1, "old")])
    states, shown = [state], [canonical(state_as_json(state))]
    for event in (
        e.UserMessageEvent(**IDS, text="hi"),
        e.TurnStartEvent(**IDS),
        e.TextDeltaEvent(**IDS, delta="y"),
        e.TextDeltaEvent(**IDS, delta="o"),
    ):
        state = fold_event(state, event)
        for other in (state, begin_replay(state, "t1"), sync_history(state, [stored(2, "hi")])):
            states.append(other)
            shown.append(canonical(state_as_json(other)))
    assert [canonical(state_as_json(each)) for each in states] == shown


def calls(count: int) -> list[Any]:
    """The events of a turn with that many steps of one call each."""
    events: list[Any] = [e.UserMessageEvent(**IDS, text="hi"), e.TurnStartEvent(**IDS)]
    for step in range(count):
        call: dict[str, Any] = {"tool_call_id": "a", "tool_name": "f", "step_id": f"t1#{step}"}
        events.append(e.ToolCallEvent(**IDS, **call, input={}))
        events.append(e.ToolResultEvent(**IDS, **call, content="ok", is_error=False))
    return events


def log_of(events: list[Any]) -> list[c.StoredChunk]:
    state = initial_state()
    for event in events:
        state = fold_event(state, event)
    return [
        c.StoredChunk(seq=seq, role=entry.role, chunk=entry.chunk)
        for seq, entry in enumerate(state.provisional, 1)
    ]


@pytest.mark.parametrize("is_ahead", [True, False])
def test_comparing_a_turn_with_its_log_is_linear(is_ahead):
    """A late joiner's replay behind its load, and a watcher that reads after every step."""
    compared: list[float] = []
    for count in (100, 1000):
        events = calls(count)
        log = log_of(events)
        with mock.patch.object(sync_align, "is_twin", wraps=sync_state.is_twin) as is_twin:
            state = sync_history(initial_state(), log if is_ahead else [])
            if is_ahead:
                state = begin_replay(state, "t1")
            for number, event in enumerate(events):
                state = fold_event(state, event)
                if not is_ahead and number != 1:
                    tail = log[max(number - 1, 0) : max(number, 1)]
                    state = sync_history(state, tail)
            compared.append(is_twin.call_count / len(events))
        assert len(select_chunks(state)) == len(log)
    assert compared[1] <= compared[0] * 1.1 <= 4


def test_a_tail_costs_what_it_brings():
    def peak(size: int) -> int:
        state: TranscriptState = sync_history(
            initial_state(), [stored(seq, "x") for seq in range(1, size)]
        )
        tracemalloc.start()
        sync_history(state, [stored(size, "x")])
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    # A list that grows by one may be moved once: what counts is that nothing else is copied.
    assert peak(20_001) <= peak(201) + 20_001 * 8 * 2 * 1.3


def same(some: c.StoredChunk, other: object) -> bool:
    return isinstance(other, c.StoredChunk) and some.to_wire() == other.to_wire()


def overlapping(size: int) -> tuple[int, int]:
    """Comparisons of ten reads that bring one new chunk and ten known ones, and items copied."""
    events = calls(size)
    log = log_of(events)
    state = initial_state()
    for event in events:
        state = fold_event(state, event)
    state = sync_history(state, log[: size - 20], requested_after_start=["t1"])
    with (
        mock.patch.object(sync_align, "is_twin", wraps=sync_state.is_twin) as is_twin,
        mock.patch.object(c.StoredChunk, "__eq__", autospec=True, side_effect=same) as is_equal,
    ):
        for seen in range(size - 20, size - 10):
            assert isinstance(state.sync, sync_state.SyncState)
            before = state.committed._buffer, state.sync.rows._buffer
            state = sync_history(state, log[seen - 10 : seen + 1])
            assert isinstance(state.sync, sync_state.SyncState)
            assert state.committed._buffer is before[0]
            assert state.sync.rows._buffer is before[1]
        compared = is_twin.call_count, is_equal.call_count
    assert [stored.seq for stored in state.committed] == list(range(1, size - 9))
    return compared


def test_an_overlapping_read_costs_what_it_brings_however_much_is_known():
    few, as_few = overlapping(200), overlapping(2_000)
    assert few == as_few
    assert sum(few) <= 10 * 11 * 3


def test_a_page_inside_the_running_turn_costs_what_it_brings():
    compared = []
    for size in (200, 2_000):
        events = calls(size)
        log = log_of(events)
        state = begin_replay(sync_history(initial_state(), log[-20:]), "t1")
        for event in events:
            state = fold_event(state, event)
        with mock.patch.object(sync_align, "is_twin", wraps=sync_state.is_twin) as is_twin:
            for oldest in range(len(log) - 20, len(log) - 120, -10):
                state = sync_history(state, log[oldest - 10 : oldest])
        compared.append(is_twin.call_count)
        shown = [chunk.seq for chunk in select_chunks(state)]
        assert shown == list(range(len(log) - 119, len(log) + 1))
    assert compared[0] == compared[1] <= 2 * 100
