"""Customers in the database: what a converted lead becomes, and reading one.

The lead store calls `build`, `insert` and `read` inside its own transaction; the API reads through CustomerStore.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy import insert as sql_insert

from peakpro_crm.database import Database
from peakpro_crm.errors import CustomerNotFoundError
from peakpro_crm.model import Contact, Customer, Lead
from peakpro_crm.ports import Ids
from peakpro_crm.tables import contacts, customers, leads


@dataclass(frozen=True, slots=True)
class CustomerStore:
    """The customers of all tenants."""

    database: Database

    def get(self, tenant: str, customer_id: UUID) -> Customer:
        """Return one customer; raise CustomerNotFoundError."""
        with self.database.transaction() as connection:
            return read(connection, tenant, customer_id=customer_id)


def build(lead: Lead, ids: Ids, *, now: datetime) -> Customer:
    """Return the customer that a lead becomes: named after its company, else its person."""
    contact = Contact(id=ids.new(), name=lead.name, email=lead.email, phone=lead.phone)
    return Customer(id=ids.new(), lead_id=lead.id, name=lead.company or lead.name, contact=contact, created_at=now)


def insert(connection: Connection, tenant: str, *, customer: Customer) -> None:
    """Store a customer and its contact; the lead still has to point at it."""
    row = {"id": customer.id, "tenant": tenant, "name": customer.name, "created_at": customer.created_at}
    connection.execute(sql_insert(customers).values(row))
    person = customer.contact
    contact = {"id": person.id, "customer_id": customer.id, "name": person.name, "email": person.email}
    connection.execute(sql_insert(contacts).values(**contact, phone=person.phone))


def read(connection: Connection, tenant: str, *, customer_id: UUID) -> Customer:
    """Return a tenant's customer; raise CustomerNotFoundError."""
    query = (
        select(
            customers, leads.c.id.label("lead_id"), *(column.label(f"contact_{column.name}") for column in contacts.c)
        )
        .join(leads, leads.c.customer_id == customers.c.id)
        .join(contacts, contacts.c.customer_id == customers.c.id)
        .where(customers.c.tenant == tenant, customers.c.id == customer_id)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise CustomerNotFoundError(customer_id)
    contact = Contact(row["contact_id"], row["contact_name"], email=row["contact_email"], phone=row["contact_phone"])
    return Customer(row["id"], row["lead_id"], name=row["name"], contact=contact, created_at=row["created_at"])
