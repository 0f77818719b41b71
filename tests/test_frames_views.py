"""The store's views say in SQL what the frames say in pandas."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

import dispatch_nb as dn
import dispatch_nb.store
from dispatch_nb import frames
from dispatch_nb.errors import FrameError
from dispatch_nb.frames.columns import TIME, FrameSpec
from dispatch_nb.frames.request import FRAMES
from dispatch_nb.frames.sql import query
from dispatch_nb.frames.views import VIEWS, render
from dispatch_nb.store import ChunkSide, Store
from dispatch_nb.wire.conversation import ErrorChunk, ImageChunk, TextChunk
from tests.frames_parts import Recorder, message, plain, play_open_turn, play_tool_turn
from tests.fuzzed import CONVERSATIONS, Fuzzed, finished, opened

FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"


def test_the_views_are_those_of_the_column_lists() -> None:
    stored = Path(dispatch_nb.store.__file__).with_name("views.sql")
    assert stored.read_text("utf-8") == render(), (
        "Run: python -m dispatch_nb.frames.views > dispatch_nb/store/views.sql, add a revision"
    )


@pytest.mark.parametrize("spec", VIEWS, ids=lambda spec: spec.name)
def test_a_view_has_the_frames_columns_and_values(spec: FrameSpec, tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    with Store(path) as store:
        tape = Recorder(store, title="Views")
        play_tool_turn(tape)
        play_open_turn(tape)
        tape.commit(
            "t2",
            "s3",
            message(
                "assistant",
                TextChunk(text="é🎈"),
                ErrorChunk(message="no", code="500"),
                ImageChunk(url="https://example.org/é.png"),
            ),
            sides=[ChunkSide(is_interrupted=True), ChunkSide(5, 6, 7), ChunkSide()],
        )
        Recorder(store, "c2").begin("t9", "Hello")
        frame = frames.read_frame(store, spec.name, frames.Filters())
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            view = pd.read_sql(f"SELECT * FROM {spec.name}_frame", connection)
        assert_same(view, frame, spec)


def assert_same(view: pd.DataFrame, frame: pd.DataFrame, spec: FrameSpec) -> None:
    """Check that SQL gave every column and every value of a frame, in whatever order of rows.

    SQLite's text holds no NUL: the store's columns have U+FFFD in its place.
    """
    assert list(view.columns) == spec.names
    for column in spec.columns:
        if column.dtype == TIME:
            view[column.name] = pd.to_datetime(view[column.name], utc=True).dt.as_unit("us")
    keys = [name for name in spec.names if name.endswith(("_id", "seq")) or name == "model"]
    more = {"usage": ["token_type"], "deltas": ["delta_index"]}
    keys += more.get(spec.name, [])
    if spec.name == "usage":
        frame["token_type"] = frame["token_type"].astype("str")
    view, frame = (each.sort_values(keys, ignore_index=True) for each in (view, frame))
    if spec in VIEWS:
        frame = without_nul(frame)
    for name in spec.names:
        assert plain(view, name) == plain(frame, name), (spec.name, name)


def without_nul(frame: pd.DataFrame) -> pd.DataFrame:
    counted = {"byte_count": ["text", "content"], "result_bytes": ["result"]}
    for name, texts in counted.items():
        if name in frame:
            lost = sum(frame[text].fillna("").str.count("\0") for text in texts)
            frame[name] += 2 * lost  # as UTF-8, U+FFFD is two bytes longer
    for name in frame.columns[frame.dtypes == "string"]:
        frame[name] = frame[name].str.replace("\0", "\ufffd")
    return frame


@settings(max_examples=100 if FULL else 6)
@given(CONVERSATIONS)
def test_sql_says_of_any_conversation_what_all_frames_say(turns: list[list[list[Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "fuzzed.db") as store:
        for number in range(2):
            provider = Fuzzed()
            with contextlib.closing(opened(provider, store, f"c{number}")) as conversation:
                for scripts in turns[number:]:
                    provider.scripts, provider.turn = [list(each) for each in scripts], None
                    provider.turn = conversation.send("prompt")
                    finished(provider.turn)
        for spec in FRAMES:
            frame = frames.read_frame(store, spec.name, frames.Filters())
            assert_same(query(store, f"SELECT * FROM {spec.name}"), frame, spec)
            one = frames.read_frame(store, spec.name, frames.Filters(conversation_id="c1"))
            found = query(store, f"SELECT * FROM {spec.name} WHERE conversation_id = ?", ["c1"])
            assert_same(found, one, spec)


@pytest.mark.parametrize("place", [":memory:", "lab.db"])
def test_sql_joins_frames_by_their_names_and_writes_nothing(place: str, tmp_path: Path) -> None:
    target = place if place == ":memory:" else tmp_path / place
    with Store(target) as store:
        play_tool_turn(Recorder(store))
        library = dn.Store.__new__(dn.Store)
        library._store = store
        found = library.sql(
            "SELECT role, COUNT(*) AS pieces, MAX(gap_s) AS gap FROM deltas"
            " JOIN chunks USING (conversation_id, seq) WHERE role = :role GROUP BY role",
            {"role": "assistant"},
        )
        assert plain(found, "role", "pieces") == [["assistant", 5]]
        assert found["pieces"].dtype == "Int64"
        assert library.sql("SELECT COUNT(*) AS n FROM latency")["n"].tolist() == [2]
        with pytest.raises(FrameError, match=r"no such table: stepz\. There are conversations"):
            library.sql("SELECT * FROM stepz")
        for change in ("DELETE FROM main.steps", "DROP VIEW main.steps_frame"):
            if place != ":memory:":
                with pytest.raises(FrameError, match="readonly"):
                    library.sql(change)
        with pytest.raises(FrameError, match="cannot be run"):
            library.sql("SELECT 1; SELECT 2")
        assert len(frames.read_frame(store, "steps", frames.Filters())) == 2


def test_only_the_conversations_that_are_asked_for_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def noted(store: Any, name: str, filters: frames.Filters) -> pd.DataFrame:
        asked.append(list(filters.conversation_id or ()))
        return frames.read_frame(store, name, filters)

    monkeypatch.setattr("dispatch_nb.frames.sql.read_frame", noted)
    with Store(tmp_path / "lab.db") as store:
        for number in range(7):
            Recorder(store, f"c{number}").begin(f"t{number}", "Hello")
        query(store, "SELECT * FROM deltas WHERE conversation_id = 'c3'")
        assert asked == [["c3"]]
        asked.clear()
        query(store, "SELECT * FROM deltas")
        assert [len(each) for each in asked] == [1, 4, 2]
