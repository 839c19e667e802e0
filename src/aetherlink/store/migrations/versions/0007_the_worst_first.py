"""Indexes for what a page shows first: the most urgent incidents, and actions by incident, target and state.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing of the rows changes."""
    op.create_index("incidents_urgency", "incidents", ["status", "priority", "id"])
    for name in ("incident_id", "target", "state"):
        op.create_index(f"actions_of_{name}", "actions", [name, "id"])
