"""Events as rows of the log, many of them with one statement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa

from . import schema
from .rows import EventRow

__all__ = ["insert_events"]

_COLUMNS = ("conversation_id", "n", "turn_id", "type", "at_us", "mono_us", "event_json")
_insert = schema.events.insert()


def _statement(count: int) -> str:
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * count)}"


# Python's lock is let go for every statement that runs, and a busy turn loop is slow to give
# it back: 100 rows shall not need 100 statements. A few sizes keep every one of them prepared.
_STATEMENTS = tuple((count, _statement(count)) for count in (64, 16, 4, 1))


def insert_events(connection: sa.Connection, rows: Sequence[tuple[str, EventRow]]) -> None:
    """Insert events, each given with its conversation's id, in their order."""
    values = [_values(conversation_id, row) for conversation_id, row in rows]
    if connection.dialect.name != "sqlite":
        connection.execute(_insert, [dict(zip(_COLUMNS, row, strict=True)) for row in values])
        return
    start = 0
    for count, statement in _STATEMENTS:
        while len(values) - start >= count:
            group = values[start : start + count]
            connection.exec_driver_sql(statement, tuple(chain.from_iterable(group)))
            start += count


def _values(conversation_id: str, row: EventRow) -> tuple[Any, ...]:
    event = row.event
    turn_id = getattr(event, "turn_id", None)
    return conversation_id, row.n, turn_id, event.type, row.at_us, row.mono_us, event.to_json()
