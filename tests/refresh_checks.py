"""What the tests of refreshed frames compare: a frame again, and one read from nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dispatch_nb.frames import FRAMES, Filters, cache, read_frame
from dispatch_nb.store import Store
from dispatch_nb.transcript.live import LiveState
from tests.refresh_parts import Writer

FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
NAMES = [spec.name for spec in FRAMES]


def again(store: Store, name: str, conversation_id: str | None = None) -> pd.DataFrame:
    return read_frame(store, name, Filters(), conversation_id=conversation_id)


def from_nothing(
    store: Store, name: str, conversation_id: str | None = None, live: LiveState | None = None
) -> pd.DataFrame:
    """Return a frame of which nothing was known before."""
    known = cache._frames_of(store)
    cache._stores[store] = cache._Frames()
    try:
        return read_frame(store, name, Filters(), conversation_id=conversation_id, live=live)
    finally:
        cache._stores[store] = known


def assert_same(
    store: Store, name: str, conversation_id: str | None, live: LiveState | None = None
) -> None:
    kept = read_frame(store, name, Filters(), conversation_id=conversation_id, live=live)
    fresh = from_nothing(store, name, conversation_id, live)
    pd.testing.assert_frame_equal(kept, fresh, check_exact=True, obj=f"{name} {conversation_id}")
    assert kept.attrs == fresh.attrs


TOUR = (
    *("create 0 1", "create 0 2", "begin 0 1", "request 0 1", "deltas 0 3", "step 0 1"),
    *("step 0 2", "price 0 3", "steer 0 1", "interrupt 0 1", "begin 1 2", "deltas 1 1"),
    # The rows of a turn's events go, and their numbers are given to others.
    *("end 0 1", "compact 0 1 deltas 1 4", "step 1 5", "request 0 5", "rename 0 1", "touch 0 1"),
    *("call 0 1", "call 0 2", "fork 0 1", "begin 1 8", "settle 1 1", "step 0 4"),
    *("begin 0 1", "request 0 1", "move 0 0", "delete 1 1", "step 0 7"),
)
"""Everything that can happen, in an order that lets all of it happen."""


def tour(folder: Path, before: str | None = None, names: Sequence[str] = NAMES) -> None:
    """Read frames, of the store and of a conversation in turn, after all that can happen."""
    with Store(folder / "tour.db") as store:
        if before is not None:
            with store._database.write() as connection:
                connection.exec_driver_sql(before)
        writer = Writer(store, "own")
        for number, told in enumerate(TOUR):
            words = told.split()
            for action, choice, value in zip(*(words[each::3] for each in range(3)), strict=True):
                writer.do(action, int(choice), int(value))
            for name in names:
                assert_same(store, name, None)
                if number % 2:
                    assert_same(store, name, writer.conversations[0])
