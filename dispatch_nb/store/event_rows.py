"""The ends of event logs and the rows behind them, many of them with one statement.

Python's lock is let go for every statement that runs, and a busy turn loop is slow to give
it back: the events of 200 conversations shall not need 200 statements. SQLite alone gets
these; a database server is spoken to in batches by its own driver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa

from . import schema
from .rows import EventRow

__all__ = ["NewEnd", "insert_events", "move_ends"]

_COLUMNS = ("conversation_id", "n", "turn_id", "type", "at_us", "mono_us", "event_json")
_conversations = schema.conversations
_insert = schema.events.insert()
_move = (
    _conversations.update()
    .where(
        _conversations.c.conversation_id == sa.bindparam("id"),
        _conversations.c.last_n == sa.bindparam("old_end"),
    )
    .values(last_n=sa.bindparam("new_end"), updated_us=sa.bindparam("at_us"))
)


class NewEnd(NamedTuple):
    """How a conversation's log grows: the numbers of its last event before and after."""

    id: str
    old_end: int
    new_end: int
    at_us: int


def _groups(fields: int, beginning: str, ending: str = "") -> tuple[tuple[int, str], ...]:
    # A few sizes, so that every statement stays prepared.
    row = f"({', '.join('?' * fields)})"
    return tuple((n, f"{beginning} {', '.join([row] * n)}{ending}") for n in (64, 16, 4, 1))


_INSERTS = _groups(len(_COLUMNS), f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES")
_MOVES = _groups(
    len(NewEnd._fields),
    f"WITH ends ({', '.join(NewEnd._fields)}) AS (VALUES",
    """)
    UPDATE conversations
    SET last_n = (SELECT new_end FROM ends WHERE id = conversation_id),
        updated_us = (SELECT at_us FROM ends WHERE id = conversation_id)
    WHERE conversation_id IN (SELECT id FROM ends)
    AND last_n = (SELECT old_end FROM ends WHERE id = conversation_id)
    """,
)


def move_ends(connection: sa.Connection, ends: Sequence[NewEnd]) -> int:
    """Move the ends of different conversations' logs; return how many were where they should."""
    if connection.dialect.name != "sqlite":
        return connection.execute(_move, [end._asdict() for end in ends]).rowcount
    moved = 0
    for statement, values in _in_groups(_MOVES, ends):
        connection.exec_driver_sql(statement, values)
        # The driver counts no rows of a statement that begins with WITH.
        moved += connection.exec_driver_sql("SELECT changes()").scalar_one()
    return moved


def insert_events(connection: sa.Connection, rows: Sequence[tuple[str, EventRow]]) -> None:
    """Insert events, each given with its conversation's id, in their order."""
    values = [_values(conversation_id, row) for conversation_id, row in rows]
    if connection.dialect.name != "sqlite":
        connection.execute(_insert, [dict(zip(_COLUMNS, row, strict=True)) for row in values])
        return
    for statement, group in _in_groups(_INSERTS, values):
        connection.exec_driver_sql(statement, group)


def _in_groups(
    statements: Sequence[tuple[int, str]], rows: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield statements, largest first, with the values for their rows one after the other."""
    start = 0
    for count, statement in statements:
        while len(rows) - start >= count:
            yield statement, tuple(chain.from_iterable(rows[start : start + count]))
            start += count


def _values(conversation_id: str, row: EventRow) -> tuple[Any, ...]:
    event = row.event
    turn_id = getattr(event, "turn_id", None)
    return conversation_id, row.n, turn_id, event.type, row.at_us, row.mono_us, event.to_json()
