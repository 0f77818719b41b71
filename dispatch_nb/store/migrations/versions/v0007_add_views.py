"""Add the frames as views.

Revision ID: 0007
"""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: a store makes its views anew whenever it is migrated."""
