"""Leads in the database: create, read, list, change, convert, count.

The API calls it from worker threads. One call is one transaction; every statement is bound to the caller's tenant.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, Update, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping

from peakpro_crm import customers, stages
from peakpro_crm.database import Database
from peakpro_crm.errors import KeyReusedError, LeadNotFoundError
from peakpro_crm.model import (
    Conversion,
    Created,
    Lead,
    LeadChange,
    LeadFilter,
    NewLead,
    Page,
    Position,
    Source,
    Stage,
)
from peakpro_crm.ports import Clock, Ids
from peakpro_crm.tables import leads

_COLUMNS = [column for column in leads.c if column.name not in {"tenant", "idempotency_key", "request_digest"}]


@dataclass(frozen=True, slots=True)
class LeadStore:
    """The leads of all tenants."""

    database: Database
    clock: Clock
    ids: Ids

    def create(self, tenant: str, new: NewLead, *, key: str | None) -> Created:
        """Store a lead, once per key: a repeat returns the first lead. Raises KeyReusedError for another body."""
        digest, now = _digest(new), self.clock.now()
        row = {
            **asdict(new),
            "id": self.ids.new(),
            "tenant": tenant,
            "stage": Stage.NEW,
            "idempotency_key": key,
            "request_digest": digest if key is not None else None,
            "created_at": now,
            "updated_at": now,
        }
        # The unique constraint decides a race: the loser waits here for the winner's commit, then reads its lead.
        statement = insert(leads).values(row).on_conflict_do_nothing(index_elements=["tenant", "idempotency_key"])
        with self.database.transaction() as connection:
            stored = connection.execute(statement.returning(*_COLUMNS)).mappings().one_or_none()
            if stored is not None:
                return Created(lead_of(stored), is_new=True)
            return Created(_first_of_key(connection, tenant, key=key or "", digest=digest), is_new=False)

    def get(self, tenant: str, lead_id: UUID) -> Lead:
        """Return one lead; raise LeadNotFoundError."""
        with self.database.transaction() as connection:
            return _read(connection, tenant, lead_id)

    def page(self, tenant: str, wanted: LeadFilter, *, after: Position | None, limit: int) -> Page:
        """Return up to `limit` leads, newest first, that come after a position."""
        with self.database.transaction() as connection:
            rows = connection.execute(_page_query(tenant, wanted, after=after, limit=limit + 1)).mappings().all()
        found = tuple(lead_of(row) for row in rows[:limit])
        more = len(rows) > limit
        return Page(found, following=Position(found[-1].created_at, found[-1].id) if more else None)

    def change(self, tenant: str, lead_id: UUID, *, change: LeadChange) -> Lead:
        """Apply a change; raise LeadNotFoundError, or ForbiddenMoveError when the lead may not move so."""
        with self.database.transaction() as connection:
            lead = _read(connection, tenant, lead_id, lock=True)
            values: dict[str, str | None] = dict(change.fields)
            if change.stage is not None:
                stages.check_update(lead.stage, change.stage)
                values["stage"] = change.stage
            return lead_of(connection.execute(self._update(lead, values)).mappings().one())

    def convert(self, tenant: str, lead_id: UUID) -> Conversion:
        """Make the lead a customer with one contact; a repeat returns the first customer.

        Raises LeadNotFoundError, or ForbiddenMoveError when the lead is not qualified.
        """
        with self.database.transaction() as connection:
            lead = _read(connection, tenant, lead_id, lock=True)
            if lead.customer_id is not None:
                return Conversion(customers.read(connection, tenant, customer_id=lead.customer_id), is_new=False)
            stages.check_conversion(lead.stage)
            customer = customers.build(lead, self.ids, now=self.clock.now())
            customers.insert(connection, tenant, customer=customer)
            connection.execute(self._update(lead, {"stage": Stage.CONVERTED, "customer_id": customer.id}))
            return Conversion(customer, is_new=True)

    def count_by_stage(self, tenant: str) -> dict[Stage, int]:
        """Return how many leads stand in each stage; every stage is present."""
        with self.database.transaction() as connection:
            return count_on(connection, tenant)

    def _update(self, lead: Lead, values: dict[str, Any]) -> Any:
        statement: Update = update(leads).where(leads.c.id == lead.id).values(**values, updated_at=self.clock.now())
        return statement.returning(*_COLUMNS)


def lead_of(row: RowMapping) -> Lead:
    """Return the lead in a row."""
    return Lead(**{**row, "stage": Stage(row["stage"]), "source": Source(row["source"])})


def count_on(connection: Connection, tenant: str) -> dict[Stage, int]:
    """Count a tenant's leads by stage on a given connection."""
    query = select(leads.c.stage, func.count()).where(leads.c.tenant == tenant).group_by(leads.c.stage)
    counted = {Stage(stage): int(count) for stage, count in connection.execute(query)}
    return {stage: counted.get(stage, 0) for stage in Stage}


def _digest(new: NewLead) -> str:
    return hashlib.sha256(json.dumps(asdict(new), sort_keys=True).encode()).hexdigest()


def _first_of_key(connection: Connection, tenant: str, *, key: str, digest: str) -> Lead:
    query = select(*_COLUMNS, leads.c.request_digest).where(leads.c.tenant == tenant, leads.c.idempotency_key == key)
    row = dict(connection.execute(query).mappings().one())
    if row.pop("request_digest") != digest:
        raise KeyReusedError(key)
    return Lead(**{**row, "stage": Stage(row["stage"]), "source": Source(row["source"])})


def _read(connection: Connection, tenant: str, lead_id: UUID, *, lock: bool = False) -> Lead:
    query = select(*_COLUMNS).where(leads.c.tenant == tenant, leads.c.id == lead_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise LeadNotFoundError(lead_id)
    return lead_of(row)


def _page_query(tenant: str, wanted: LeadFilter, *, after: Position | None, limit: int) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [leads.c.tenant == tenant]
    if wanted.stage is not None:
        conditions.append(leads.c.stage == wanted.stage)
    if wanted.source is not None:
        conditions.append(leads.c.source == wanted.source)
    if wanted.email is not None:
        conditions.append(func.lower(leads.c.email) == wanted.email.lower())
    if wanted.text is not None:
        texts = (leads.c.name, leads.c.company, leads.c.email)
        conditions.append(func.concat_ws("\n", *texts).icontains(wanted.text, autoescape=True))
    if after is not None:
        seen = tuple_(literal(after.created_at), literal(after.id))
        conditions.append(tuple_(leads.c.created_at, leads.c.id) < seen)
    order = (leads.c.created_at.desc(), leads.c.id.desc())
    return select(*_COLUMNS).where(*conditions).order_by(*order).limit(limit)
