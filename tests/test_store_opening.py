"""Where a store is opened, what is refused there, and how it gets its tables."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import dispatch_nb.store
from dispatch_nb.errors import StoreError, StoreVersionError
from dispatch_nb.store import (
    ConversationRow,
    Store,
    schema,
)
from tests.store_parts import (
    content,
    run_python,
)


@pytest.mark.parametrize("target", ["deep/down/lab.db", "sqlite:///{}/url.db", "~/home.db"])
def test_a_new_file_is_made_with_its_folders(tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with Store(target.format(tmp_path)) as store:
        assert Path(store.location).is_file()
        assert Path(store.location).is_relative_to(tmp_path)
        assert repr(store) == f"Store({store.location!r})"


def test_the_environment_names_the_default_store(tmp_path, monkeypatch):
    monkeypatch.setenv("DISPATCH_NB_STORE", str(tmp_path / "mine.db"))
    with Store() as store:
        assert store.location == str(tmp_path / "mine.db")
    monkeypatch.delenv("DISPATCH_NB_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with Store() as store:
        assert Path(store.location).name == "conversations.db"
        assert Path(store.location).is_relative_to(tmp_path)


def test_stores_in_memory_are_apart_and_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(":memory:") as one, Store("sqlite://") as two:
        one.create_conversation(ConversationRow("c", created_us=1)).result()
        assert one.conversation_ids() == ["c"]
        assert two.conversation_ids() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["", 5, b"lab.db", ["lab.db"]])
def test_what_names_no_store_is_refused_rather_than_kept_in_memory(target):
    with pytest.raises(StoreError, match="A store is named by a path"):
        Store(target)


@pytest.mark.parametrize("text", ["hi", "These are my notes, longer than a header.\n" * 500])
def test_a_file_of_another_kind_is_refused_and_left_as_it_is(tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text)
    before = content(tmp_path)
    with pytest.raises(StoreError, match=r"notes\.txt is not an SQLite database.*Choose"):
        Store(path)
    assert content(tmp_path) == before


def test_a_broken_database_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "lab.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    before = content(tmp_path)
    with pytest.raises(StoreError, match=r"lab\.db is (not an SQLite database|damaged)"):
        Store(path)
    assert content(tmp_path) == before


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "firefox.sqlite"
    other = sqlite3.connect(path)
    other.execute("create table bookmarks (url text)")
    other.commit()
    other.close()
    before = content(tmp_path)
    with pytest.raises(StoreError, match="is a database of another program"):
        Store(path)
    assert content(tmp_path) == before


def test_another_programs_alembic_is_not_taken_for_a_newer_store(tmp_path):
    path = tmp_path / "web.db"
    other = sqlite3.connect(path)
    other.executescript(
        "create table alembic_version (version_num text); insert into alembic_version values ('9');"
    )
    other.close()
    with pytest.raises(StoreError, match="is a database of another program") as caught:
        Store(path)
    assert not isinstance(caught.value, StoreVersionError)


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "lab.db"
    Store(path).close()
    newer = sqlite3.connect(path)
    newer.execute("update alembic_version set version_num = '9999'")
    newer.commit()
    newer.close()
    before = content(tmp_path)
    with pytest.raises(StoreVersionError, match=r"newer version.*revision is 9999.*pip install -U"):
        Store(path)
    assert content(tmp_path) == before


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"is a folder\. Name a file in it"):
        Store(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "lab.db"
    Store(path).close()
    path.chmod(stat.S_IRUSR)
    before = content(tmp_path)
    with pytest.raises(StoreError, match=r"lab\.db is read-only. Allow writing"):
        Store(path)
    assert content(tmp_path) == before


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"cannot be opened: .*Choose a path in a folder"):
        Store(tmp_path / "file" / "lab.db")


@pytest.mark.parametrize(
    "url",
    ["nonsense://x", "://", "postgresql+nosuch://u:secret@h/d", "postgresql://u:secret@h:port/d"],
)
def test_an_address_that_leads_nowhere_is_refused_without_its_password(url):
    with pytest.raises(StoreError, match="cannot be understood") as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_opening_an_existing_store_is_quick_and_needs_no_alembic(tmp_path):
    Store(tmp_path / "lab.db").close()
    code = """
import sys, time
from dispatch_nb.store import Store
started = time.process_time()
Store(sys.argv[1]).close()
print(time.process_time() - started < 0.15, 'alembic' in sys.modules)
"""
    assert run_python(code, tmp_path / "lab.db") == "True False\n"


def test_the_migrations_lead_to_the_tables_of_the_schema(tmp_path):
    with Store(tmp_path / "lab.db") as store, store.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == schema.VERSIONS[-1]


def test_the_known_versions_are_those_of_the_migrations():
    folder = Path(dispatch_nb.store.__file__).parent / "migrations"
    revisions = [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
    assert tuple(reversed(revisions)) == schema.VERSIONS


def test_stores_opened_at_once_in_many_threads_migrate_all(tmp_path):
    errors, barrier = [], threading.Barrier(8)

    def open_one(number):
        barrier.wait()
        try:
            with Store(tmp_path / f"{number % 4}.db") as store:
                store.create_conversation(ConversationRow(f"{number}", created_us=1)).result()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=open_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Store(tmp_path / "0.db") as store:
        assert sorted(store.conversation_ids()) == ["0", "4"]


def test_a_migration_that_is_cut_short_leaves_an_empty_file_that_opens_again(tmp_path, monkeypatch):
    real = sa.Connection.execute

    def fail_at_events(self, statement, *more, **named):
        if "CREATE TABLE events" in str(statement):
            raise KeyboardInterrupt
        return real(self, statement, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(sa.Connection, "execute", fail_at_events)
        with pytest.raises(KeyboardInterrupt):
            Store(tmp_path / "lab.db")
    plain = sqlite3.connect(tmp_path / "lab.db")
    assert plain.execute("select name from sqlite_master").fetchall() == []
    plain.close()
    Store(tmp_path / "lab.db").close()
