"""A frame that is read again is what a frame read from nothing is, whatever happened between."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_nb.frames import news
from dispatch_nb.store import Store
from tests.frames_parts import Recorder, play_open_turn, play_tool_turn
from tests.refresh_checks import FULL, NAMES, assert_same, tour
from tests.refresh_parts import ACTIONS, Writer


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


@settings(max_examples=400 if FULL else 6)
@given(PLAYS)
def test_a_refreshed_frame_is_one_read_from_nothing_whatever_happens(plays: list[Any]) -> None:
    play(plays)


@settings(max_examples=30 if FULL else 2)
@given(PLAYS)
def test_what_another_process_wrote_is_seen_as_exactly(plays: list[Any]) -> None:
    play(plays, Other)


def test_every_kind_of_change_is_seen_in_every_frame(tmp_path: Path) -> None:
    tour(tmp_path)


@pytest.mark.parametrize(
    ("trigger", "name"),
    [
        *((f"note_changed_{name}", name) for name in NAMES[:3]),
        *(("note_changed_chunks", name) for name in ("chunks", "messages", "tool_calls", "turns")),
        *(("note_changed_steps", name) for name in ("conversations", "turns", "usage")),
        *(("note_changed_tool_calls", "tool_calls"), ("note_moved_steps", "turns")),
    ],
)
def test_a_change_that_no_trigger_notes_is_found_by_these_tests(
    tmp_path: Path, trigger: str, name: str
) -> None:
    with pytest.raises(AssertionError):
        tour(tmp_path, f"DROP TRIGGER {trigger}", [name])


@pytest.mark.parametrize(
    ("forgotten", "name"),
    [
        *(("turns", name) for name in ("turns", "conversations")),
        *(("steps", name) for name in ("steps", "turns", "usage", "latency", "conversations")),
        *(("chunks", name) for name in ("turns", "tool_calls")),
        *(("tool_calls", name) for name in ("tool_calls", "turns")),
        *(("events", name) for name in ("deltas", "conversations")),
        ("numbers", "deltas"),
    ],
)
def test_news_that_is_forgotten_is_found_by_these_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str, name: str
) -> None:
    real = news.News.of
    if forgotten == "events":
        monkeypatch.setattr(news.News, "events", [])
    elif forgotten == "numbers":
        # As if the rowids of events were never given again.
        monkeypatch.setattr(news.News, "_is_still_there", lambda self, event: True)
    else:
        monkeypatch.setattr(
            news.News,
            "of",
            lambda self, table, column: set() if table == forgotten else real(self, table, column),
        )
    with pytest.raises(AssertionError):
        tour(tmp_path, names=[name])


def test_a_chat_is_the_same_from_what_is_kept_after_every_event_of_a_turn(tmp_path: Path) -> None:
    class Watched(Recorder):
        def _fold(self, event: Any) -> None:
            super()._fold(event)
            # A state that lags behind the store is shown as it is.
            early = self.states[max(0, len(self.states) - 4)]
            for name in NAMES:
                assert_same(self.store, name, "c1", self.live)
                if len(self.states) % 8 == 0:
                    assert_same(self.store, name, "c1", early)

    with Store(tmp_path / "live.db") as store:
        tape = Watched(store)
        play_tool_turn(tape)
        play_open_turn(tape)
