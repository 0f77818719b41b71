"""Frames as they are asked for: by name, narrowed, of a turn, of several stores, as Arrow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

import dispatch_nb as dn
from dispatch_nb import frames
from dispatch_nb.errors import FrameError
from dispatch_nb.framed import Part
from dispatch_nb.frames import arrow, chunk_reader
from dispatch_nb.frames.columns import FrameSpec
from dispatch_nb.frames.request import FRAMES
from dispatch_nb.store import Store
from dispatch_nb.wire.conversation import TextChunk
from dispatch_nb.wire.events import TextDeltaEvent
from tests.frames_parts import START_US, Recorder, message, plain, play_open_turn, play_tool_turn
from tests.refresh_checks import from_nothing

GOLDEN = Path(__file__).parent / "vectors" / "frames.json"


class Source(dn.Frames):
    """A store's rows, as a chat's or a library's are."""

    def __init__(self, store: Store, **part: Any) -> None:
        self._parts = [Part(store, **part)]


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


def as_golden(frame: pd.DataFrame) -> dict[str, Any]:
    dtypes = {
        str(name): ["category", *dtype.categories] if isinstance(dtype, pd.CategoricalDtype)
        else str(dtype)
        for name, dtype in frame.dtypes.items()
    }  # fmt: skip
    return {"columns": dtypes, "attrs": frame.attrs}


def test_the_schema_is_the_golden_one(store: Store) -> None:
    source = Source(store)
    made = {spec.name: as_golden(source.frame(spec.name)) for spec in FRAMES}
    assert made == json.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.parametrize("spec", FRAMES, ids=lambda spec: spec.name)
class TestEveryFrame:
    def test_has_exactly_the_columns_that_were_asked_for(
        self, spec: FrameSpec, tape: Recorder
    ) -> None:
        source = Source(tape.store, conversation_id="c1", live=tape.live)
        whole = source.frame(spec.name)
        for columns in ([name] for name in spec.names):
            narrow = source.frame(spec.name, columns=columns)
            pd.testing.assert_frame_equal(narrow, whole[columns])
        turned = spec.names[::-1]
        pd.testing.assert_frame_equal(source.frame(spec.name, columns=turned), whole[turned])

    def test_of_a_turn_has_the_turns_rows(self, spec: FrameSpec, tape: Recorder) -> None:
        if spec.name == "conversations":
            return
        whole = Source(tape.store, conversation_id="c1", live=tape.live).frame(spec.name)
        for turn_id in ("t1", "t2"):
            part = Part(tape.store, "c1", turn_id, tape.live)
            of_turn = frames.read_frame(
                part.store, spec.name, frames.Filters(), conversation_id="c1", turn_id=turn_id,
                live=tape.live,
            )  # fmt: skip
            if "turn_id" in spec.names:
                wanted = whole[whole["turn_id"] == turn_id].reset_index(drop=True)
                if spec.name == "messages":
                    wanted["message_index"] = of_turn["message_index"]
                pd.testing.assert_frame_equal(of_turn, wanted)
            else:
                assert 0 < len(of_turn) < len(whole)

    def test_is_narrowed_by_conversation_time_and_model(
        self, spec: FrameSpec, tape: Recorder
    ) -> None:
        other = Recorder(tape.store, "c2")
        other.now_us += 3_600_000_000
        other.begin("t9", "Hello")
        other.step("s9", "t9", 0, request_model="other", input_tokens=3)
        other.event(TextDeltaEvent, "t9", delta="Hi")
        other.commit("t9", "s9", message("assistant", TextChunk(text="Hi")))
        source = Source(tape.store)
        whole = source.frame(spec.name)
        later = datetime.fromtimestamp(START_US / 1e6 + 1800, UTC)
        for narrow in (
            source.frame(spec.name, conversation_id="c2"),
            source.frame(spec.name, since=later),
            source.frame(spec.name, since=later.replace(tzinfo=None).isoformat()),
            source.frame(spec.name, models="other"),
        ):
            wanted = whole[whole["conversation_id"] == "c2"].reset_index(drop=True)
            pd.testing.assert_frame_equal(narrow, wanted)
        both = source.frame(spec.name, conversation_id=["c2", "c1"])
        assert len(both) == len(whole)
        assert len(source.frame(spec.name, models=["nobody"])) == 0
        assert len(source.frame(spec.name, conversation_id=[])) == 0

    def test_can_have_arrows_own_dtypes(self, spec: FrameSpec, tape: Recorder) -> None:
        source = Source(tape.store, conversation_id="c1", live=tape.live)
        plain_frame, arrow_frame = (
            source.frame(spec.name, dtype_backend=backend)
            for backend in ("numpy_nullable", "pyarrow")
        )
        assert all(isinstance(dtype, pd.ArrowDtype) for dtype in arrow_frame.dtypes)
        assert arrow_frame.attrs == plain_frame.attrs
        for name in spec.names:
            assert plain(arrow_frame, name) == plain(plain_frame, name), name

    def test_of_several_stores_says_which_row_is_from_which(
        self, spec: FrameSpec, tape: Recorder, tmp_path: Path
    ) -> None:
        with Store(tmp_path / "second.db") as second:
            Recorder(second, "c1").begin("t1", "Hello")
            one, two = Source(tape.store), Source(second)
            both = dn.Frames(one, two).frame(spec.name)
            assert list(both.columns) == ["store", *spec.names]
            assert len(both) == len(one.frame(spec.name)) + len(two.frame(spec.name))
            assert set(both["store"]) <= {tape.store.location, second.location}
            only = dn.Frames(one, two).frame(spec.name, columns=["conversation_id", "store"])
            assert list(only.columns) == ["conversation_id", "store"]
            kept = {name: dtype for name, dtype in both.dtypes.items() if name != "store"}
            assert kept == dict(one.frame(spec.name).dtypes)


def test_what_cannot_be_asked_is_said_in_a_sentence(tape: Recorder) -> None:
    source = Source(tape.store)
    with pytest.raises(FrameError, match="no frame 'step': did you mean 'steps'"):
        source.frame("step")
    with pytest.raises(FrameError, match="steps has no column 'tokens'"):
        source.frame("steps", columns=["tokens"])
    with pytest.raises(FrameError, match="since is a time such as"):
        source.frame("steps", since="yesterday")
    with pytest.raises(FrameError, match="models is text or several texts"):
        source.frame("steps", models=[5])  # type: ignore[list-item]


def test_a_frame_that_was_given_away_may_be_changed_and_stays_as_it_was(tape: Recorder) -> None:
    source = Source(tape.store)
    first = source.chunks
    before = first.copy()
    first.loc[0, "text"], first.loc[0, "seq"], first.loc[0, "role"] = "changed", 99, "tool"
    first.loc[0, "started_at"] = pd.Timestamp("2001-01-01", tz="UTC")
    pd.testing.assert_frame_equal(source.chunks, before)
    kept = [source.chunks for _ in range(3)]
    for number in range(300):
        tape.commit("t1", None, message("user", TextChunk(text=str(number))))
        latest = source.chunks
        latest.loc[0, "seq"] = number + 1_000
        kept.append(latest)
    for number, frame in enumerate(kept):
        assert len(frame) == len(before) + max(0, number - 2)
        assert frame["seq"].tolist()[1:] == list(range(2, len(frame) + 1))
        assert frame["text"].tolist()[len(before) :] == [str(n) for n in range(number - 2)]
        assert frame["seq"][0] == (1 if number < 3 else number - 3 + 1_000)
    assert source.chunks["seq"][0] == 1


class Counter:
    """Counts the rows that SQL gives to frames."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from dispatch_nb.frames import read

        self.rows = 0
        for module, name in ((read, "batches"), (chunk_reader, "read_rows")):
            monkeypatch.setattr(module, name, self.counting(getattr(module, name)))

    def counting(self, real: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def counted(*arguments: Any) -> Iterator[Any]:
            for part in real(*arguments):
                self.rows += len(next(iter(part.values())))
                yield part

        return counted

    def of(self, source: dn.Frames) -> int:
        self.rows = 0
        _ = source.chunks
        return self.rows


def test_a_frame_reads_the_new_rows_alone(tape: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    everything, mine = Source(tape.store), Source(tape.store, conversation_id="c1")
    other = Recorder(tape.store, "c2")
    for source in (everything, mine):
        assert counter.of(source) >= 10
        assert counter.of(source) == 0
        tape.commit("t1", None, message("user", TextChunk(text="one"), TextChunk(text="two")))
        assert counter.of(source) == 2
        other.commit("t9", None, message("user", TextChunk(text="elsewhere")))
        assert counter.of(source) == (1 if source is everything else 0)


def test_a_frame_notices_rows_that_were_changed_or_deleted_by_anyone(tape: Recorder) -> None:
    source = Source(tape.store)
    assert source.chunks["text"][0] == "What is 1+2?"
    elsewhere = sa.create_engine(f"sqlite:///{tape.store.location}")
    with elsewhere.begin() as connection:
        connection.execute(sa.text("UPDATE chunks SET text = 'changed' WHERE seq = 1"))
    assert source.chunks["text"][0] == "changed"
    with elsewhere.begin() as connection:
        connection.execute(sa.text("DELETE FROM chunks WHERE seq = 10"))
    assert source.chunks["seq"].tolist() == list(range(1, 10))
    elsewhere.dispose()


@pytest.fixture
def many(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose rows are read by processes of their own."""
    tape = Recorder(store)
    play_tool_turn(tape)
    play_open_turn(tape)
    odd = "a\0b \ufffd \u2028 é 🎈"
    for number in range(40):
        tape.commit("t1", None, message("user", TextChunk(text=f"{odd} {number}")))
    monkeypatch.setattr(arrow, "MANY_ROWS", 1)
    monkeypatch.setattr(chunk_reader, "MANY_ROWS", 1)
    return store


def test_rows_that_other_processes_read_are_the_same(
    many: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow, "_MOST", 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    by_processes = Source(many).chunks
    narrow = Source(many).frame("chunks", columns=["byte_count", "text"])
    monkeypatch.setattr(chunk_reader, "MANY_ROWS", 1_000_000)
    here = from_nothing(many, "chunks")
    pd.testing.assert_frame_equal(by_processes, here)
    pd.testing.assert_frame_equal(narrow, here[["byte_count", "text"]])
    assert here["text"].iloc[-1] == "a\0b \ufffd \u2028 é 🎈 39"


def test_a_process_that_cannot_read_is_told_about(
    many: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(type(many), "path", tmp_path / "nothing.db")
    with pytest.raises(FrameError, match="The process that reads the store's rows failed"):
        _ = Source(many).chunks


def test_reading_many_rows_takes_no_lock_away(many: Store) -> None:
    """Another process that closes the store last must not throw this one's log away."""
    tape = Recorder(many, "c2")
    assert len(Source(many).chunks) == 50
    leaving = (
        f"from dispatch_nb.store import Store\n"
        f"store = Store({many.location!r})\n"
        f"print(len(store.history('c1').chunks))\nstore.close()"
    )
    run = [sys.executable, "-c", leaving]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "50\n"
    tape.begin("t9", "still there?")
    seen = [*run[:-1], leaving.replace("'c1'", "'c2'")]
    assert subprocess.run(seen, capture_output=True, text=True, check=True).stdout == "1\n"


def test_the_memory_that_frames_share_is_arrows_where_it_can_be(tape: Recorder) -> None:
    texts = Source(tape.store).chunks["text"].array
    assert pa.types.is_large_string(texts.__arrow_array__().type)
