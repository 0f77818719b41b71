"""Tell what was reported of an output that is estimated in part.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; older steps were reported or estimated as a whole."""
    op.add_column("steps", sa.Column("reported_output_tokens", sa.BigInteger))
