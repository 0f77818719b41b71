"""The log of a store's file is moved into the file beside the writer, never by it."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from dispatch_nb.store import ConversationRow, Store, checkpoints
from tests.store_parts import append, assert_gap_free
from tests.waiting import wait_until

# More than SQLite by itself would let a log grow to before a commit moves it.
SQLITES_OWN_LIMIT = 1000 * 4096


def fill(store):
    store.create_conversation(ConversationRow("c", created_us=1)).result()
    for n in range(1, 61):
        append(store, n, "x" * 100_000).result()


def size(path, end=""):
    return path.with_name(path.name + end).stat().st_size


@pytest.fixture
def path(tmp_path):
    Store(tmp_path / "lab.db").close()
    return tmp_path / "lab.db"


def test_no_commit_waits_for_the_log_to_be_moved(path, monkeypatch):
    monkeypatch.setattr(checkpoints, "QUIET_S", 60)
    monkeypatch.setattr(checkpoints, "LONGEST_S", 60)
    before = size(path)
    with Store(path) as store:
        fill(store)
        assert size(path, "-wal") > SQLITES_OWN_LIMIT
        assert size(path) == before
    assert size(path) > SQLITES_OWN_LIMIT


@pytest.mark.parametrize(("quiet", "longest"), [(0.05, 60), (60, 0.05)])
def test_the_log_is_moved_in_a_pause_and_when_there_is_none(path, monkeypatch, quiet, longest):
    monkeypatch.setattr(checkpoints, "QUIET_S", quiet)
    monkeypatch.setattr(checkpoints, "LONGEST_S", longest)
    with Store(path) as store:
        fill(store)
        wait_until(lambda: size(path) > SQLITES_OWN_LIMIT)
        assert len(assert_gap_free(store)) == 60


def test_a_store_that_was_moved_away_does_not_come_back_as_an_empty_file(path, monkeypatch):
    monkeypatch.setattr(checkpoints, "QUIET_S", 0)
    folder = path.with_name("elsewhere")
    folder.mkdir()
    with Store(path) as store:
        store.create_conversation(ConversationRow("c", created_us=1)).result()
        for file in path.parent.glob("lab.db*"):
            file.rename(folder / file.name)
        append(store, 1, "text").result()
    assert not path.exists()


def test_what_stands_in_the_log_alone_is_read_with_the_file(path):
    with Store(path) as store:
        store.create_conversation(ConversationRow("c", created_us=1)).result()
        append(store, 1, "kept").result()
        copy = path.with_name("copy.db")
        for end in ("", "-wal"):
            copy.with_name(f"copy.db{end}").write_bytes(path.with_name(f"lab.db{end}").read_bytes())
    with Store(copy) as store:
        assert [item.chunk.text for item in assert_gap_free(store)] == ["kept"]
    other = sqlite3.connect(copy)
    assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    other.close()


def test_a_store_may_be_closed_on_the_thread_that_moves_its_log(path, monkeypatch):
    monkeypatch.setattr(checkpoints, "QUIET_S", 0)
    store = Store(path)
    closed = threading.Event()

    def close(self):
        store.close()
        closed.set()

    monkeypatch.setattr(checkpoints.Checkpoints, "_move", close)
    store.create_conversation(ConversationRow("c", created_us=1)).result()
    assert closed.wait(60)
    wait_until(lambda: not path.with_name("lab.db-wal").exists())


def test_a_store_that_is_closed_just_before_its_log_is_moved_ends_its_thread(path, monkeypatch):
    class ClosedMeanwhile(threading.Event):
        def clear(self):
            closing.start()
            wait_until(moving._closing.is_set)
            super().set()
            super().clear()

    monkeypatch.setattr(checkpoints, "QUIET_S", 0)
    moving = checkpoints.Checkpoints(path)
    moving._wanted = ClosedMeanwhile()
    closing = threading.Thread(target=moving.close, daemon=True)
    moving.committed()
    wait_until(lambda: closing.ident is not None)
    closing.join(10)
    assert not closing.is_alive()
