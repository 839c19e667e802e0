"""What each channel was told of each incident, and how far it has looked through the timelines.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DUE = sa.text("due_at IS NOT NULL")
_ASKING = sa.text("asks > 0")
_DIGESTED = sa.text("digest <> ''")
_DIGEST = sa.text("priority = 1000")
_DONE = sa.text("due_at IS NULL")


def upgrade() -> None:
    """Nothing was told so far: a channel begins with what is stored after it is set up."""
    op.create_table(
        "channels",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _ROW, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("subject", "channel")),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("wanted", "told")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("since", "began_at")),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("is_unsure", sa.Boolean(), nullable=False),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.Column("reference", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("digest", "failure", "problem")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("subject", "channel", name="deliveries_subject"),
    )
    for name, columns, where in (
        ("deliveries_due", ["channel", "due_at"], _DUE),
        ("deliveries_asking", ["channel", "since"], _ASKING),
        ("deliveries_digested", ["digest", "channel"], _DIGESTED),
        ("deliveries_digests", ["channel", "began_at"], _DIGEST),
        ("deliveries_done", ["since"], _DONE),
    ):
        op.create_index(name, "deliveries", columns, sqlite_where=where, postgresql_where=where)
    op.create_index("deliveries_states", "deliveries", ["channel", "state"])
