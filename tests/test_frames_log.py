"""Tool calls and deltas: what became of each, from its first event to its stored row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dispatch_nb import frames
from dispatch_nb.store import Store
from dispatch_nb.transcript.selectors import select_chunks
from dispatch_nb.wire.conversation import Usage
from dispatch_nb.wire.events import (
    DoneEvent,
    ErrorEvent,
    ReasoningDeltaEvent,
    TextDeltaEvent,
    TurnSealedEvent,
    UsageEvent,
)
from tests.frames_parts import (
    START_US,
    Recorder,
    message,
    plain,
    play_open_turn,
    play_tool_turn,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "frames.db") as opened:
        yield opened


@pytest.fixture
def tape(store: Store) -> Recorder:
    recorder = Recorder(store)
    play_tool_turn(recorder)
    play_open_turn(recorder)
    return recorder


def test_a_tool_call_is_pending_then_settled_then_stored(tape: Recorder) -> None:
    seen: list[list[list[Any]]] = []
    for live in tape.states:
        frame = frames.tool_calls_frame(tape.store, "c1", live=live)
        rows = plain(frame, "call_seq", "result_seq", "status", "result", "duration_s")
        if not seen or rows != seen[-1]:
            seen.append(rows)
    pending = [None, None, "pending", None, None]
    assert seen == [
        [],
        [pending],
        [pending, pending],
        [pending, [None, None, "error", None, 0.007]],
        [[None, None, "completed", None, 2.5], [None, None, "error", None, 0.007]],
        [[None, None, "completed", "3", 2.5], [None, None, "error", None, 0.007]],
        [[None, None, "completed", "3", 2.5], [None, None, "error", "fell over", 0.007]],
        [[4, 6, "completed", "3", 2.5], [5, 7, "error", "fell over", None]],
        [[4, 6, "completed", "3", 2.5], [5, 7, "error", "fell over", None], pending],
    ]


def test_a_tool_call_has_its_arguments_as_they_were(tape: Recorder) -> None:
    frame = frames.tool_calls_frame(tape.store, "c1", live=tape.live)
    columns = ["tool_call_id", "step_id", "arguments_json", "approval", "error_message"]
    assert plain(frame, *columns, "result_bytes") == [
        ["a", "s1", '{"a":1,"b":2.0}', "auto", None, 1],
        ["b", "s1", "null", None, "fell over", 9],
        ["a", "s3", '"x"', None, None, None],
    ]
    chunks = frames.chunks_frame(tape.store, "c1")
    joined = frame.merge(chunks, left_on="call_seq", right_on="seq", how="inner")
    assert (joined["arguments_json"] == joined["input_json"]).all()


def test_deltas_join_up_to_their_chunks(tape: Recorder) -> None:
    deltas = frames.deltas_frame(tape.store, "c1")
    assert plain(deltas, "seq", "delta_index", "event_type", "text", "char_count") == [
        [2, 0, "reasoning-delta", "I must ", 7],
        [2, 1, "reasoning-delta", "add.", 4],
        [3, 0, "text-delta", "Let me ", 7],
        [3, 1, "text-delta", "see.", 4],
        [9, 0, "text-delta", "Three.", 6],
        [None, 0, "text-delta", "Well", 4],
        [None, 0, "text-delta", "so ", 3],
        [None, 1, "text-delta", "far", 3],
    ]
    joined = deltas.dropna(subset="seq").groupby("seq")["text"].agg("".join)
    chunks = frames.chunks_frame(tape.store, "c1").set_index("seq")["text"]
    assert chunks.loc[joined.index].to_dict() == joined.to_dict()


def test_deltas_are_divided_into_chunks_as_the_reducer_divides_them(store: Store) -> None:
    tape = Recorder(store)
    tape.event(TextDeltaEvent, "t1", delta="a")
    tape.event(ErrorEvent, "t1", message="slow")
    tape.event(TextDeltaEvent, "t1", delta="b")
    tape.event(UsageEvent, "t1", usage=Usage(input_tokens=1, output_tokens=1))
    tape.event(TextDeltaEvent, "t1", delta="b")
    tape.event(ReasoningDeltaEvent, "t1", delta="c")
    tape.event(DoneEvent, "t1", reason="stop")
    tape.event(ReasoningDeltaEvent, "t1", delta="d")
    tape.event(TurnSealedEvent, "t1")
    said = [each.chunk for each in select_chunks(tape.live.transcript)]
    tape.commit("t1", "s1", message("assistant", *said))
    deltas = frames.deltas_frame(store, "c1")
    assert plain(deltas, "seq", "delta_index", "text") == [
        [1, 0, "a"], [3, 0, "b"], [3, 1, "b"], [4, 0, "c"], [5, 0, "d"],
    ]  # fmt: skip
    chunks = frames.chunks_frame(store, "c1")
    assert chunks["text"].tolist() == ["a", "slow", "bb", "c", "d"]


def test_deltas_have_their_time_since_the_request_and_since_each_other(tape: Recorder) -> None:
    deltas = frames.deltas_frame(tape.store, "c1")
    assert plain(deltas, "t_s", "gap_s")[:4] == [
        [0.001, None],
        [0.002, 0.001],
        [0.003, None],
        [0.004, 0.001],
    ]
    assert plain(deltas, "t_s")[5:] == [[None]] * 3
    assert deltas["received_at"][0] == pd.Timestamp(START_US + 4_000, unit="us", tz="UTC")


def test_deltas_of_two_conversations_do_not_mix(tape: Recorder) -> None:
    other = Recorder(tape.store, "c2")
    other.begin("u1", "Go on")
    other.event(TextDeltaEvent, "u1", delta="other")
    both = frames.deltas_frame(tape.store)
    for conversation_id in ("c1", "c2"):
        alone = frames.deltas_frame(tape.store, conversation_id)
        part = both[both["conversation_id"] == conversation_id].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, part)


def test_a_live_state_hides_the_seq_of_deltas_it_does_not_know_to_be_stored(tape: Recorder) -> None:
    deltas = frames.deltas_frame(tape.store, "c1", live=tape.states[3])
    assert deltas["seq"].isna().all()
    assert len(deltas) == 8
