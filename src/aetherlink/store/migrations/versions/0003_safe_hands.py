"""Approvals, brakes, planned pauses, the agent's own silences; indices for what a decision asks.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_OPEN = sa.text("status = 'open'")
_RUNNING = sa.text("state = 'running'")
_actions = sa.table("actions", sa.column("plan", sa.JSON), sa.column("playbook", sa.Text))


def upgrade() -> None:
    """Everything stored stays as it is."""
    op.add_column("actions", sa.Column("approval", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("actions", sa.Column("playbook", sa.Text(), nullable=True))
    op.execute(sa.update(_actions).values(playbook=_actions.c.plan["playbook"].as_string()))
    op.create_index("actions_of_playbook", "actions", ["playbook", "created_at"])
    op.create_index("actions_started_anywhere", "actions", ["started_at"])
    op.create_index("actions_running", "actions", ["state"], sqlite_where=_RUNNING, postgresql_where=_RUNNING)
    op.create_index("incidents_open_service", "incidents", ["service"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_table(
        "brakes",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "planned_pauses",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "begins"),
    )
    op.create_table(
        "own_silences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("alertmanager", sa.Text(), nullable=False),
        sa.Column("action_id", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
