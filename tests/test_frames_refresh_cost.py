"""What a frame costs that is read again, and what is kept for it: no more than is new."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from dispatch_nb.frames import Filters, cache, read_frame
from dispatch_nb.store import ConversationRow, Store
from tests.refresh_checks import FULL, NAMES, again, assert_same, from_nothing
from tests.refresh_pour import pour


class Work:
    """Counts what SQLite does for a frame, in steps of its machine: some for each row it sees."""

    def __init__(self, store: Store) -> None:
        self.store, self.steps = store, 0
        engine = store._database._reading
        sa.event.listen(engine, "checkout", self._watch)
        sa.event.listen(engine, "checkin", self._leave)

    def _watch(self, connection: Any, *_: Any) -> None:
        # Another thread that counted could wait for this one, and this one for its database.
        if threading.current_thread() is threading.main_thread():
            connection.set_progress_handler(self._tick, 10)

    def _leave(self, connection: Any, *_: Any) -> None:
        connection.set_progress_handler(None, 0)

    def _tick(self) -> None:
        self.steps += 10

    def of(self, name: str, filters: Filters) -> int:
        self.steps = 0
        read_frame(self.store, name, filters)
        return self.steps


def costs_of_news(folder: Path, before: int, new: int) -> dict[str, int]:
    """Return what every frame costs after new turns in a store of many or few before."""
    with Store(folder / f"of-{before}.db") as store:
        for one in ("long", "other"):
            store.create_conversation(ConversationRow(one, created_us=1)).result()
            pour(store, one, 0, before)
        work, costs = Work(store), {}
        asked: list[tuple[str, str | None]] = [
            (name, id) for name in NAMES for id in (None, "long")
        ]
        for name, id in asked:
            again(store, name, id)
        pour(store, "long", before, new)
        for name, id in asked:
            costs[f"{name} of {id}"] = work.of(name, Filters(conversation_id=id))
        store.price_steps({"long-t1-s0": {"cost_usd": 7.0}}).result()
        for name, id in asked:
            costs[f"{name} of {id}, an old step"] = work.of(name, Filters(conversation_id=id))
            assert_same(store, name, id)
        for name in NAMES:
            store.create_conversation(ConversationRow(name, created_us=1)).result()
            pour(store, name, 0, 2)
            costs[f"{name} filtered"] = work.of(name, Filters(conversation_id=name))
        return costs


def assert_independent(folder: Path) -> None:
    new, few, many = (84, 20, 800) if FULL else (10, 10, 100)
    little, much = (costs_of_news(folder, before, new) for before in (few, many))
    for what, cost in little.items():
        assert much[what] <= 1.3 * cost + 100, (what, cost, much[what])


def test_new_rows_cost_the_same_in_a_small_store_and_in_a_large_one(tmp_path: Path) -> None:
    assert_independent(tmp_path)


WITHOUT_ARROW = """
import sys
sys.modules["pyarrow"] = None
from pathlib import Path
from tests.refresh_checks import tour
from tests.test_frames_refresh_cost import assert_independent
tour(Path(sys.argv[1]), names=["chunks", "messages", "tool_calls"])  # read in other ways
assert_independent(Path(sys.argv[1]))
"""


def test_without_arrow_it_is_as_exact_and_costs_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ARROW, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def spoil(frame: pd.DataFrame) -> None:
    """Change everything in a frame in every way that changes it in place."""
    for name in frame.columns:
        old = frame[name].copy()
        # Of times pandas gives no values that could be written to.
        ways = ("array", "loc", "iloc", "series", "values")
        for way in ways[: 4 if str(frame[name].dtype).startswith("datetime") else 5]:
            part = frame[name]
            other = old.iloc[-1]
            try:
                if way == "array":
                    part.array[0] = other
                elif way == "values":
                    part.values[0] = other
                elif way == "loc":
                    frame.loc[0, name] = other
                elif way == "iloc":
                    frame.iloc[0:1, list(frame.columns).index(name)] = other
                else:
                    part.iloc[0] = other
            except ValueError as error:
                # pandas gives this memory away without a copy: it cannot be written to.
                if way not in ("array", "values") or "read-only" not in str(error):
                    raise
    frame.attrs.clear()
    frame.pop(frame.columns[0])
    frame.index = pd.RangeIndex(1, 1 + len(frame))


@pytest.mark.parametrize("name", NAMES)
def test_who_changes_a_frame_in_place_does_not_spoil_the_next(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "mine.db")
    for id in ("a", "b"):
        store.create_conversation(ConversationRow(id, created_us=1)).result()
        pour(store, id, 0, 3)
    fresh = from_nothing(store, name)
    for _ in range(3):
        spoil(read_frame(store, name, Filters()))
        pd.testing.assert_frame_equal(read_frame(store, name, Filters()), fresh)
    old = read_frame(store, name, Filters())
    pour(store, "a", 3, 3)
    store.price_steps({"a-t1-s0": {"cost_usd": 7.0}}).result()
    store.update_conversation("a", title="another").result()
    spoil(read_frame(store, name, Filters()))
    assert_same(store, name, None)
    # What was given away before stays as it was, and can be changed when the store is gone.
    pd.testing.assert_frame_equal(old, fresh)
    store.close()
    del store
    gc.collect()
    spoil(old)


def test_what_is_kept_goes_with_its_store_and_is_never_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "kept.db")
    store.create_conversation(ConversationRow("a", created_us=1)).result()
    pour(store, "a", 0, 20)
    for name in NAMES:
        read_frame(store, name, Filters())
    assert set(cache._stores[store].kept) == {(name, None) for name in NAMES}
    sizes = {name: cache._stores[store].kept[name, None].nbytes for name in NAMES}
    monkeypatch.setattr(cache, "_most_bytes", lambda: sizes["chunks"] + sizes["steps"])
    read_frame(store, "chunks", Filters())
    read_frame(store, "steps", Filters())
    assert set(cache._stores[store].kept) == {("chunks", None), ("steps", None)}
    monkeypatch.setattr(cache, "_most_bytes", lambda: 0)
    assert_same(store, "turns", None)
    store.close()
    gone = weakref.ref(store)
    del store
    gc.collect()
    assert gone() is None
    with Store(tmp_path / "next.db") as other:
        again(other, "chunks")
    assert None not in [each() for each, _ in cache._used]
