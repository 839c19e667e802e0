"""Indexes for what a page shows first: the most urgent incidents, and actions by incident, target and state.

And when whoever made a login link is out himself, for what begins by it lasts no longer.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing of the rows changes; links of the version before, good for an hour at most, name no such end."""
    op.add_column("login_links", sa.Column("session_ends_at", sa.BigInteger(), nullable=True))
    op.create_index("incidents_urgency", "incidents", ["status", "priority", "id"])
    for name in ("incident_id", "target", "state"):
        op.create_index(f"actions_of_{name}", "actions", [name, "id"])
