"""Give chunks the columns that frames read, and keep note of rows that change.

Revision ID: 0005
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = ("conversations", "turns", "steps", "chunks", "tool_calls")
_CHANGING = ("turns", "steps", "chunks", "tool_calls")
_NOTE = "INSERT OR REPLACE INTO row_changes (table_name, row) VALUES"


def upgrade() -> None:
    """Add the columns with what the chunks hold, the notes of changes, and an index on time."""
    for name in ("input_json", "content", "error_code"):
        op.add_column("chunks", sa.Column(name, sa.Text))
    _fill(op.get_bind())
    op.create_table(
        "row_changes",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("row", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("table_name", "row"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_turns_started_us", "turns", ["started_us"])
    if op.get_bind().dialect.name == "sqlite":
        for table in _CHANGING:
            op.execute(
                f"CREATE TRIGGER note_changed_{table} AFTER UPDATE ON {table} "
                f"BEGIN {_NOTE} ('{table}', NEW.rowid); END"
            )
        for table in _TABLES:
            op.execute(
                f"CREATE TRIGGER note_deleted_{table} AFTER DELETE ON {table} "
                f"BEGIN {_NOTE} ('deleted', 0); END"
            )


def _fill(connection: sa.Connection) -> None:
    ids = connection.scalars(sa.text("SELECT conversation_id FROM conversations")).all()
    select = sa.text(
        "SELECT seq, chunk_json FROM chunks WHERE conversation_id = :id "
        "AND chunk_type IN ('tool-call', 'tool-result', 'error', 'image')"
    )
    update = sa.text(
        "UPDATE chunks SET input_json = :input_json, content = :content, "
        "error_code = :error_code, is_error = COALESCE(is_error, :is_error) "
        "WHERE conversation_id = :id AND seq = :seq"
    )
    for conversation_id in ids:
        rows = connection.execute(select, {"id": conversation_id}).all()
        values = [{"id": conversation_id, "seq": row.seq, **_parts(row.chunk_json)} for row in rows]
        if values:
            connection.execute(update, values)


def _parts(chunk_json: str) -> dict[str, object]:
    chunk = json.loads(chunk_json)
    content = chunk.get("content", chunk.get("url"))
    given = "input" in chunk
    return {
        "input_json": json.dumps(chunk["input"], ensure_ascii=False, separators=(",", ":"))
        if given
        else None,
        "content": content.replace("\0", "\N{REPLACEMENT CHARACTER}") if content else content,
        "error_code": chunk.get("code"),
        "is_error": True if chunk["type"] == "error" else None,
    }
