"""A disk that fills up, fails or turns read-only in the middle of a turn, and recovers."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from contextlib import closing

import pytest
import sqlalchemy as sa

from dispatch_nb.compose import open_store
from dispatch_nb.engine.contracts import Finish, TextDelta
from dispatch_nb.errors import StoreError
from dispatch_nb.wire.conversation import TextChunk
from tests.conversation_parts import Listener, Scripted, opened, texts
from tests.store_parts import assert_gap_free, run_python


class PageLimit:
    """The file may not grow: what SQLite makes of a full disk."""

    says = "the disk is full. Free some space"

    def __init__(self, path):
        self.connections = []
        sa.event.listen(sa.Engine, "connect", self.connected)

    def connected(self, connection, record):
        self.connections.append(connection)

    def begin(self):
        for connection in self.connections:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")

    def end(self):
        for connection in self.connections:
            connection.execute("PRAGMA max_page_count = 1073741823")

    def close(self):
        sa.event.remove(sa.Engine, "connect", self.connected)


class ReadOnly(PageLimit):
    """The file may not be written any more."""

    says = "it is read-only"

    def begin(self):
        self.was = [(c, c.execute("PRAGMA query_only").fetchone()[0]) for c in self.connections]
        for connection, _ in self.was:
            connection.execute("PRAGMA query_only = ON")

    def end(self):
        for connection, value in self.was:
            connection.execute(f"PRAGMA query_only = {value}")


class FullDisk:
    """A disk of its own, really full."""

    says = "the disk is full. Free some space"

    def __init__(self, path):
        self.folder = path.parent
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(self.folder)]
        try:
            done = subprocess.run(mount, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount program here")
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        self.filler = self.folder / "filler"

    def begin(self):
        # Unbuffered, so that the last write that fits is a small one.
        with self.filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096) == 4096:
                    pass
            except OSError:
                pass

    def end(self):
        self.filler.unlink()

    def close(self):
        subprocess.run(["umount", str(self.folder)], check=True)


class FileSizeLimit:
    """No file of this process may grow: the system refuses the write itself."""

    says = "the disk reported an error"

    def __init__(self, path):
        import resource

        self.resource, self.path = resource, path
        self.usual = resource.getrlimit(resource.RLIMIT_FSIZE)

    def begin(self):
        largest = max(file.stat().st_size for file in self.path.parent.iterdir())
        limits = (largest, self.usual[1])
        self.resource.setrlimit(self.resource.RLIMIT_FSIZE, limits)

    def end(self):
        self.resource.setrlimit(self.resource.RLIMIT_FSIZE, self.usual)

    def close(self):
        self.end()


def live_through(path, trouble):
    """Hold a turn, have the next one meet trouble, and another one once it is over."""
    store = open_store(path)
    words = [f"word{number} " for number in range(20)]

    async def begin():
        while len(deltas(listener)) < len(words) + 1:
            await asyncio.sleep(0.001)
        trouble.begin()

    provider = Scripted(
        [TextDelta("fine"), Finish("stop")],
        [
            *map(TextDelta, words),
            begin,
            *[item for n in range(3000) for item in (TextDelta(f"{n} " * 200), pause)],
            Finish("stop"),
        ],
        [TextDelta("fine again"), Finish("stop")],
    )
    conversation, listener = opened(provider, store), Listener()
    conversation.subscribe(listener)
    conversation.send("before").result(30)
    store.compact("c").result(60)  # or it fails in the trouble to come, and says so
    turn = conversation.send("during")
    with pytest.raises(StoreError, match=trouble.says) as caught:
        turn.result(60)
    assert str(path) in str(caught.value)
    assert conversation.notice == str(caught.value)
    assert conversation.status == "idle"
    assert provider.closed.is_set()
    # Everything that was shown is stored, and nothing else is.
    assert store.events("c") == listener.rows
    assert deltas(listener)[1 : len(words) + 1] == words
    assert texts(conversation) == [
        ("user", "before"),
        ("assistant", "fine"),
        ("user", "during"),
    ]
    assert_gap_free(store)

    with pytest.raises(StoreError, match=trouble.says):
        conversation.send("too early").result(60)
    # A small write may still have found room; whatever was shown is there.
    assert store.events("c")[: len(listener.rows)] == listener.rows
    assert_gap_free(store)

    trouble.end()
    shown = "".join(deltas(listener)[1:])
    assert conversation.send("after").result(60).text == "fine again"
    assert [said for said in texts(conversation) if said != ("user", "too early")][2:] == [
        ("user", "during"),
        ("assistant", shown),
        ("user", "after"),
        ("assistant", "fine again"),
    ]
    assert conversation.notice == ""
    assert list(conversation.live.transcript.committed) == assert_gap_free(store)
    assert provider.requests[-1][3].chunks == [TextChunk(text=shown)]
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        query = "SELECT status FROM turns ORDER BY turn_index"
        statuses = [status for (status,) in connection.execute(query)]
        assert (*statuses[:2], statuses[-1]) == ("completed", "interrupted", "completed")
        assert set(statuses[2:-1]) <= {"interrupted"}


def pause():
    return asyncio.sleep(0)


def deltas(listener):
    return [row.event.delta for row in listener.rows if row.event.type == "text-delta"]


@pytest.mark.parametrize("kind", [PageLimit, ReadOnly, FullDisk])
def test_a_turn_that_meets_trouble_stops_and_the_next_one_works(tmp_path, kind):
    trouble = kind(tmp_path / "lab.db")
    try:
        live_through(tmp_path / "lab.db", trouble)
    finally:
        trouble.close()


def test_a_turn_whose_write_the_system_refuses_stops_and_the_next_one_works(tmp_path):
    pytest.importorskip("resource")
    code = """
import sys
from pathlib import Path
from tests.test_disk_trouble import FileSizeLimit, live_through
path = Path(sys.argv[1])
live_through(path, FileSizeLimit(path))
"""
    run_python(code, tmp_path / "lab.db")
