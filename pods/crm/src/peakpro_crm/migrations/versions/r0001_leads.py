"""Leads, with idempotent create.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STAGES = ("new", "contacted", "qualified", "converted", "lost")
_SOURCES = ("web", "referral", "import", "event", "other")


def upgrade() -> None:
    """Create the leads."""
    op.create_table(
        "leads",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("company", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("request_digest", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_leads"),
        sa.UniqueConstraint("tenant", "idempotency_key", name="uq_leads_tenant_idempotency_key"),
        sa.CheckConstraint(f"stage IN {_STAGES}", name=op.f("ck_leads_stage")),
        sa.CheckConstraint(f"source IN {_SOURCES}", name=op.f("ck_leads_source")),
    )
    op.create_index("ix_leads_tenant_created_at_id", "leads", ["tenant", "created_at", "id"])
    op.create_index("ix_leads_tenant_stage", "leads", ["tenant", "stage"])


def downgrade() -> None:
    """Drop the leads."""
    op.drop_table("leads")
