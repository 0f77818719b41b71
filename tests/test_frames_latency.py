"""The frame of latency: gaps and stalls from the event log, and where time went."""

from __future__ import annotations

import pandas as pd
import pytest

from dispatch_nb.frames import deltas_frame, latency_frame, turns_frame
from dispatch_nb.store import Store, ToolCallRow
from dispatch_nb.wire.conversation import TextChunk, ThinkingChunk, ToolCallChunk
from dispatch_nb.wire.events import ProviderRetryEvent, ReasoningDeltaEvent, TextDeltaEvent
from tests.frames_parts import Recorder, message


@pytest.fixture
def tape(tmp_path):
    with Store(tmp_path / "frames.db") as store:
        yield Recorder(store)


def say(tape: Recorder, *pauses_ms: int, kind=TextDeltaEvent) -> None:
    """One delta after each pause; an event by itself takes 1 ms."""
    for pause in pauses_ms:
        tape.now_us += (pause - 1) * 1000
        tape.event(kind, "t1", delta="x")


def only(tape: Recorder) -> pd.Series:
    frame = latency_frame(tape.store)
    assert len(frame) == 1
    return frame.iloc[0]


def test_gaps_are_measured_from_piece_to_piece_and_long_ones_are_stalls(tape):
    tape.begin("t1", "Hi")
    say(tape, 700, 20, kind=ReasoningDeltaEvent)
    say(tape, 30, 1500, 1000, 50, 2500)
    tape.commit("t1", "s1", message("assistant", ThinkingChunk(text="xx"), TextChunk(text="x" * 5)))
    tape.step("s1", "t1", 0, output_tokens=7, ttft_ms=700, decode_ms=5100, gen_total_ms=5800)
    row = only(tape)
    assert row["piece_count"] == 7
    assert row["decode_s"] == pytest.approx(5.1)
    assert row["gap_median_s"] == pytest.approx((0.05 + 1.0) / 2)
    assert row["gap_max_s"] == pytest.approx(2.5)
    assert row["stall_count"] == 2
    assert row["stall_s"] == pytest.approx(4.0)
    assert row["time_to_first_chunk_s"] == pytest.approx(0.7)
    assert row["output_tokens_per_s"] == pytest.approx(7 / 5.1)
    assert row["model_time_s"] == pytest.approx(5.8)
    assert deltas_frame(tape.store)["gap_s"].max() == pytest.approx(row["gap_max_s"])


def test_the_wait_for_another_try_is_no_gap_but_its_pieces_count(tape):
    tape.begin("t1", "Hi")
    say(tape, 10, 20)
    tape.event(ProviderRetryEvent, "t1", attempt=0, delay_ms=9000, message="busy")
    say(tape, 9000, 20)
    tape.commit("t1", "s1", message("assistant", TextChunk(text="xxxx")))
    tape.step("s1", "t1", 0)
    row = only(tape)
    assert (row["piece_count"], row["stall_count"]) == (4, 0)
    assert row["decode_s"] == pytest.approx(0.04)


def test_steps_keep_their_own_pieces_and_one_without_any_has_no_gaps(tape):
    tape.begin("t1", "Hi")
    say(tape, 10, 20)
    tape.commit("t1", "s1", message("assistant", TextChunk(text="xx")))
    tape.step("s1", "t1", 0, response_model="m")
    say(tape, 5000)
    tape.commit("t1", "s2", message("assistant", TextChunk(text="x")))
    tape.step("s2", "t1", 1)
    tape.step("s3", "t1", 2)
    frame = latency_frame(tape.store)
    assert frame["step_id"].tolist() == ["s1", "s2", "s3"]
    assert frame["piece_count"].tolist()[:2] == [2, 1]
    assert frame["stall_count"].tolist()[:2] == [0, 0]
    assert frame["model"].tolist()[0] == "m"
    assert frame.loc[2, ["piece_count", "decode_s", "stall_count"]].isna().all()


def test_time_for_tools_and_for_a_person_stand_apart(tape):
    tape.begin("t1", "Hi")
    say(tape, 10)
    calls = [ToolCallChunk(tool_call_id=each, tool_name="add", input=1) for each in "ab"]
    rows = [
        ToolCallRow("a", duration_ms=250, approval_wait_ms=4000),
        ToolCallRow("b", duration_ms=750, requested_us=1_000_000, approved_us=3_000_000),
    ]
    said = message("assistant", TextChunk(text="x"), *calls)
    tape.commit("t1", "s1", said, tool_calls=rows)
    tape.step("s1", "t1", 0, gen_total_ms=300)
    for row in (only(tape), turns_frame(tape.store).iloc[0]):
        assert row["tool_time_s"] == pytest.approx(1.0)
        assert row["approval_wait_s"] == pytest.approx(6.0)
        assert row["model_time_s"] == pytest.approx(0.3)


def test_a_turn_and_a_conversation_read_their_own_events(tape):
    tape.begin("t1", "Hi")
    say(tape, 10, 20)
    tape.commit("t1", "s1", message("assistant", TextChunk(text="xx")))
    tape.step("s1", "t1", 0)
    other = Recorder(tape.store, "c2")
    other.begin("t9", "Hi")
    assert latency_frame(tape.store, "c1")["piece_count"].tolist() == [2]
    assert len(latency_frame(tape.store, "c2")) == 0
    assert latency_frame(tape.store, columns=["gap_max_s"]).columns.tolist() == ["gap_max_s"]
