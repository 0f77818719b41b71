"""SQL over all frames of a SQLite store, by the names that the frames have.

The store's own views end in ``_frame``, for its tables have the frames' names. Deltas and
latency are not among them: the event log of a finished turn is compressed, which SQL cannot
undo. Here a function does that, for those conversations that a query asks for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeAlias

import pandas as pd

from ..errors import FrameError
from .columns import TIME, FrameSpec
from .read import FrameStore, is_numbered
from .request import FRAMES, Filters, read_frame
from .views import VIEWS, shown_time

__all__ = ["Parameters", "query"]

Parameters: TypeAlias = "Sequence[object] | Mapping[str, object]"

_MOST_AT_ONCE = 256
_NUMBERS, _CELL = "dispatch_nb_rows", "dispatch_nb_cell"


def query(store: FrameStore, sql: str, parameters: Parameters = ()) -> pd.DataFrame:
    """Return what a SELECT over the frames' names finds.

    Parameters
    ----------
    store
        A SQLite store, in a file or in memory; it is only read.
    sql
        One statement. Times are ISO text.
    parameters
        What its ``?`` or ``:name`` stand for.

    Raises
    ------
    FrameError
        If the statement cannot be run, or the store is none of SQLite.
    """
    with _reader(store) as reader:
        connection: Any = reader
        try:
            given: Any = parameters
            return pd.read_sql_query(sql, connection, params=given, dtype_backend="numpy_nullable")
        except (pd.errors.DatabaseError, sqlite3.Error, sqlite3.Warning) as error:
            why = str(error.__cause__ or error)
            names = ", ".join(spec.name for spec in FRAMES)
            raise FrameError(f"The query cannot be run: {why}. There are {names}.") from error


@contextmanager
def _reader(store: FrameStore) -> Iterator[sqlite3.Connection]:
    """Give a connection of its own, which cannot write, with a view for each frame."""
    with store.connect() as shared:
        if not is_numbered(shared):
            raise FrameError(
                f"SQL by the names of the frames needs a SQLite store, which {store.location} "
                "is not. Query its server itself, or read frames."
            )
        if store.path is not None:
            address = f"{store.path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(address, uri=True)
        else:
            connection = sqlite3.connect(":memory:")
            driver: Any = shared.connection.driver_connection
            driver.backup(connection)
    with closing(connection):
        ids = [row[0] for row in connection.execute("SELECT conversation_id FROM conversations")]
        rows = {spec.name: _Rows(store, spec, ids) for spec in FRAMES if spec not in VIEWS}
        connection.create_function(_NUMBERS, 2, lambda name, id: rows[name].numbers(id))
        connection.create_function(_CELL, 4, lambda name, *place: rows[name].cell(*place))
        for spec in FRAMES:
            connection.execute(f"CREATE TEMP VIEW {spec.name} AS {_select(spec)}")
        yield connection


def _select(spec: FrameSpec) -> str:
    if spec in VIEWS:
        return f"SELECT * FROM main.{spec.name}_frame"
    cells = ", ".join(
        f"{_CELL}('{spec.name}', whose.conversation_id, number.key, {place}) AS {name}"
        for place, name in enumerate(spec.names)
        if name != "conversation_id"
    )
    # DISTINCT, which finds nothing twice, lets SQLite work a frame out once in a join, and yet
    # ask only for those conversations that a query is about.
    rows = (
        f"SELECT DISTINCT whose.conversation_id, number.key, {cells} FROM main.conversations AS "
        f"whose, JSON_EACH({_NUMBERS}('{spec.name}', whose.conversation_id)) AS number"
    )
    return f"SELECT {', '.join(spec.names)} FROM ({rows})"


class _Rows:
    """The rows of a frame by conversation, read for more of them at once the more are asked."""

    def __init__(self, store: FrameStore, spec: FrameSpec, ids: Sequence[str]) -> None:
        self._store, self._spec, self._ids = store, spec, ids
        self._places = {each: place for place, each in enumerate(ids)}
        self._known: dict[str, list[tuple[Any, ...]]] = {}
        self._count = 1

    def numbers(self, conversation_id: str) -> str:
        """Return a JSON array with an item for each row of a conversation."""
        return f"[{','.join('0' * len(self._of(conversation_id)))}]"

    def cell(self, conversation_id: str, row: int, column: int) -> Any:
        """Return one value, to the last bit and also with characters that JSON functions lose."""
        return self._of(conversation_id)[row][column]

    def _of(self, conversation_id: str) -> list[tuple[Any, ...]]:
        if conversation_id not in self._known:
            place = self._places[conversation_id]
            ids = self._ids[place : place + self._count]
            self._count = min(4 * self._count, _MOST_AT_ONCE)
            self._known = self._read(ids)
        return self._known[conversation_id]

    def _read(self, ids: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
        frame = read_frame(self._store, self._spec.name, Filters(conversation_id=ids))
        plain = [
            shown_time(frame[column.name]) if column.dtype == TIME else frame[column.name]
            for column in self._spec.columns
        ]
        objects = (each.astype("object") for each in plain)
        listed = [each.where(each.notna(), None).tolist() for each in objects]
        found: dict[str, list[tuple[Any, ...]]] = {each: [] for each in ids}
        for row in zip(*listed, strict=True):
            found[row[0]].append(row)
        return found
