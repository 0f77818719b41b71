"""Add what a step cost by kind of token, and which server it went to.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning", "cache_saved")


def upgrade() -> None:
    """Add the columns; what older steps cost is not known until they are priced."""
    for kind in _KINDS:
        op.add_column("steps", sa.Column(f"{kind}_usd", sa.Double))
    op.add_column("steps", sa.Column("server_address", sa.Text))
