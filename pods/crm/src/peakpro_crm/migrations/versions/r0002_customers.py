"""Customers and their contacts: what a converted lead becomes.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create customers and contacts, and let a lead point at its customer."""
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("phone", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_contacts_customer_id"),
        sa.UniqueConstraint("customer_id", name="uq_contacts_customer_id"),
    )
    op.add_column("leads", sa.Column("customer_id", sa.Uuid))
    op.create_foreign_key("fk_leads_customer_id", "leads", "customers", ["customer_id"], ["id"])
    op.create_unique_constraint("uq_leads_customer_id", "leads", ["customer_id"])


def downgrade() -> None:
    """Take customers, contacts and the lead's pointer away."""
    op.drop_column("leads", "customer_id")
    op.drop_table("contacts")
    op.drop_table("customers")
