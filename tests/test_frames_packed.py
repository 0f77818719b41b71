"""Rows that are read in fewer values come out as they are, also those that do not fit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from dispatch_nb.frames import rows
from dispatch_nb.frames.build import build_frame
from dispatch_nb.frames.log_columns import CHUNKS
from dispatch_nb.frames.packing import plan
from dispatch_nb.frames.read import batches, select
from dispatch_nb.frames.scope import Scope
from dispatch_nb.store import Store
from tests.frames_parts import Recorder, play_open_turn, play_tool_turn


@pytest.fixture
def tape(tmp_path: Path) -> Iterator[Recorder]:
    with Store(tmp_path / "packed.db") as store:
        tape = Recorder(store)
        play_tool_turn(tape)
        play_open_turn(tape)
        yield tape


def one_by_one(store: Store, scope: Scope) -> pd.DataFrame:
    """Return the chunks as they are without packing."""
    with store.connect() as connection:
        sql, names = select(CHUNKS, scope, numbered=True)
        return frame_of(list(batches(connection, sql, names, scope)))


def packed(store: Store, scope: Scope) -> pd.DataFrame:
    with store.connect() as connection:
        return frame_of(list(rows.read_rows(connection, CHUNKS, scope)))


def frame_of(parts: list[Any]) -> pd.DataFrame:
    return pd.concat([build_frame(CHUNKS, part) for part in parts], ignore_index=True)


def change(store: Store, values: str, where: str) -> None:
    engine = sa.create_engine(f"sqlite:///{store.location}")
    with engine.begin() as connection:
        done = connection.execute(sa.text(f"UPDATE chunks SET {values} WHERE {where}"))
        assert done.rowcount > 0
    engine.dispose()


@pytest.mark.parametrize(
    "values",
    [
        "delta_count = 16777215",
        "delta_count = 9007199254740993, chunk_index = 70000",
        "chunk_index = -1",
        "text = 'both', content = 'of them'",
        "text = 'all', content = 'of', input_json = '{}'",
        "tool_name = 'a tool', error_code = 'a code'",
    ],
)
def test_what_does_not_fit_in_a_packed_number_is_read_all_the_same(
    tape: Recorder, values: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(tape.store, values, "seq = 6")
    # So that blocks of several rows are before and behind the one that does not fit.
    monkeypatch.setattr(rows, "_ROWS_AT_ONCE", 4)
    monkeypatch.setattr(rows, "_ROWS_FETCHED", 2)
    for scope in (Scope(), Scope(("c1",)), Scope(rows=("chunks", 3, 9)), Scope(after=2, upto=8)):
        pd.testing.assert_frame_equal(packed(tape.store, scope), one_by_one(tape.store, scope))


@pytest.mark.parametrize(
    "values",
    [
        "is_error = NULL, delta_count = NULL, started_us = NULL, step_id = NULL",
        "role = 'nobody', chunk_type = 'nothing'",
        "text = '', content = NULL, input_json = NULL",
        "delta_count = 16777214, chunk_index = 65534, is_interrupted = 1, is_error = 0",
        "started_us = -1, completed_us = 4102444800000000, seq = seq + 2147483647",
    ],
)
def test_what_fits_comes_out_as_it_is(tape: Recorder, values: str) -> None:
    change(tape.store, values, "seq = 6")
    pd.testing.assert_frame_equal(packed(tape.store, Scope()), one_by_one(tape.store, Scope()))


def test_fields_that_need_more_than_a_number_are_put_in_two(tape: Recorder) -> None:
    wide = [replace(each, bits=24) if each.bits else each for each in CHUNKS.columns]
    spec = replace(CHUNKS, columns=tuple(wide))
    found = plan(spec)
    assert found is not None
    assert {field.packed for field in found.fields} == {0, 1}
    with tape.store.connect() as connection:
        parts = list(rows.read_rows(connection, spec, Scope()))
    pd.testing.assert_frame_equal(frame_of(parts), one_by_one(tape.store, Scope()))


def test_ids_that_are_repeated_are_one_object(tape: Recorder) -> None:
    with tape.store.connect() as connection:
        (part,) = rows.read_rows(connection, CHUNKS, Scope(("c1",)))
    assert len({id(each) for each in part["conversation_id"]}) == 1


def test_chunks_without_arrow_are_the_same_values(tape: Recorder) -> None:
    program = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from dispatch_nb.store import Store\n"
        "from dispatch_nb.frames import chunks_frame\n"
        f"with Store({tape.store.location!r}) as store: frame = chunks_frame(store)\n"
        "assert frame['text'].dtype.storage == 'python'\n"
        "sys.stdout.write(frame.to_csv(index=False))"
    )
    run = [sys.executable, "-c", program]
    told = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    from dispatch_nb.frames import chunks_frame

    here = chunks_frame(tape.store)
    assert told == here.to_csv(index=False)
