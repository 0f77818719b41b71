"""Which rows a frame is asked for, and the SQL that says so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ..errors import FrameError

__all__ = ["EVERYTHING", "Scope", "as_microseconds"]

EVERYTHING = 2**62
"""A seq that no conversation reaches: the bound of a read that has none."""

# By which a table is read where its rows are not numbered as they are stored.
_KEYS = {
    "conversations": "conversations.created_us, conversations.conversation_id",
    "turns": "turns.conversation_id, turns.turn_index",
    "steps": "steps.conversation_id, steps.requested_us, steps.step_index, steps.attempt",
    "chunks": "chunks.conversation_id, chunks.seq",
    "tool_calls": "tool_calls.conversation_id, tool_calls.call_seq",
}
# SQLite finds one conversation's rows of these by the key itself.
_BY_KEY = ("chunks", "tool_calls")
_MODEL = "(steps.request_model IN ({0}) OR steps.response_model IN ({0}))"


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that are wanted: all, or those that fit everything that is given.

    Parameters
    ----------
    conversation_ids, turn_ids
        Rows of these.
    since_us
        Rows of turns that began then or later, in microseconds since 1970 (UTC).
    models
        Steps that asked for or were answered by one of these; of other frames the rows of
        turns with such a step.
    after, upto
        Chunks with a seq up to the first number or above the second do not count.
    rows
        Rows of this table with a rowid above the first number and up to the second.
    chosen
        Rows of this table with one of these rowids, and what belongs to them.
    """

    conversation_ids: tuple[str, ...] | None = None
    turn_ids: tuple[str, ...] | None = None
    since_us: int | None = None
    models: tuple[str, ...] | None = None
    after: int = 0
    upto: int = EVERYTHING
    rows: tuple[str, int, int] | None = None
    chosen: tuple[str, tuple[int, ...]] | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Scope()

    @property
    def is_of_conversation(self) -> bool:
        """Whether one conversation is asked for, and all of it."""
        ids = self.conversation_ids
        return ids is not None and len(ids) == 1 and self == Scope(ids, upto=self.upto)

    @property
    def of_some_turns(self) -> bool:
        """Whether rows are chosen by their turns."""
        narrowed = (self.turn_ids, self.since_us, self.models, self.chosen)
        return any(each is not None for each in narrowed)

    def fill(self, sql: str, *, whole: bool, numbered: bool) -> str:
        """Return `sql` with its ``{steps}``, ``{steps_order}`` and ``{models}`` filled in.

        Parameters
        ----------
        sql
            A SELECT; the parameters of its conditions are in `parameters`.
        whole
            Whether conversations that fit count with all their turns.
        numbered
            Whether the database numbers its rows as they are stored, as SQLite does.
        """
        filled = {table: self._condition(table, whole=whole) for table in _KEYS}
        for table, keys in _KEYS.items():
            by_key = table in _BY_KEY and self.conversation_ids is not None
            filled[f"{table}_order"] = f"{table}.rowid" if numbered and not by_key else keys
        filled["models"] = "1 = 1" if self.models is None else _MODEL.format(self._names("model"))
        return sql.format(**filled)

    def parameters(self, sql: str) -> dict[str, object]:
        """Return the values of the parameters that `sql` names."""
        values: dict[str, object] = {
            "since": self.since_us,
            "after": self.after,
            "upto": self.upto,
            "chosen": None if self.chosen is None else json.dumps(self.chosen[1]),
        }
        for name in ("conversation", "turn", "model"):
            values |= {f"{name}_{at}": value for at, value in enumerate(self._values(name))}
        return {name: value for name, value in values.items() if f":{name}" in sql}

    def _condition(self, table: str, *, whole: bool) -> str:
        conditions = []
        in_range = self.rows is not None and self.rows[0] == table
        if self.conversation_ids is not None:
            # The sign keeps SQLite from looking through a conversation for a few rows.
            sign = "+" if in_range else ""
            conditions.append(f"{sign}{table}.conversation_id IN ({self._names('conversation')})")
        if self.rows is not None and in_range:
            conditions.append(f"{table}.rowid > {self.rows[1]} AND {table}.rowid <= {self.rows[2]}")
        if self.chosen is not None:
            conditions.append(self._choice(table, *self.chosen))
        elif self.of_some_turns:
            by_conversation = whole or table == "conversations"
            # What a turn is narrowed to is found by the turn itself.
            if by_conversation or (table in _BY_KEY and self.turn_ids is None):
                conditions.append(f"{table}.conversation_id IN ({self._turns('conversation_id')})")
            if not by_conversation:
                conditions.append(f"{table}.turn_id IN ({self._turns('turn_id')})")
        return " AND ".join(conditions) or "1 = 1"

    def _choice(self, table: str, of: str, rows: tuple[int, ...]) -> str:
        """Return the condition for rows that were chosen, or that belong to such rows."""
        given = "SELECT value FROM json_each(:chosen)"
        if table == of:
            return f"{table}.rowid IN ({given})"
        key = "conversation_id" if of == "conversations" else "turn_id"
        return f"{table}.{key} IN (SELECT {of}.{key} FROM {of} WHERE {of}.rowid IN ({given}))"

    def _turns(self, column: str) -> str:
        if self.since_us is None and self.models is None and column == "turn_id":
            return self._names("turn")
        conditions = []
        if self.conversation_ids is not None:
            conditions.append(f"turns.conversation_id IN ({self._names('conversation')})")
        if self.turn_ids is not None:
            conditions.append(f"turns.turn_id IN ({self._names('turn')})")
        if self.since_us is not None:
            conditions.append("turns.started_us >= :since")
        if self.models is not None:
            asked = _MODEL.format(self._names("model"))
            conditions.append(f"turns.turn_id IN (SELECT steps.turn_id FROM steps WHERE {asked})")
        return f"SELECT turns.{column} FROM turns WHERE {' AND '.join(conditions)}"

    def _names(self, name: str) -> str:
        return ", ".join(f":{name}_{at}" for at in range(len(self._values(name)))) or "NULL"

    def _values(self, name: str) -> tuple[str, ...]:
        chosen = {
            "conversation": self.conversation_ids,
            "turn": self.turn_ids,
            "model": self.models,
        }
        return chosen[name] or ()


def as_microseconds(moment: object) -> int:
    """Return a time as microseconds since 1970; one without a zone is taken as UTC.

    Raises
    ------
    FrameError
        If it is neither a date, a time nor ISO text of one.
    """
    given = moment
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            given = None
    if isinstance(given, date) and not isinstance(given, datetime):
        given = datetime(given.year, given.month, given.day)
    if not isinstance(given, datetime):
        raise FrameError(
            f"since is a time such as '2026-01-31', '2026-01-31T12:00:00+00:00' or a datetime, "
            f"not {moment!r}."
        )
    aware = given if given.tzinfo is not None else given.replace(tzinfo=UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    gone = aware - epoch
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds
