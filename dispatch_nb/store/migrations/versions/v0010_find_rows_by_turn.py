"""Find a turn's rows without looking at its conversation's, and note changed conversations.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = ("steps", "chunks", "tool_calls", "event_segments")
_MOVING = ("turns", "steps", "chunks", "tool_calls")
_NOTED = (
    *("title", "system_prompt", "model", "source", "forked_from_id", "forked_at_seq"),
    *("tags_json", "created_us", "updated_us", "last_seq"),
)


def upgrade() -> None:
    """Add the indexes and the trigger."""
    for table in _TABLES:
        op.create_index(f"ix_{table}_turn_id", table, ["turn_id"])
    if op.get_bind().dialect.name == "sqlite":
        # What is appended moves `last_n` and leaves its events: noting it would cost each
        # append more than the append itself.
        op.execute(
            f"CREATE TRIGGER note_changed_conversations AFTER UPDATE OF {', '.join(_NOTED)} "
            "ON conversations WHEN NEW.last_n = OLD.last_n BEGIN INSERT OR REPLACE "
            "INTO row_changes (table_name, row) VALUES ('conversations', NEW.rowid); END"
        )
        for table in _MOVING:
            # A row that goes elsewhere is gone where it was.
            op.execute(
                f"CREATE TRIGGER note_moved_{table} AFTER UPDATE OF turn_id, conversation_id "
                f"ON {table} WHEN NEW.turn_id != OLD.turn_id OR NEW.conversation_id != "
                "OLD.conversation_id BEGIN INSERT OR REPLACE "
                "INTO row_changes (table_name, row) VALUES ('deleted', 0); END"
            )
