"""Add the details of chunks, and the images that are stored once.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what an API wants back with a chunk, and the table of images by their content."""
    op.add_column("chunks", sa.Column("detail_json", sa.Text))
    op.create_table(
        "images",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("mime_type", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
