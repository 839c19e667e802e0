"""Journal, ledger, health history, pauses.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What is stored stays as it is."""
    _journal()
    _ledger()
    _health_readings()
    _pauses()
    _agent_state()
    op.add_column("tokens", sa.Column("source", sa.Text(), nullable=True))


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", _Row, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("bodies", sa.Integer(), nullable=False),
        sa.Column("raw_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("journal_at", "journal", ["at", "stored_bytes"])


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("way", "outcome"),
    )


def _health_readings() -> None:
    op.create_table(
        "health_readings",
        sa.Column("id", _Row, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("health_readings_at", "health_readings", ["at"])
    op.create_index("health_readings_tenant", "health_readings", ["source", "tenant", "id"])


def _pauses() -> None:
    op.create_table(
        "pauses",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )


def _agent_state() -> None:
    op.create_table(
        "agent_state",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
