"""Add the frames as views.

Revision ID: 0006
"""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: a store makes its views anew whenever it is migrated."""
