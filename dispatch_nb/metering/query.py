"""What is looked at, as SQL over the columns of the frame of steps: the store adds up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, text

from ..frames.read import is_numbered
from ..frames.step_columns import STEPS
from ..wire.usage_view import UsageLook
from .sums import ADDED, Tally

__all__ = [
    "Selection",
    "last_row",
    "model_names",
    "newest_start",
    "read_calls",
    "read_place",
    "read_steps",
    "read_tally",
    "read_titles",
    "read_turn",
    "running_turns",
]

_STEP = {column.name: column.source for column in STEPS.columns}
_MODEL = "COALESCE(steps.response_model, steps.request_model, 'unknown')"
_TURN = "LEFT JOIN turns ON turns.turn_id = steps.turn_id"
_AT = """COALESCE(steps.requested_us, steps.first_chunk_us, steps.completed_us, turns.started_us,
    (SELECT created_us FROM conversations
        WHERE conversations.conversation_id = steps.conversation_id))"""
_STATUS = f"""CASE WHEN ({_STEP["finish_reason"]}) = 'aborted' THEN 'aborted'
    WHEN ({_STEP["finish_reason"]}) = 'error' OR steps.error_type IS NOT NULL THEN 'error'
    ELSE 'ok' END"""
_COST = _STEP["cost_usd"]
_TOKENS = "COALESCE(steps.input_tokens, 0) + COALESCE(steps.output_tokens, 0)"
_HOUR_US = 3_600_000_000
_ORDER = ("steps.requested_us", "steps.step_index", "steps.attempt")


def _counted(condition: str) -> str:
    return f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)"


_SUMS = {
    "steps": "COUNT(*)",
    # PostgreSQL's sum of whole numbers is a decimal one.
    **{
        name: f"CAST(COALESCE(SUM({_STEP[name]}), 0) AS BIGINT)"
        for name in ADDED
        if name.endswith("_tokens")
    },
    **{
        name: f"COALESCE(SUM({_STEP[name]}), 0)"
        for name in ADDED
        if name.endswith("_usd") and name in _STEP
    },
    "saved_usd": "COALESCE(SUM(steps.cache_saved_usd), 0)",
    "priced": "COUNT(steps.cost_usd)",
    "unpriced": _counted(f"steps.cost_usd IS NULL AND {_TOKENS} > 0"),
    "uncounted": _counted("steps.input_tokens IS NULL AND steps.output_tokens IS NULL"),
    "estimated": _counted("steps.usage_source = 'estimated'"),
    "partial": _counted("steps.is_lower_bound"),
    "failed": _counted(f"{_STATUS} = 'error'"),
    "stopped": _counted(f"{_STATUS} = 'aborted'"),
    "retried": _counted("steps.attempt > 0"),
}
_ADDED = ", ".join(f"{_SUMS[name]} AS {name}" for name in ADDED)


class Selection:
    """The steps that are looked at, as a condition and its parameters.

    Parameters
    ----------
    look
        What narrows them; how they are told apart does not count here.
    """

    def __init__(self, look: UsageLook) -> None:
        conditions = ["1 = 1"]
        values: dict[str, object] = {}
        if look.conversation_id is not None:
            conditions.append("steps.conversation_id = :conversation_id")
            values["conversation_id"] = look.conversation_id
        if look.models:
            conditions.append(f"{_MODEL} IN ({_names('model', look.models, values)})")
        if look.statuses:
            conditions.append(f"{_STATUS} IN ({_names('status', look.statuses, values)})")
        if look.since_ms is not None:
            conditions.append(f"{_AT} >= :since_us")
            values["since_us"] = look.since_ms * 1000
        if look.until_ms is not None:
            conditions.append(f"{_AT} < :until_us")
            values["until_us"] = look.until_ms * 1000
        if look.words.strip():
            # Looked up for each step by the key, so that a few new steps cost little.
            conditions.append(
                "EXISTS (SELECT 1 FROM conversations "
                "WHERE conversations.conversation_id = steps.conversation_id "
                "AND LOWER(conversations.title) LIKE LOWER(:words) ESCAPE '\\')"
            )
            values["words"] = f"%{_escaped(look.words.strip())}%"
        self.condition = " AND ".join(conditions)
        self.values = values

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal selections."""
        return (self.condition, *self.values.values())


def last_row(connection: Connection) -> tuple[int, int] | None:
    """Return the number of the newest step's row, and of the last change of older rows.

    None where the database numbers no rows.
    """
    if not is_numbered(connection):
        return None
    last = connection.scalar(text("SELECT MAX(rowid) FROM steps")) or 0
    changed = "SELECT MAX(n) FROM row_changes WHERE table_name IN ('steps', 'deleted')"
    return last, connection.scalar(text(changed)) or 0


def read_tally(connection: Connection, selection: Selection, after: int | None) -> Tally:
    """Return the sums of the steps with a row above `after`, of all of them without it."""
    condition, values = selection.condition, dict(selection.values)
    if after is not None:
        condition = f"steps.rowid > :after AND {condition}"
        values["after"] = after
    tally = Tally()
    # As an expression: by the index on it SQLite would go through every step.
    groups = text(
        f"SELECT COALESCE(steps.conversation_id, '') AS id, {_MODEL} AS model, "
        f"{_AT} / {_HOUR_US} AS hour, {_ADDED} "
        f"FROM steps {_TURN} WHERE {condition} GROUP BY 1, 2, 3"
    )
    for conversation_id, model, hour, *sums in connection.execute(groups, values):
        tally.add_group(conversation_id, model, int(hour), tuple(sums))
    measured = text(
        f"SELECT steps.turn_id, {_STEP['time_to_first_chunk_s']}, {_STEP['output_tokens_per_s']} "
        f"FROM steps {_TURN} WHERE {condition}"
    )
    tally.add_measured(tuple(row) for row in connection.execute(measured, values))
    return tally


def read_steps(
    connection: Connection, conversation_id: str, *, first: int, count: int, total: int
) -> list[Mapping[str, Any]]:
    """Return `count` of the `total` steps of a conversation from number `first` on, in order.

    They are read from the end, where one mostly looks.
    """
    keys = ["steps.rowid"] if is_numbered(connection) else list(_ORDER)
    newest_first = ", ".join(f"{key} DESC" for key in keys)
    page = (
        "SELECT steps.* FROM steps WHERE steps.conversation_id = :id "
        f"ORDER BY {newest_first} LIMIT :count OFFSET :offset"
    )
    sql = text(
        "SELECT steps.step_id, steps.turn_id, MAX(turns.turn_index) AS turn_index, "
        f"MAX(steps.step_index) AS step_index, MAX(steps.attempt) AS attempt, "
        f"MAX({_STATUS}) AS status, MAX({_MODEL}) AS model, MAX({_AT}) AS at_us, "
        f"MAX({_STEP['time_to_first_chunk_s']}) AS ttft_s, "
        f"MAX({_STEP['duration_s']}) AS duration_s, "
        f"MAX({_STEP['output_tokens_per_s']}) AS tokens_per_s, "
        f"MAX(steps.error_type) AS error_type, {_ADDED} "
        f"FROM ({page}) AS steps {_TURN} GROUP BY steps.step_id, steps.turn_id"
    )
    values = {"id": conversation_id, "count": count, "offset": max(0, total - first - count)}
    rows: list[Mapping[str, Any]] = [dict(row._mapping) for row in connection.execute(sql, values)]
    order = text(f"SELECT steps.step_id FROM ({page}) AS steps")
    places = {id: -at for at, id in enumerate(connection.scalars(order, values))}
    return sorted(rows, key=lambda row: places[row["step_id"]])


def read_calls(connection: Connection, conversation_id: str, after: int) -> list[Mapping[str, Any]]:
    """Return the tool calls of a conversation with a seq above `after`, in order."""
    sql = text(
        "SELECT call_seq, step_id, tool_name, status, COALESCE(duration_ms / 1000.0, "
        "(completed_us - started_us) / 1000000.0) AS duration_s FROM tool_calls "
        "WHERE conversation_id = :id AND call_seq > :after ORDER BY call_seq"
    )
    rows = connection.execute(sql, {"id": conversation_id, "after": after})
    return [dict(row._mapping) for row in rows]


def read_place(
    connection: Connection, conversation_id: str, step_id: str
) -> tuple[int, int] | None:
    """Return the first and last chunk of a step; of one that left none, its turn's prompt."""
    values = {"id": conversation_id, "step": step_id}
    own = text(
        "SELECT MIN(seq), MAX(seq) FROM chunks WHERE conversation_id = :id AND step_id = :step"
    )
    first, last = connection.execute(own, values).one()
    if first is None:
        of_turn = text(
            "SELECT MIN(seq), MIN(seq) FROM chunks WHERE conversation_id = :id AND turn_id = "
            "(SELECT turn_id FROM steps WHERE step_id = :step)"
        )
        first, last = connection.execute(of_turn, values).one()
    return None if first is None else (first, last)


def read_titles(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the titles of conversations by their ids."""
    sql = text("SELECT conversation_id, title FROM conversations WHERE conversation_id IN :ids")
    rows = connection.execute(sql.bindparams(bindparam("ids", expanding=True)), {"ids": list(ids)})
    return {row.conversation_id: row.title or "Untitled" for row in rows}


def model_names(connection: Connection, conversation_id: str | None, most: int) -> list[str]:
    """Return the models that answered, those with most steps first."""
    where = "1 = 1" if conversation_id is None else "steps.conversation_id = :id"
    sql = text(
        f"SELECT {_MODEL} AS model FROM steps WHERE {where} "
        f"GROUP BY 1 ORDER BY COUNT(*) DESC, 1 LIMIT {most}"
    )
    return list(connection.scalars(sql, {} if conversation_id is None else {"id": conversation_id}))


def running_turns(
    connection: Connection, conversation_id: str | None, known: Iterable[str], since_us: int
) -> set[str]:
    """Return the turns that run, of those in `known` and those that began since a time."""
    own = "" if conversation_id is None else " AND conversation_id = :id"
    select = f"SELECT turn_id FROM turns WHERE status = 'running'{own} AND"
    values: dict[str, object] = {} if conversation_id is None else {"id": conversation_id}
    new = text(f"{select} started_us >= :since")
    running = set(connection.scalars(new, {**values, "since": since_us}))
    if ids := list(known):
        still = text(f"{select} turn_id IN :ids").bindparams(bindparam("ids", expanding=True))
        running |= set(connection.scalars(still, {**values, "ids": ids}))
    return running


def read_turn(connection: Connection, turn_id: str) -> tuple[int, int]:
    """Return the index of a turn and when it began; zeros while nothing of it is stored."""
    sql = text("SELECT turn_index, COALESCE(started_us, 0) FROM turns WHERE turn_id = :id")
    row = connection.execute(sql, {"id": turn_id}).one_or_none()
    return (0, 0) if row is None else (row[0], row[1])


def newest_start(connection: Connection) -> int:
    """Return when the newest turn began, in microseconds since 1970."""
    return connection.scalar(text("SELECT MAX(started_us) FROM turns")) or 0


def _names(kind: str, chosen: Sequence[str], values: dict[str, object]) -> str:
    names = {f"{kind}_{at}": value for at, value in enumerate(chosen)}
    values |= names
    return ", ".join(f":{name}" for name in names)


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
