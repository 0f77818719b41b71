"""Reading the store by column: one SELECT per frame, made from its column list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, text

from .columns import Column, FrameSpec
from .scope import Scope

__all__ = [
    "Columns",
    "FrameStore",
    "batches",
    "fetch",
    "fetch_columns",
    "is_numbered",
    "select",
    "sql_columns",
    "turns_of",
]

Columns = dict[str, Any]

_ROWS_AT_ONCE = 20_000


class FrameStore(Protocol):
    """What frames ask of a store: a connection whose reads all see the same moment."""

    @property
    def location(self) -> str:
        """What the store is called."""
        ...

    @property
    def path(self) -> Path | None:
        """The file it is in, if it is in one."""
        ...

    def connect(self) -> AbstractContextManager[Connection]:
        """Return a connection for reading, given back when the context ends."""
        ...


def sql_columns(spec: FrameSpec) -> list[Column]:
    """Return the columns of `spec` that have a SQL source, its inputs first."""
    return [column for column in (*spec.inputs, *spec.columns) if isinstance(column.source, str)]


def select(spec: FrameSpec, scope: Scope, *, numbered: bool) -> tuple[str, list[str]]:
    """Return the SELECT of all columns of `spec` that have a SQL source, and their names."""
    read = sql_columns(spec)
    selected = ", ".join(f"{column.source} AS {column.name}" for column in read) or "1 AS one"
    whole = spec.name == "conversations"
    sql = scope.fill(f"SELECT {selected} {spec.tables}", whole=whole, numbered=numbered)
    return sql, [column.name for column in read] or ["one"]


def is_numbered(connection: Connection) -> bool:
    """Return whether rows have a number that grows as they are stored."""
    return connection.dialect.name == "sqlite"


def batches(connection: Connection, sql: str, names: list[str], scope: Scope) -> Iterator[Columns]:
    """Run a SELECT and yield its columns as lists, some thousand rows at a time."""
    result = connection.execute(text(sql), scope.parameters(sql))
    # The driver's own rows: wrapping each would cost as much as reading it.
    cursor = result.cursor
    assert cursor is not None
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield dict(zip(names, zip(*rows, strict=True), strict=True))
    result.close()


def fetch(connection: Connection, sql: str, names: list[str], scope: Scope) -> Columns:
    """Run one SELECT, filled in by `scope`, and return its columns as lists."""
    sql = scope.fill(sql, whole=False, numbered=is_numbered(connection))
    return _gathered(batches(connection, sql, names, scope), names)


def fetch_columns(connection: Connection, spec: FrameSpec, scope: Scope) -> Columns:
    """Read every column of `spec` that has a SQL source, and its inputs."""
    sql, names = select(spec, scope, numbered=is_numbered(connection))
    return _gathered(batches(connection, sql, names, scope), names)


def _gathered(parts: Iterator[Columns], names: list[str]) -> Columns:
    columns: Columns = {name: [] for name in names}
    for part in parts:
        for name, values in part.items():
            columns[name].extend(values)
    return columns


def turns_of(connection: Connection, scope: Scope) -> Columns | None:
    """Return ids of the turns that a scope chooses and of their conversations, None for all."""
    if not scope.of_some_turns:
        return None
    names = ["turn_id", "conversation_id"]
    return fetch(
        connection, "SELECT turn_id, conversation_id FROM turns WHERE {turns}", names, scope
    )
