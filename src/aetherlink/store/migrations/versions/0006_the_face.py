"""Browsers that are signed in, links that sign one in, tokens that end by themselves or see one tenant, urgency.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nobody is signed in yet; the tokens that there are never expire, and see every tenant."""
    op.create_index("incidents_urgency", "incidents", ["status", "priority", "id"])
    for name in ("incident_id", "target", "state"):
        op.create_index(f"actions_of_{name}", "actions", [name, "id"])
    for name, kind in (("tenant", sa.Text()), ("expires_at", sa.BigInteger()), ("used_at", sa.BigInteger())):
        op.add_column("tokens", sa.Column(name, kind, nullable=True))
    op.create_table(
        "login_links",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("digest", "name")),
        sa.Column("scopes", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created_at", "expires_at")),
        sa.Column("root", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "sessions",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "digest", "name")),
        sa.Column("scopes", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created_at", "expires_at", "used_at")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("tenant", "root")),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
