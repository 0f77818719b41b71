"""The ends of event logs and the rows behind them, however many with one statement each.

Python's lock is let go for every statement that runs, and a busy turn loop is slow to give
it back: the events of 200 conversations shall not need 200 statements. So SQLite gets them
as one JSON text, which it takes apart while Python's lock is free; a database server, or an
SQLite that is too old for it, is spoken to in batches by its own driver.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
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

# JSON and `UPDATE … FROM` are parts of every SQLite from this version on.
_READS_JSON = sqlite3.sqlite_version_info >= (3, 38)


class NewEnd(NamedTuple):
    """How a conversation's log grows: the numbers of its last event before and after."""

    id: str
    old_end: int
    new_end: int
    at_us: int


def _fields(names: Sequence[str]) -> str:
    return ", ".join(f"json_extract(value, '$[{i}]') AS {name}" for i, name in enumerate(names))


_INSERT_ALL = (
    f"INSERT INTO events ({', '.join(_COLUMNS)}) SELECT {_fields(_COLUMNS)} FROM json_each(?)"
)
_MOVE_ALL = f"""UPDATE conversations SET last_n = ends.new_end, updated_us = ends.at_us
    FROM (SELECT {_fields(NewEnd._fields)} FROM json_each(?)) AS ends
    WHERE conversation_id = ends.id AND last_n = ends.old_end
"""


def move_ends(connection: sa.Connection, ends: Sequence[NewEnd]) -> int:
    """Move the ends of different conversations' logs; return how many were where they should."""
    if not _takes_json(connection):
        return connection.execute(_move, [end._asdict() for end in ends]).rowcount
    return connection.exec_driver_sql(_MOVE_ALL, (json.dumps(ends),)).rowcount


def insert_events(connection: sa.Connection, rows: Sequence[tuple[str, EventRow]]) -> None:
    """Insert events, each given with its conversation's id, in their order."""
    values = [_values(conversation_id, row) for conversation_id, row in rows]
    if not _takes_json(connection):
        connection.execute(_insert, [dict(zip(_COLUMNS, row, strict=True)) for row in values])
        return
    connection.exec_driver_sql(_INSERT_ALL, (json.dumps(values),))


def _takes_json(connection: sa.Connection) -> bool:
    return _READS_JSON and connection.dialect.name == "sqlite"


def _values(conversation_id: str, row: EventRow) -> tuple[Any, ...]:
    event = row.event
    turn_id = getattr(event, "turn_id", None)
    return conversation_id, row.n, turn_id, event.type, row.at_us, row.mono_us, event.to_json()
