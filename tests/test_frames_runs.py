"""Frames about runs: usage adds up to the token, and measures are what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dispatch_nb import frames
from dispatch_nb.store import ConversationRow, StepRow, Store, TurnRow
from dispatch_nb.transcript.live import initial_live, live_from_history
from tests.frames_parts import START_US, Recorder, plain, play_open_turn, play_tool_turn

TOKENS = [
    "input_tokens",
    "uncached_input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "total_tokens",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "frames.db") as opened:
        yield opened


@pytest.fixture
def tape(store: Store) -> Recorder:
    recorder = Recorder(store, title="Sums", tags_json='["a"]')
    play_tool_turn(recorder)
    play_open_turn(recorder)
    return recorder


def test_a_step_has_its_tokens_and_its_speed(tape: Recorder) -> None:
    steps = frames.steps_frame(tape.store, "c1")
    assert plain(steps, *TOKENS) == [
        [100, 30, 20, 60, 10, 5, 120],
        [130, 130, 2, None, None, None, 132],
    ]
    assert plain(steps, "duration_s", "time_to_first_chunk_s", "time_per_output_chunk_s") == [
        [0.05, 0.01, 0.01],
        [2.0, None, None],
    ]
    assert plain(steps, "output_tokens_per_s", "cost_usd") == [[500.0, 0.25], [1.0, None]]
    assert steps["requested_at"][1] - steps["requested_at"][0] > pd.Timedelta(0)


def test_a_finish_reason_is_in_the_vocabulary_or_missing_and_kept_raw(tape: Recorder) -> None:
    steps = frames.steps_frame(tape.store, "c1")
    assert plain(steps, "finish_reason", "raw_finish_reason") == [
        ["tool_call", "tool_calls"],
        [None, "weird"],
    ]


def test_a_step_that_took_no_time_has_no_speed(tape: Recorder) -> None:
    tape.step(
        "s9", "t1", 2, output_tokens=3, decode_ms=0.0, gen_total_ms=0.0, delta_count=1,
        first_chunk_us=START_US, requested_us=START_US - 500_000,
    )  # fmt: skip
    last = frames.steps_frame(tape.store, "c1").iloc[[2]]
    assert plain(last, "output_tokens_per_s", "time_per_output_chunk_s", "total_tokens") == [
        [None, None, None]
    ]
    assert plain(last, "time_to_first_chunk_s", "duration_s") == [[0.5, 0.0]]


def test_a_turn_is_the_sum_of_its_steps_and_a_conversation_of_its_turns(tape: Recorder) -> None:
    Recorder(tape.store, "c2").begin("t9", "Hello")
    tape.step("s3", "t2", 0, input_tokens=7, output_tokens=1, cost_usd=0.5)
    tape.step("s9", "t9", 0, input_tokens=1_000, output_tokens=1)
    steps, turns = frames.steps_frame(tape.store), frames.turns_frame(tape.store)
    conversations = frames.conversations_frame(tape.store)
    for name in [*TOKENS, "cost_usd"]:
        of_steps = steps.groupby("turn_id")[name].sum(min_count=1)
        if name != "uncached_input_tokens":
            assert turns.set_index("turn_id")[name].to_dict() == of_steps.to_dict(), name
        of_turns = turns.groupby("conversation_id")[name].sum(min_count=1)
        assert conversations.set_index("conversation_id")[name].to_dict() == of_turns.to_dict()
    for frame in (steps, turns, conversations):
        cached = frame["cache_read_tokens"].fillna(0) + frame["cache_write_tokens"].fillna(0)
        assert (frame["uncached_input_tokens"] == frame["input_tokens"] - cached).all()
    one = frames.turns_frame(tape.store, "c1")
    pd.testing.assert_frame_equal(one, turns[turns["conversation_id"] == "c1"])


def test_a_turn_without_steps_has_the_tokens_it_was_given(store: Store) -> None:
    store.create_conversation(ConversationRow("c1", created_us=START_US, source="import")).result()
    row = TurnRow("t1", "c1", status="completed", input_tokens=5, output_tokens=6)
    store.begin_turn(row).result()
    assert plain(frames.turns_frame(store), "total_tokens", "step_count") == [[11, 0]]
    assert plain(frames.conversations_frame(store), "total_tokens", "source") == [[11, "import"]]


def test_a_turn_has_its_place_in_the_log_and_its_times(tape: Recorder) -> None:
    turns = frames.turns_frame(tape.store, "c1")
    counts = ["turn_index", "step_count", "tool_call_count", "steer_count", "first_seq", "last_seq"]
    assert plain(turns, *counts) == [[0, 2, 2, 1, 1, 9], [1, 0, 0, 0, 10, 10]]
    assert plain(turns, "status", "is_lower_bound", "prompt_text") == [
        ["completed", False, "What is 1+2?"],
        ["running", True, "Go on"],
    ]
    times = ["duration_s", "time_to_first_chunk_s", "tool_time_s", "model_time_s", "queue_time_s"]
    assert plain(turns, *times) == [[3.0, 0.004, 2.5, 2.05, 0.003], [None] * 5]


def test_the_text_of_a_running_turn_grows_with_its_live_state(tape: Recorder) -> None:
    without = frames.turns_frame(tape.store, "c1")
    assert plain(without, "output_text") == [["Let me see.\n\nThree."], [None]]
    seen = [
        frames.turns_frame(tape.store, "c1", live=live)["output_text"].tolist()[1]
        for live in tape.states[-5:]
    ]
    assert [str(text) for text in seen] == [
        "Well",
        "Well",
        "Well",
        "Well\n\nso ",
        "Well\n\nso far",
    ]


def test_what_was_stored_after_the_live_state_is_not_counted(tape: Recorder) -> None:
    early = frames.turns_frame(tape.store, "c1", live=initial_live())
    assert plain(early, "tool_call_count", "last_seq") == [[0, None], [0, None]]
    whole = frames.conversations_frame(tape.store, "c1", live=initial_live())
    assert plain(whole, "chunk_count", "last_seq", "turn_count") == [[0, 0, 2]]
    assert len(frames.tool_calls_frame(tape.store, "c1", live=initial_live())) == 0
    assert plain(early, "tool_time_s") == [[None], [None]]
    first_five = live_from_history(tape.store.history("c1", before_seq=6).chunks)
    calls = frames.tool_calls_frame(tape.store, "c1", live=first_five)
    assert plain(calls, "call_seq", "result_seq", "result") == [[4, None, None], [5, None, None]]


def test_a_conversation_names_its_models_once_in_order(tape: Recorder) -> None:
    tape.step("s3", "t2", 0, request_model="m")
    Recorder(tape.store, "c0")
    frame = frames.conversations_frame(tape.store)
    columns = ["conversation_id", "models", "title", "tags_json", "chunk_count", "tool_call_count"]
    assert plain(frame, *columns) == [
        ["c1", "m-1, m", "Sums", '["a"]', 10, 2],
        ["c0", None, None, None, 0, 0],
    ]


def test_a_step_without_usage_makes_its_turn_a_lower_bound(tape: Recorder) -> None:
    assert not frames.turns_frame(tape.store)["is_lower_bound"][0]
    tape.step("s9", "t1", 2)
    assert frames.turns_frame(tape.store)["is_lower_bound"][0]


def test_usage_is_steps_in_long_form(tape: Recorder) -> None:
    usage = frames.usage_frame(tape.store, "c1")
    assert plain(usage, "step_id", "model", "token_type", "tokens") == [
        ["s1", "m-1", "input", 100],
        ["s1", "m-1", "output", 20],
        ["s1", "m-1", "cache_read", 60],
        ["s1", "m-1", "cache_write", 10],
        ["s1", "m-1", "reasoning", 5],
        ["s2", "m", "input", 130],
        ["s2", "m", "output", 2],
    ]
    steps = frames.steps_frame(tape.store, "c1")
    for kind, part in usage.groupby("token_type", observed=True):
        assert part["tokens"].sum() == steps[f"{kind}_tokens"].sum()


def test_a_word_outside_a_vocabulary_is_missing_and_harms_nothing(store: Store) -> None:
    future: Any = "hologram"
    store.create_conversation(ConversationRow("c1", created_us=1, source=future)).result()
    store.save_step(StepRow("s1", "t1", "c1", 0, usage_source=future)).result()
    assert plain(frames.conversations_frame(store), "source") == [[None]]
    assert plain(frames.steps_frame(store), "usage_source", "step_id") == [[None, "s1"]]


def test_the_log_keeps_its_invariants(tape: Recorder) -> None:
    steps = frames.steps_frame(tape.store)
    cached = steps["cache_read_tokens"].fillna(0) + steps["cache_write_tokens"].fillna(0)
    assert (cached <= steps["input_tokens"]).all()
    assert (steps["reasoning_tokens"].fillna(0) <= steps["output_tokens"]).all()
    chunks = frames.chunks_frame(tape.store, "c1")
    by_kind = chunks.groupby("chunk_type", observed=True)["tool_call_id"].agg(list)
    assert by_kind["tool-call"] == by_kind["tool-result"] == ["a", "b"]
