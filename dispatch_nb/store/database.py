"""The connections of one store: one that writes, several that read."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from ..errors import StoreError
from .checkpoints import LOG_LIMIT_PAGES, Checkpoints
from .failures import store_error
from .paths import Place
from .versions import Versions

__all__ = ["LOCK_WAIT_S", "Database"]

LOCK_WAIT_S = 20.0
"""How long (seconds) a connection waits for another process to finish writing."""


class Database:
    """Opens connections to a place and turns a database's errors into sentences.

    A file has one writing connection and a pool of reading ones that never wait for it.
    A store in memory has a single connection, which a lock hands around.
    """

    def __init__(self, place: Place) -> None:
        self.location = place.location
        self.path = place.path
        self.is_server = place.url.get_backend_name() != "sqlite"
        self._guard: AbstractContextManager[Any] = nullcontext()
        self._reading: sa.Engine
        self._writing: sa.Engine
        self._closed = False
        self._checkpoints: Checkpoints | None = None
        self._writer: sa.Connection | None = None
        self._versions: Versions | None = None
        with self.sentences():
            if self.is_server:
                self._writing = _server_engine(place)
                self._reading = self._writing.execution_options(isolation_level="REPEATABLE READ")
            elif place.path is None:
                self._guard = threading.RLock()
                self._reading = self._writing = _sqlite_engine(place.url, "memory")
            else:
                self._reading = _sqlite_engine(place.url, "read")
                self._writing = _sqlite_engine(place.url, "write")
                self._checkpoints = Checkpoints(place.path)
                self._versions = Versions(place.path)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection whose queries all see the same moment."""
        with self._guard, self.sentences(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give the writing connection in a transaction that nobody else writes beside."""
        with self._guard, self.sentences():
            if self._checkpoints is None:
                with self._writing.begin() as connection:
                    yield connection
                return
            # A file's one writing connection stays in the writer's hands: fetching it costs
            # as much as a small transaction.
            if self._writer is None:
                self._writer = self._writing.connect()
            with self._writer.begin():
                yield self._writer

    def committed(self) -> None:
        """Take note of a commit of the writer's thread."""
        if self._checkpoints is not None:
            self._checkpoints.committed()

    @property
    def is_shared(self) -> bool:
        """Whether other processes can open the same database."""
        return self.is_server or self._versions is not None

    def version(self) -> int:
        """Return a number that is another one after every commit."""
        if self._versions is None:
            # A server has no such number: every look is worth one.
            return time.monotonic_ns()
        with self.sentences():
            return self._versions.read()

    @property
    def on_own_thread(self) -> bool:
        """Whether the caller is a thread that `close` waits for."""
        return self._checkpoints is not None and self._checkpoints.on_own_thread

    def close(self) -> None:
        """Close every connection that is not in use, and give no more."""
        if self._checkpoints is not None:
            self._checkpoints.close()
        with self._guard:
            self._closed = True
            if self._versions is not None:
                self._versions.close()
            if self._writer is not None:
                self._writer.close()
            self._reading.dispose()
            self._writing.dispose()

    def session(self) -> sa.Connection:
        """Open a connection to a server that is in no transaction; the caller closes it."""
        return self._writing.connect().execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Turn a database's errors into sentences."""
        if self._closed:
            raise StoreError(f"The store {self.location} is closed. Open it again to use it.")
        try:
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            raise store_error(error, self.location) from error


def _server_engine(place: Place) -> sa.Engine:
    try:
        return sa.create_engine(place.url)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"The store {place.location} needs the Python package {error.name!r}, which is not "
            f"installed: run `pip install {error.name}`."
        ) from error


def _sqlite_engine(url: sa.URL, use: str) -> sa.Engine:
    arguments: dict[str, Any] = {"timeout": LOCK_WAIT_S, "check_same_thread": False}
    if use == "read":
        engine = sa.create_engine(url, connect_args=arguments)
    else:
        engine = sa.create_engine(url, connect_args=arguments, poolclass=StaticPool)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: object) -> None:
        # Transactions begin where `begin` says, not where the driver guesses.
        connection.isolation_level = None
        if use == "read":
            connection.execute("PRAGMA query_only = ON")
            return
        if use == "write":
            _use_wal(connection)
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_LIMIT_PAGES}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        # A reader of a store in memory may ask for a second connection: it is the same one.
        if not driver.in_transaction:
            # Without IMMEDIATE two writers could both read, and one would then fail.
            connection.exec_driver_sql("BEGIN" if use == "read" else "BEGIN IMMEDIATE")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers go on while a writer writes; SQLite's own waiting does not cover this switch."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
