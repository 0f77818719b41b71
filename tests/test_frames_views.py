"""The store's views say in SQL what the frames say in pandas."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

import dispatch_nb.store
from dispatch_nb import frames
from dispatch_nb.frames.columns import TIME, FrameSpec
from dispatch_nb.frames.request import FRAMES
from dispatch_nb.frames.views import render
from dispatch_nb.store import ChunkSide, Store
from dispatch_nb.wire.conversation import ErrorChunk, ImageChunk, TextChunk
from tests.frames_parts import Recorder, message, plain, play_open_turn, play_tool_turn

VIEWS = [spec for spec in FRAMES if spec.name not in ("deltas", "latency")]


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
        assert list(view.columns) == spec.names
        for column in spec.columns:
            if column.dtype == TIME:
                view[column.name] = pd.to_datetime(view[column.name], utc=True).dt.as_unit("us")
        keys = [name for name in spec.names if name.endswith(("_id", "seq")) or name == "model"]
        keys = [*keys, "token_type"] if spec.name == "usage" else keys
        if spec.name == "usage":
            frame["token_type"] = frame["token_type"].astype("str")
        view, frame = (each.sort_values(keys, ignore_index=True) for each in (view, frame))
        for name in spec.names:
            assert plain(view, name) == plain(frame, name), name
