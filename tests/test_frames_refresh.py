"""A frame that is read again is what a frame read from nothing is, at the cost of what is new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import dispatch_nb as dn
from dispatch_nb.framed import Part
from dispatch_nb.frames import FRAMES, Filters, cache, read_frame
from dispatch_nb.store import Store
from tests.refresh_parts import ACTIONS, Writer

FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
NAMES = [spec.name for spec in FRAMES]


class Source(dn.Frames):
    """Rows as a chat's, a store's or several stores' are."""

    def __init__(self, *parts: Part) -> None:
        self._parts = list(parts)


def from_nothing(store: Store, name: str, conversation_id: str | None = None) -> pd.DataFrame:
    """Return a frame of which nothing was known before."""
    known = cache._stores.pop(store, None)
    try:
        return read_frame(store, name, Filters(), conversation_id=conversation_id)
    finally:
        cache._stores.pop(store, None)
        if known is not None:
            cache._stores[store] = known


class Other:
    """Another process, which writes to the same file and is waited for."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.refresh_parts", str(path), "other"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._answered("ready")

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self._answered("done")

    def _answered(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == word

    def close(self) -> None:
        assert self.process.stdin is not None
        with self.process:
            self.process.stdin.close()
        assert self.process.returncode == 0


WRITES = st.tuples(
    st.just("write"), st.booleans(), st.sampled_from(ACTIONS), st.integers(0, 40),
    st.integers(0, 40),
)  # fmt: skip
READS = st.tuples(st.just("read"), st.sampled_from([*NAMES, "all"]), st.none() | st.integers(0, 9))
PLAYS = st.lists(WRITES | WRITES | READS, min_size=4, max_size=40 if not FULL else 120)


def assert_same(store: Store, name: str, conversation_id: str | None) -> None:
    again = read_frame(store, name, Filters(), conversation_id=conversation_id)
    fresh = from_nothing(store, name, conversation_id)
    pd.testing.assert_frame_equal(again, fresh, check_exact=True, obj=f"{name} {conversation_id}")
    assert again.attrs == fresh.attrs


def play(plays: list[Any], other: Any = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "played.db"
        with Store(path) as store:
            beside = None if other is None else other(path)
            writer = Writer(store, "own")
            for kind, *told in plays:
                if kind == "write":
                    is_own, action, choice, value = told
                    if is_own or beside is None:
                        writer.do(action, choice, value)
                    else:
                        beside.tell(json.dumps([action, choice, value]))
                    continue
                name, place = told
                ids = store.conversation_ids()
                id = None if place is None or not ids else sorted(ids)[place % len(ids)]
                for each in NAMES if name == "all" else [name]:
                    assert_same(store, each, id)
            for name in NAMES:
                for id in (None, *sorted(store.conversation_ids())[:2]):
                    assert_same(store, name, id)
            if beside is not None:
                beside.close()


@settings(max_examples=400 if FULL else 25)
@given(PLAYS)
def test_a_refreshed_frame_is_one_read_from_nothing_whatever_happens(plays: list[Any]) -> None:
    play(plays)


@settings(max_examples=30 if FULL else 3)
@given(PLAYS)
def test_what_another_process_wrote_is_seen_as_exactly(plays: list[Any]) -> None:
    play(plays, Other)
