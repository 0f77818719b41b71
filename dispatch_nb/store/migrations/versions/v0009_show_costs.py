"""Show waits for approval, and costs by kind of token, in the views.

Revision ID: 0009
"""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: a store makes its views anew whenever it is migrated."""
