"""What has come into a SQLite store, and what has changed there, since one last looked.

Rows that were added have a higher rowid, and rows that were changed are in `row_changes`,
where triggers note them whoever wrote; so both are found without looking at any other row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from .columns import DELTA_TYPES

__all__ = ["Mark", "News", "mark", "rowids"]

_TABLES = ("conversations", "turns", "steps", "chunks", "tool_calls")
_LAST = ", ".join(f"(SELECT MAX(rowid) FROM {table}) AS {table}" for table in _TABLES)
_MARK = text(f"""SELECT (SELECT MAX(n) FROM row_changes) AS change,
    (SELECT n FROM row_changes WHERE table_name = 'deleted' AND "row" = 0) AS deleted,
    (SELECT MAX(rowid) FROM event_segments) AS segment, {_LAST}""")
_LAST_EVENT = text("SELECT rowid, conversation_id, n FROM events ORDER BY rowid DESC LIMIT 1")
_EVENT = text("SELECT rowid, conversation_id, n FROM events WHERE rowid = :row")
_DELTAS = ", ".join(f"'{kind}'" for kind in DELTA_TYPES)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a store had come at one moment."""

    form: int
    change: int
    deleted: int
    segment: int
    event: tuple[int, str, int] | None
    last: dict[str, int]


def mark(connection: Connection) -> Mark:
    """Return how far a store has come, in a time that does not depend on its size."""
    # Counts up when tables are made anew, as VACUUM does, which may number rows otherwise.
    form = connection.scalar(text("PRAGMA schema_version")) or 0
    told = connection.execute(_MARK).one()
    event = connection.execute(_LAST_EVENT).one_or_none()
    return Mark(
        form,
        told.change or 0,
        told.deleted or 0,
        told.segment or 0,
        None if event is None else (event[0], event[1], event[2]),
        {table: getattr(told, table) or 0 for table in _TABLES},
    )


class News:
    """What differs between two marks of one store, or of one conversation in it.

    Parameters
    ----------
    connection
        To the store as it is at `now`.
    before, now
        The marks.
    conversation_id
        Whose rows count; all of them without it.
    """

    def __init__(
        self, connection: Connection, before: Mark, now: Mark, conversation_id: str | None
    ) -> None:
        self.connection = connection
        self.before, self.now = before, now
        self.conversation_id = conversation_id

    @property
    def is_none(self) -> bool:
        """Whether nothing happened at all."""
        return self.before == self.now

    @property
    def is_past_telling(self) -> bool:
        """Whether rows are gone or numbered otherwise, so that all has to be read again."""
        shrunk = any(self.now.last[table] < self.before.last[table] for table in _TABLES)
        same = (self.before.form, self.before.deleted) == (self.now.form, self.now.deleted)
        return shrunk or not same

    def has_changed(self, table: str) -> bool:
        """Whether rows that were there before are different now."""
        found = self.connection.execute(
            text(f"SELECT 1 FROM ({self._changed(table)}) LIMIT 1"), self._values()
        )
        return found.first() is not None

    def of(self, table: str, column: str) -> set[Any]:
        """Return a column's values in the rows of a table that are new or changed."""
        if self.before.last[table] == self.now.last[table] and (
            self.before.change == self.now.change
        ):
            return set()
        mine = self._mine(table)
        added = f"SELECT {column} FROM {table} WHERE rowid > :{table}_last {mine}"
        changed = f"SELECT {column} FROM {table} WHERE rowid IN ({self._changed(table)}) {mine}"
        values = self._values() | {f"{table}_last": self.before.last[table]}
        return set(self.connection.scalars(text(f"{added} UNION {changed}"), values))

    def added_from(self, table: str) -> int:
        """Return the last row of a table that was there before."""
        return self.before.last[table]

    @cached_property
    def events(self) -> list[tuple[str, str | None, bool]]:
        """Conversations and turns with new events, and whether there may be deltas among them.

        A turn whose events were compressed may have new ones. After that the events of turns
        that are still open are looked through as well.
        """
        before, now = self.before, self.now
        found: set[tuple[str, str | None, bool]] = set()
        kept = before.event if before.event and self._is_still_there(before.event) else None
        first = 0 if kept is None else kept[0]
        mine = "" if self.conversation_id is None else "AND +conversation_id = :id"
        if now.event is not None and now.event != kept:
            rows = self.connection.execute(
                text(
                    f"SELECT conversation_id, turn_id, MAX(type IN ({_DELTAS})) "
                    f"FROM events NOT INDEXED WHERE rowid > :first {mine} "
                    "GROUP BY conversation_id, turn_id"
                ),
                {"first": first} | self._own(),
            )
            found |= {(row[0], row[1], bool(row[2])) for row in rows}
        if now.segment != before.segment:
            rows = self.connection.execute(
                text(
                    "SELECT conversation_id, turn_id FROM event_segments "
                    f"WHERE rowid > :segment {mine}"
                ),
                {"segment": before.segment} | self._own(),
            )
            found |= {(row[0], row[1], True) for row in rows}
        return sorted(found, key=str)

    def _is_still_there(self, event: tuple[int, str, int]) -> bool:
        """Return whether the last event is; only if it is not, rowids are given again."""
        there = self.connection.execute(_EVENT, {"row": event[0]}).one_or_none()
        return there is not None and tuple(there) == event

    def _changed(self, table: str) -> str:
        # The sign keeps SQLite from looking through all changes there ever were of the table.
        return f"SELECT \"row\" FROM row_changes WHERE n > :change AND +table_name = '{table}'"

    def _mine(self, table: str) -> str:
        # The sign keeps SQLite from looking through all rows of the conversation.
        return "" if self.conversation_id is None else f"AND +{table}.conversation_id = :id"

    def _own(self) -> dict[str, Any]:
        return {} if self.conversation_id is None else {"id": self.conversation_id}

    def _values(self) -> dict[str, Any]:
        return {"change": self.before.change} | self._own()


def rowids(connection: Connection, table: str, column: str, values: Iterable[Any]) -> Any:
    """Return the rowids, ascending, of the rows that have one of some values in a column."""
    given = list(values)
    if not given:
        return np.empty(0, dtype="int64")
    found = connection.scalars(
        text(f"SELECT rowid FROM {table} WHERE {column} IN (SELECT value FROM json_each(:given))"),
        {"given": json.dumps(given)},
    )
    return np.unique(np.fromiter(found, "int64"))
