"""Add the table of sealed turns' events.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of sealed turns' events; those in `events` move when they are next opened."""
    op.create_table(
        "event_segments",
        sa.Column(
            "conversation_id",
            sa.Text,
            sa.ForeignKey("conversations.conversation_id"),
            primary_key=True,
        ),
        sa.Column("first_n", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last_n", sa.BigInteger, nullable=False),
        sa.Column("turn_id", sa.Text, nullable=False),
        sa.Column("codec", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
