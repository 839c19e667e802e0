"""The words of the CRM: leads, their stages and sources, customers.

Frozen values of the standard library only; every other module speaks in them. No I/O, no clock, no framework.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Stage(StrEnum):
    """Where a lead stands; `stages` says how it moves."""

    NEW = "new"
    CONTACTED = "contacted"
    QUALIFIED = "qualified"
    CONVERTED = "converted"
    LOST = "lost"


class Source(StrEnum):
    """Where a lead came from: a closed set, because it is a metric label."""

    WEB = "web"
    REFERRAL = "referral"
    IMPORT = "import"
    EVENT = "event"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NewLead:
    """A lead as its sender describes it."""

    name: str
    email: str
    source: Source
    company: str | None
    phone: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead as stored. Instants are aware and in UTC."""

    id: UUID
    stage: Stage
    source: Source
    name: str
    email: str
    company: str | None
    phone: str | None
    note: str | None
    customer_id: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class LeadChange:
    """What an update sets: `fields` maps a column of the lead to its new value, `stage` moves it."""

    fields: dict[str, str | None]
    stage: Stage | None


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """What a listing is narrowed to; None means not narrowed."""

    stage: Stage | None = None
    source: Source | None = None
    text: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """The last lead a caller has seen; the next page begins after it."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """One page of leads, newest first; `following` is None on the last page."""

    leads: tuple[Lead, ...]
    following: Position | None


@dataclass(frozen=True, slots=True)
class Created:
    """The answer to a create: `is_new` is False when the idempotency key had been seen."""

    lead: Lead
    is_new: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """The person at a customer."""

    id: UUID
    name: str
    email: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """What a converted lead became."""

    id: UUID
    lead_id: UUID
    name: str
    contact: Contact
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Conversion:
    """The answer to a convert: `is_new` is False when the lead had been converted before."""

    customer: Customer
    is_new: bool
