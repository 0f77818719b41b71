"""Frames have one schema at every moment, and show what the transcript shows."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dispatch_nb import frames
from dispatch_nb.errors import FrameError
from dispatch_nb.frames.columns import FrameSpec
from dispatch_nb.frames.document import render
from dispatch_nb.frames.log_columns import CHUNKS
from dispatch_nb.frames.request import FRAMES
from dispatch_nb.store import ChunkSide, Store
from dispatch_nb.transcript.live import live_from_history
from dispatch_nb.transcript.selectors import select_chunks, select_messages
from dispatch_nb.wire.conversation import (
    ErrorChunk,
    ImageChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from dispatch_nb.wire.events import SteeringEvent, TextDeltaEvent, UserMessageEvent
from tests.frames_parts import Recorder, message, play_open_turn, play_tool_turn

BUILDERS: dict[str, Callable[..., pd.DataFrame]] = {
    spec.name: getattr(frames, f"{spec.name}_frame") for spec in FRAMES
}


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


def assert_has_schema(frame: pd.DataFrame, spec: FrameSpec) -> None:
    assert list(frame.columns) == [column.name for column in spec.columns]
    for column in spec.columns:
        if isinstance(column.dtype, tuple):
            wanted: Any = pd.CategoricalDtype(list(column.dtype))
            assert list(frame[column.name].cat.categories) == list(column.dtype)
        else:
            wanted = column.dtype
        assert frame.dtypes[column.name] == wanted, column.name
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame.attrs["schema"] == f"dispatch_nb.{spec.name}"
    assert frame.attrs["schema_version"] == spec.version
    assert set(frame.attrs["otel"]) <= set(spec.names)


@pytest.mark.parametrize("spec", FRAMES, ids=lambda spec: spec.name)
class TestSchema:
    def test_is_the_same_for_an_empty_store(self, spec: FrameSpec, store: Store) -> None:
        frame = BUILDERS[spec.name](store)
        assert len(frame) == 0
        assert_has_schema(frame, spec)

    def test_is_the_same_for_an_unknown_conversation(self, spec: FrameSpec, tape: Recorder) -> None:
        frame = BUILDERS[spec.name](tape.store, "nobody")
        assert len(frame) == 0
        assert_has_schema(frame, spec)

    def test_is_the_same_for_one_row(self, spec: FrameSpec, store: Store) -> None:
        tape = Recorder(store)
        tape.begin("t1", "Hi")
        tape.step("s1", "t1", 0, input_tokens=1)
        tape.event(TextDeltaEvent, "t1", delta="Hello")
        call = ToolCallChunk(tool_call_id="a", tool_name="add", input=1)
        tape.commit("t1", "s1", message("assistant", TextChunk(text="Hello"), call))
        live = None if spec.name == "tool_calls" else tape.states[2]
        frame = BUILDERS[spec.name](store, "c1", live=live)
        assert len(frame) == 1
        assert_has_schema(frame, spec)

    def test_is_the_same_while_a_turn_runs(self, spec: FrameSpec, tape: Recorder) -> None:
        for live in (*tape.states[:4], *tape.states[4::9], tape.live):
            assert_has_schema(BUILDERS[spec.name](tape.store, "c1", live=live), spec)

    def test_is_the_same_for_all_conversations(self, spec: FrameSpec, tape: Recorder) -> None:
        Recorder(tape.store, "c2").begin("t9", "Hello")
        frame = BUILDERS[spec.name](tape.store)
        assert len(frame) > 0
        assert_has_schema(frame, spec)

    def test_a_frame_joins_another_on_its_keys(self, spec: FrameSpec, tape: Recorder) -> None:
        frame = BUILDERS[spec.name](tape.store, "c1", live=tape.live)
        conversations = frames.conversations_frame(tape.store)
        joined = frame.merge(conversations, on="conversation_id", suffixes=("", "_of_all"))
        assert len(joined) == len(frame)

    def test_a_live_state_without_its_conversation_is_refused(
        self, spec: FrameSpec, tape: Recorder
    ) -> None:
        with pytest.raises(FrameError, match="give conversation_id together with live"):
            BUILDERS[spec.name](tape.store, live=tape.live)


def shown(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    said = frame["text"].fillna(frame["content"]).fillna(frame["input_json"])
    values = (frame["seq"], frame["role"], frame["chunk_type"], said, frame["is_partial"])
    return [(None if pd.isna(seq) else seq, *rest) for seq, *rest in zip(*values, strict=True)]


def rendered(chunk: Any) -> str:
    match chunk.type:
        case "tool-call":
            text: str = {"a": '{"a":1,"b":2.0}', "b": "null"}[chunk.tool_call_id]
            return '"x"' if chunk.input == "x" else text
        case "tool-result":
            return str(chunk.content)
        case "error":
            return str(chunk.message)
        case _:
            return str(chunk.text)


def test_chunks_are_those_of_the_reducer_after_every_event_even_when_the_store_is_ahead(
    tape: Recorder,
) -> None:
    for live in tape.states:
        wanted = [
            (each.seq, each.role, each.chunk.type, rendered(each.chunk), each.provisional)
            for each in select_chunks(live.transcript)
        ]
        assert shown(frames.chunks_frame(tape.store, "c1", live=live)) == wanted


def test_chunks_are_those_of_the_reducer_while_the_store_is_being_written(store: Store) -> None:
    tape = Recorder(store)
    play_tool_turn(tape)
    last = frames.chunks_frame(store, "c1")
    assert shown(last) == shown(frames.chunks_frame(store, "c1", live=tape.live))
    assert list(last["seq"]) == list(range(1, len(last) + 1))
    tape.event(TextDeltaEvent, "t2", delta="more")
    assert frames.chunks_frame(store, "c1")["is_partial"].sum() == 0
    assert list(frames.chunks_frame(store, "c1", live=tape.live)["text"])[-1] == "more"


def test_messages_say_what_the_reducer_says_after_every_event(tape: Recorder) -> None:
    for live in tape.states:
        frame = frames.messages_frame(tape.store, "c1", live=live)
        wanted = [
            (each.role, "".join(chunk.text for chunk in each.chunks if chunk.type == "text"))
            for each in select_messages(live.transcript)
        ]
        from_others = frame[frame["role"] != "tool"]
        mine = list(zip(from_others["role"], from_others["content"].fillna(""), strict=True))
        assert mine == [each for each in wanted if each[0] != "tool"]


def test_messages_have_the_borders_and_marks_of_the_store(tape: Recorder) -> None:
    frame = frames.messages_frame(tape.store, "c1", live=tape.live)
    assert list(frame["role"]) == [
        "user", "assistant", "tool", "tool", "user", "assistant", "user", "assistant",
    ]  # fmt: skip
    assert list(frame["message_index"]) == list(range(8))
    assert list(frame["thinking"].fillna("")) == ["", "I must add.", *[""] * 6]
    assert list(frame["content"])[:5] == [
        "What is 1+2?",
        "Let me see.",
        "3",
        "fell over",
        "in words",
    ]
    assert list(frame["is_steering"]) == [False] * 4 + [True] + [False] * 3
    assert list(frame["is_error"]) == [False] * 3 + [True] + [False] * 3 + [True]
    assert list(frame["tool_call_count"]) == [0, 2, 0, 0, 0, 0, 0, 1]
    assert list(frame["tool_call_id"].fillna("")) == ["", "", "a", "b", "", "", "", ""]
    assert list(frame["state"]) == ["complete"] * 7 + ["provisional"]
    assert list(zip(frame["first_seq"][:3], frame["last_seq"][:3], strict=True)) == [
        (1, 1), (2, 5), (6, 6),
    ]  # fmt: skip
    stored = frames.messages_frame(tape.store, "c1")
    assert [len(each.chunks) for each in tape.store.messages("c1")] == list(
        stored["last_seq"] - stored["first_seq"] + 1
    )


def test_texts_of_the_person_that_are_not_stored_yet_are_a_message_each(store: Store) -> None:
    tape = Recorder(store)
    tape.event(UserMessageEvent, "t1", text="one")
    tape.event(SteeringEvent, "t1", text="two")
    frame = frames.messages_frame(store, "c1", live=tape.live)
    assert frame["content"].tolist() == ["one", "two"]
    assert frame["is_steering"].tolist() == [False, True]
    assert frame["message_index"].tolist() == [0, 1]


def test_an_interrupted_chunk_marks_its_message(store: Store) -> None:
    tape = Recorder(store)
    tape.begin("t1", "Hi")
    tape.event(TextDeltaEvent, "t1", delta="Half an ans")
    tape.commit(
        "t1",
        "s1",
        message("assistant", TextChunk(text="Half an ans")),
        sides=[ChunkSide(is_interrupted=True)],
    )
    assert list(frames.messages_frame(store, "c1")["state"]) == ["complete", "interrupted"]
    assert list(frames.chunks_frame(store, "c1")["is_interrupted"]) == [False, True]


def test_every_kind_of_chunk_is_read_exactly(store: Store) -> None:
    tape = Recorder(store)
    text = "a\0b \ufffd \u2028 é 🎈"
    tape.commit(
        "t1",
        None,
        message("user", TextChunk(text=text), ImageChunk(url="data:image/png;base64,AA")),
        message(
            "assistant",
            ThinkingChunk(text=""),
            ErrorChunk(message="no", code="500"),
            ErrorChunk(message="no code"),
        ),
        message(
            "tool",
            ToolResultChunk(tool_call_id="x", tool_name="t", content="é", is_error=True),
        ),
    )
    frame = frames.chunks_frame(store, "c1")
    assert frame["text"][0] == text
    assert frame["char_count"][0] == len(text)
    assert frame["byte_count"][0] == len(text.encode())
    assert frame["content"][1] == "data:image/png;base64,AA"
    assert frame["text"].isna().tolist() == [False, True, False, False, False, True]
    assert frame["error_code"].tolist()[3] == "500"
    assert frame["error_code"].isna().tolist() == [True, True, True, False, True, True]
    assert frame["is_error"].fillna(False).tolist() == [False, False, False, True, True, True]
    assert frame["byte_count"].tolist()[5] == 2
    assert shown(frames.chunks_frame(store, "c1", live=live_from_history([]))) == []
    assert_has_schema(frame, CHUNKS)


def test_seq_is_gap_free_whenever_it_is_read_while_another_thread_writes(store: Store) -> None:
    tape = Recorder(store)
    enough = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not enough.is_set():
            tape.begin(f"t{len(written)}", "Hi")
            written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    lengths: list[int] = []
    try:
        # However the two threads take turns, it is read while the other has not ended.
        while len(set(lengths)) < 20 and writer.is_alive():
            seqs = frames.chunks_frame(store, "c1")["seq"].tolist()
            assert seqs == list(range(1, len(seqs) + 1))
            lengths.append(len(seqs))
    finally:
        enough.set()
        writer.join()
    assert len(set(lengths)) == 20
    assert lengths == sorted(lengths)
    assert len(frames.chunks_frame(store, "c1")) == len(written)


def test_long_text_is_cut_where_a_frame_is_shown_and_nowhere_else(tape: Recorder) -> None:
    long = "word " * 40_000
    tape.begin("t9", "Hello")
    tape.commit("t9", "s9", message("assistant", TextChunk(text=long)))
    for name, column in (("chunks", "text"), ("messages", "content"), ("turns", "output_text")):
        frame = frames.read_frame(tape.store, name, frames.Filters())
        shown: Any = frame
        assert len(shown._repr_html_()) < 10_000
        assert len(repr(frame)) < 10_000
        assert long in frame[column].dropna().tolist()


def test_the_page_about_frames_is_current() -> None:
    page = Path(__file__).parents[1] / "docs" / "frames.md"
    assert page.read_text(encoding="utf-8") == render(), (
        "Run: python -m dispatch_nb.frames.document > docs/frames.md"
    )


def test_the_module_prints_the_page() -> None:
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-m", "dispatch_nb.frames.document"],
        capture_output=True,
        check=True,
    )
    assert printed.stdout.decode("utf-8").replace("\r\n", "\n") == render()


def test_frames_without_arrow_are_the_same(tmp_path: Path) -> None:
    program = f"""
import sys
sys.modules["pyarrow"] = None
import pandas as pd
from dispatch_nb.store import Store
from dispatch_nb import frames
from tests.frames_parts import Recorder, play_tool_turn, play_open_turn
assert pd.StringDtype().storage == "python"
with Store({str(tmp_path / "plain.db")!r}) as store:
    tape = Recorder(store)
    play_tool_turn(tape)
    play_open_turn(tape)
    for name in {sorted(BUILDERS)!r}:
        frame = getattr(frames, name + "_frame")(store, "c1", live=tape.live)
        print(frame.to_json(orient="split", date_unit="us", date_format="iso"))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    with Store(tmp_path / "rich.db") as store:
        tape = Recorder(store)
        play_tool_turn(tape)
        play_open_turn(tape)
        for name, line in zip(sorted(BUILDERS), told.stdout.splitlines(), strict=True):
            frame = BUILDERS[name](store, "c1", live=tape.live)
            assert line == frame.to_json(orient="split", date_unit="us", date_format="iso")
