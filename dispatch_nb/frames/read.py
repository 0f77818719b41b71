"""Reading the store by column: one SELECT per frame, made from its column list."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Boolean, Connection, text

from .columns import BOOLEAN, FrameSpec

__all__ = ["EVERYTHING", "Columns", "FrameStore", "fetch", "fetch_columns"]

Columns = dict[str, list[Any]]

EVERYTHING = 2**62
"""A seq that no conversation reaches: the bound of a read that has none."""

_ROWS_AT_ONCE = 20_000
_TABLES = ("conversations", "turns", "steps", "chunks", "tool_calls")


class FrameStore(Protocol):
    """What frames ask of a store: a connection whose reads all see the same moment."""

    def connect(self) -> AbstractContextManager[Connection]:
        """Return a connection for reading, given back when the context ends."""
        ...


def fetch(
    connection: Connection,
    sql: str,
    names: list[str],
    conversation_id: str | None,
    upto: int = EVERYTHING,
    truths: Iterable[str] = (),
) -> Columns:
    """Run one SELECT and return its columns as lists, in the order of `names`.

    ``{steps}`` and the like in `sql` become the condition that keeps one conversation's
    rows of that table; ``:upto`` is the last seq that counts. The columns in `truths` are
    given as booleans, which SQLite stores as 0 and 1.
    """
    scopes = {
        table: "1 = 1" if conversation_id is None else f"{table}.conversation_id = :conversation_id"
        for table in _TABLES
    }
    parameters: dict[str, object] = {}
    if ":upto" in sql:
        parameters["upto"] = upto
    if conversation_id is not None:
        parameters["conversation_id"] = conversation_id
    columns: Columns = {name: [] for name in names}
    query = text(sql.format(**scopes)).columns(**dict.fromkeys(truths, Boolean))
    result = connection.execute(query, parameters)
    for rows in result.partitions(_ROWS_AT_ONCE):
        for column, part in zip(columns.values(), zip(*rows, strict=True), strict=True):
            column.extend(part)
    return columns


def fetch_columns(
    connection: Connection, spec: FrameSpec, conversation_id: str | None, upto: int = EVERYTHING
) -> Columns:
    """Read every column of `spec` that has a SQL source, and its inputs."""
    read = [column for column in (*spec.inputs, *spec.columns) if isinstance(column.source, str)]
    names = [column.name for column in read]
    truths = [column.name for column in read if column.dtype == BOOLEAN]
    selected = ", ".join(f"{column.source} AS {column.name}" for column in read)
    sql = f"SELECT {selected} {spec.tables}"
    return fetch(connection, sql, names, conversation_id, upto, truths)
