"""The frames as SQL views of a SQLite store: ``python -m dispatch_nb.frames.views``.

The store keeps what this prints in `store/views.sql` and makes its views from it whenever it
is migrated: when columns change, print it again and add a revision, be it an empty one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .columns import BOOLEAN, TIME, TOKEN_TYPES, Column, FrameSpec
from .conversation_columns import CONVERSATIONS
from .log_columns import CHUNKS, MESSAGES, TOOL_CALLS
from .scope import Scope
from .step_columns import STEPS, USAGE
from .turn_columns import TURNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["VIEWS", "render", "shown_time"]

# The event log, of which deltas and latency are read, is compressed: SQL cannot read it, but
# for a connection that knows how (see `sql`).
VIEWS = (CONVERSATIONS, TURNS, STEPS, MESSAGES, CHUNKS, TOOL_CALLS, USAGE)

_TEXTS = "GROUP_CONCAT(CASE WHEN chunk_type IN ({0}) THEN {1} END, '')"
_MESSAGE_ROWS = f"""FROM (
    SELECT conversation_id, message_index, message_id, turn_id, step_id, role,
        MIN(seq) AS first_seq, MAX(seq) AS last_seq,
        COALESCE({_TEXTS.format("'text', 'system'", "text")},
            {_TEXTS.format("'tool-result'", "content")}) AS content,
        {_TEXTS.format("'thinking'", "text")} AS thinking,
        SUM(chunk_type = 'tool-call') AS tool_call_count,
        CASE WHEN role = 'tool' THEN MIN(tool_call_id) END AS tool_call_id,
        MAX(COALESCE(is_error, 0)) AS is_error,
        CASE WHEN MAX(is_interrupted) THEN 'interrupted' ELSE 'complete' END AS state
    FROM (SELECT * FROM chunks ORDER BY conversation_id, seq)
    GROUP BY conversation_id, message_index) AS messages"""
_MESSAGE_SOURCES = {
    "created_at": """(SELECT COALESCE(started_us, completed_us) FROM chunks
        WHERE chunks.conversation_id = messages.conversation_id
            AND chunks.seq = messages.first_seq)""",
    "char_count": "LENGTH(COALESCE(content, ''))",
    "is_steering": """(role = 'user' AND EXISTS (SELECT 1 FROM chunks
        WHERE chunks.conversation_id = messages.conversation_id AND chunks.role = 'user'
            AND chunks.turn_id = messages.turn_id AND chunks.seq < messages.first_seq))""",
}
_USAGE_ROWS = "FROM ({}) AS used WHERE tokens IS NOT NULL".format(
    " UNION ALL ".join(
        f"""SELECT conversation_id, turn_id, step_id,
        COALESCE(response_model, request_model) AS model, '{kind}' AS token_type,
        {kind}_tokens AS tokens, {kind}_usd AS cost_usd FROM steps"""
        for kind in TOKEN_TYPES
    )
)
_ROWS = {"messages": _MESSAGE_ROWS, "usage": _USAGE_ROWS}
_SOURCES = {"messages": _MESSAGE_SOURCES}


def render() -> str:
    """Return the statements that make every view anew."""
    return "".join(f"{statement};\n\n" for spec in VIEWS for statement in _statements(spec))


def shown_time(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return times as the views show them."""
    shown: pd.Series[Any] = times.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return shown


def _statements(spec: FrameSpec) -> list[str]:
    scope = Scope()
    rows = _ROWS.get(spec.name, "") or spec.tables
    filled = scope.fill(rows, whole=False, numbered=True)
    columns = ",\n    ".join(f"{_shown(spec, column)} AS {column.name}" for column in spec.columns)
    body = f"SELECT\n    {columns}\n{filled}"
    for name, value in scope.parameters(body).items():
        body = body.replace(f":{name}", str(value))
    view = f"{spec.name}_frame"
    return [f"DROP VIEW IF EXISTS {view}", f"CREATE VIEW {view} AS {body}"]


def _shown(spec: FrameSpec, column: Column) -> str:
    """Return the expression of a column; a time as ISO text, which sorts as times do."""
    source = _SOURCES.get(spec.name, {}).get(column.name) or column.sql
    if source is None:
        source = column.source if isinstance(column.source, str) else column.name
    if column.dtype == TIME:
        return (
            f"STRFTIME('%Y-%m-%dT%H:%M:%S', {source} / 1000000, 'unixepoch')"
            f" || PRINTF('.%06dZ', {source} % 1000000)"
        )
    return f"({source})" if column.dtype == BOOLEAN else source


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(render())
