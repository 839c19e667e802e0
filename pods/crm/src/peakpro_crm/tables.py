"""The tables, as SQLAlchemy sees them. A test holds them equal to the sum of the migrations.

Stores build their statements from these; only migrations create or change them.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from peakpro_crm.model import Source, Stage

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _one_of(column: str, words: type[Stage] | type[Source]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in words)})", name=column)


customers = Table(
    "customers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("customer_id", Uuid, ForeignKey("customers.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text),
    UniqueConstraint("customer_id"),
)

leads = Table(
    "leads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("company", Text),
    Column("phone", Text),
    Column("note", Text),
    Column("idempotency_key", Text),
    Column("request_digest", Text),
    Column("customer_id", Uuid, ForeignKey("customers.id")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    _one_of("stage", Stage),
    _one_of("source", Source),
    UniqueConstraint("tenant", "idempotency_key"),
    UniqueConstraint("customer_id"),
    Index("ix_leads_tenant_created_at_id", "tenant", "created_at", "id"),
    Index("ix_leads_tenant_stage", "tenant", "stage"),
)
