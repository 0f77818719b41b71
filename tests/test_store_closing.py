"""What closing a store means, and what a locked, full or failing disk does."""

from __future__ import annotations

import gc
import sqlite3
import threading

import pytest
import sqlalchemy as sa

from dispatch_nb.errors import StoreError
from dispatch_nb.store import (
    ConversationRow,
    Store,
    database,
)
from tests.store_parts import (
    content,
    run_python,
)


def test_a_closed_store_says_so(tmp_path):
    store = Store(tmp_path / "lab.db")
    store.create_conversation(ConversationRow("c", created_us=1)).result()
    was_closed = store.closed
    store.close()
    store.close()
    assert (was_closed, store.closed) == (False, True)
    with pytest.raises(StoreError, match="is closed"):
        store.history("c")
    with pytest.raises(StoreError, match="is closed"):
        store.mark_interrupted("c")
    assert sorted(content(tmp_path)) == ["lab.db"]


def test_closing_writes_what_was_submitted(tmp_path):
    store = Store(tmp_path / "lab.db")
    futures = [
        store.create_conversation(ConversationRow(f"c{n}", created_us=n)) for n in range(500)
    ]
    store.close()
    assert all(future.done() for future in futures)
    with Store(tmp_path / "lab.db") as again:
        assert len(again.conversation_ids()) == 500


def test_a_process_that_ends_without_closing_writes_what_was_submitted(tmp_path):
    code = """
import sys
from dispatch_nb.store import ConversationRow, Store
store = Store(sys.argv[1])
for n in range(500):
    store.create_conversation(ConversationRow(f"c{n}", created_us=n))
"""
    run_python(code, tmp_path / "lab.db")
    with Store(tmp_path / "lab.db") as store:
        assert len(store.conversation_ids()) == 500


def threads():
    """Return all threads but those of event loops, which start for other tests' work as well."""
    return {each for each in threading.enumerate() if not each.name.startswith("asyncio_")}


def test_a_store_that_is_let_go_ends_its_threads(tmp_path):
    before = threads()
    store = Store(tmp_path / "lab.db")
    store.create_conversation(ConversationRow("c", created_us=1)).result()
    own = {each for each in threads() - before if each.name.startswith("dispatch_nb store")}
    assert len(own) == 2
    del store
    gc.collect()
    for thread in own:
        thread.join(60)
        assert not thread.is_alive()
    assert sorted(content(tmp_path)) == ["lab.db"]


def test_a_store_that_is_only_read_starts_no_thread(tmp_path):
    before = threads()
    with Store(tmp_path / "lab.db") as store:
        store.conversation_ids()
        assert threads() <= before


def test_a_file_that_another_program_locks_says_so_and_works_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.05)
    with Store(tmp_path / "lab.db") as store:
        other = sqlite3.connect(tmp_path / "lab.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"is locked by another program\. Close what else"):
            store.create_conversation(ConversationRow("c", created_us=1)).result()
        assert store.conversation_ids() == []
        other.execute("ROLLBACK")
        other.close()
        store.create_conversation(ConversationRow("c", created_us=1)).result()
        assert store.conversation_ids() == ["c"]


def test_a_full_database_says_so_and_keeps_what_it_has(tmp_path):
    with Store(tmp_path / "lab.db") as store:
        store.create_conversation(ConversationRow("small", created_us=1)).result()
        pages = []

        def limit(connection, record):
            pages.append(connection.execute("PRAGMA max_page_count = 80").fetchone())

        sa.event.listen(sa.Engine, "connect", limit)
        try:
            with Store(tmp_path / "lab.db") as full:
                huge = ConversationRow("huge", created_us=1, system_prompt="x" * 2_000_000)
                with pytest.raises(StoreError, match=r"the disk is full\. Free some space"):
                    full.create_conversation(huge).result()
                full.create_conversation(ConversationRow("after", created_us=2)).result()
                assert full.conversation_ids() == ["after", "small"]
        finally:
            sa.event.remove(sa.Engine, "connect", limit)
        assert pages
        store.create_conversation(huge).result()
        assert len(store.conversation_ids()) == 3


def test_a_failing_disk_fails_the_write_and_no_later_one(tmp_path):
    pytest.importorskip("resource")
    code = """
import resource, sys
from dispatch_nb.errors import StoreError
from dispatch_nb.store import ConversationRow, Store
store = Store(sys.argv[1])
store.create_conversation(ConversationRow("before", created_us=1)).result()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
try:
    store.create_conversation(ConversationRow("huge", 1, system_prompt="x" * 2_000_000)).result()
except StoreError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.create_conversation(ConversationRow("after", created_us=2)).result()
print(store.conversation_ids())
store.close()
"""
    said, ids = run_python(code, tmp_path / "lab.db").splitlines()
    assert "the disk reported an error" in said
    assert ids == "['after', 'before']"
