"""What goes over the wire: bodies of requests and answers, with the examples of the API's documentation.

The routers turn these into `model` values and back. Everything from outside is bounded and checked here.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from peakpro_crm import cursors
from peakpro_crm.model import Customer, Lead, LeadChange, NewLead, Page, Source, Stage


def _printable(text: str) -> str:
    if any(ord(character) < 32 and character not in "\t\n\r" for character in text):
        raise ValueError("control characters are not taken")  # PostgreSQL's text cannot hold NUL
    return text


Short = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)
]
Long = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_printable)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9 ()./-]{3,40}$")]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]+\.[^@\s.]+$"
    ),
]
SearchText = Annotated[str, StringConstraints(min_length=2, max_length=100), AfterValidator(_printable)]

_LEAD: JsonDict = {
    "name": "Ada Example",
    "email": "ada@example.org",
    "source": "web",
    "company": "Example Ltd",
    "phone": "+44 20 7946 0000",
    "note": "Asked for a quote.",
}
_STORED: JsonDict = {
    "id": "3f0c6a2e-6f2f-4a53-9d0e-0d7b1b5c9a11",
    "stage": "new",
    **_LEAD,
    "customer_id": None,
    "created_at": "2025-11-02T20:06:26.123456Z",
    "updated_at": "2025-11-02T20:06:26.123456Z",
}


class LeadIn(BaseModel):
    """A lead to create."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_LEAD]})

    name: Short
    email: Email
    source: Source = Source.OTHER
    company: Short | None = None
    phone: Phone | None = None
    note: Long | None = None

    def to_model(self) -> NewLead:
        """Return the lead to create as the domain has it."""
        return NewLead(
            self.name, self.email, source=self.source, company=self.company, phone=self.phone, note=self.note
        )


class LeadPatch(BaseModel):
    """What to change in a lead; what is left out stays. null clears company, phone or note."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"stage": "contacted"}]})

    name: Short = Field(default="")
    email: Email = Field(default="")
    stage: Stage = Stage.NEW
    company: Short | None = None
    phone: Phone | None = None
    note: Long | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "LeadPatch":
        if not self.model_fields_set:
            raise ValueError(f"nothing to change: send at least one of {', '.join(LeadPatch.model_fields)}")
        return self

    def to_model(self) -> LeadChange:
        """Return the change as the domain has it."""
        fields: dict[str, str | None] = self.model_dump(exclude_unset=True, exclude={"stage"})
        return LeadChange(fields, stage=self.stage if "stage" in self.model_fields_set else None)


class LeadOut(BaseModel):
    """A lead as stored."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STORED]})

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

    @classmethod
    def of(cls, lead: Lead) -> "LeadOut":
        """Return a stored lead for the wire."""
        return cls.model_validate(lead, from_attributes=True)


class LeadPage(BaseModel):
    """One page, newest lead first; send `next_cursor` as ?cursor= for the next, null means there is none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_STORED], "next_cursor": None}]})

    items: list[LeadOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page) -> "LeadPage":
        """Return a page for the wire."""
        following = cursors.encode(page.following) if page.following is not None else None
        return cls(items=[LeadOut.of(lead) for lead in page.leads], next_cursor=following)


class StageCounts(BaseModel):
    """How many leads stand in each stage."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"stages": {"new": 12, "contacted": 7, "qualified": 3, "converted": 5, "lost": 2}, "total": 29},
            ]
        }
    )

    stages: dict[Stage, int]
    total: int


class ContactOut(BaseModel):
    """The person at a customer."""

    id: UUID
    name: str
    email: str
    phone: str | None


class CustomerOut(BaseModel):
    """What a converted lead became."""

    id: UUID
    lead_id: UUID
    name: str
    contact: ContactOut
    created_at: datetime

    @classmethod
    def of(cls, customer: Customer) -> "CustomerOut":
        """Return a customer for the wire."""
        return cls.model_validate(customer, from_attributes=True)
