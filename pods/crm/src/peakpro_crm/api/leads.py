"""/api/leads: create, list, count, read, update, convert.

Plain functions: the framework runs them in worker threads, where waiting for the database blocks nobody else.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response

from peakpro_crm import cursors
from peakpro_crm.api.context import Tenant, TheParts
from peakpro_crm.api.schemas import CustomerOut, Email, LeadIn, LeadOut, LeadPage, LeadPatch, SearchText, StageCounts
from peakpro_crm.model import LeadFilter, Source, Stage
from peakpro_crm.problems import documented

router = APIRouter(prefix="/api/leads", tags=["leads"], responses=documented(403, 422, 500, 503))

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Send the same key to repeat a create safely: the first lead is answered, none is made twice.",
        examples=["order-4711"],
    ),
]
LeadId = Annotated[UUID, Path(examples=["3f0c6a2e-6f2f-4a53-9d0e-0d7b1b5c9a11"])]


@router.post("", status_code=201, responses={200: {"model": LeadOut, "description": "The key's first lead"}})
def create_lead(
    body: LeadIn, tenant: Tenant, *, parts: TheParts, response: Response, idempotency_key: IdempotencyKey = None
) -> LeadOut:
    """Create a lead, in stage new. A repeat with the same Idempotency-Key answers 200 with the first lead."""
    created = parts.leads.create(tenant, body.to_model(), key=idempotency_key)
    if created.is_new:
        parts.metrics.lead_created(tenant, created.lead.source)
    else:
        response.status_code = 200
    response.headers["Location"] = f"/api/leads/{created.lead.id}"
    return LeadOut.of(created.lead)


@router.get("")
def list_leads(
    tenant: Tenant,
    parts: TheParts,
    *,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    stage: Stage | None = None,
    source: Source | None = None,
    text: Annotated[SearchText | None, Query(description="Part of name, company or email, in any case.")] = None,
    email: Annotated[Email | None, Query(description="The whole email, in any case.")] = None,
) -> LeadPage:
    """List leads, newest first. Paging is stable: leads that come in meanwhile shift nothing."""
    wanted = LeadFilter(stage=stage, source=source, text=text, email=email)
    after = cursors.decode(cursor) if cursor is not None else None
    return LeadPage.of(parts.leads.page(tenant, wanted, after=after, limit=limit))


@router.get("/stages")
def count_stages(tenant: Tenant, parts: TheParts) -> StageCounts:
    """Count leads by stage; stages without leads are there with 0."""
    counts = parts.leads.count_by_stage(tenant)
    return StageCounts(stages=counts, total=sum(counts.values()))


@router.get("/{lead_id}", responses=documented(404))
def read_lead(lead_id: LeadId, tenant: Tenant, *, parts: TheParts) -> LeadOut:
    """Read one lead."""
    return LeadOut.of(parts.leads.get(tenant, lead_id))


@router.patch("/{lead_id}", responses=documented(404, 409))
def update_lead(lead_id: LeadId, body: LeadPatch, *, tenant: Tenant, parts: TheParts) -> LeadOut:
    """Change a lead's fields, or move it on: new -> contacted -> qualified; any of them -> lost; lost -> contacted."""
    return LeadOut.of(parts.leads.change(tenant, lead_id, change=body.to_model()))


@router.post(
    "/{lead_id}/convert",
    status_code=201,
    responses={200: {"model": CustomerOut, "description": "It was converted before"}, **documented(404, 409)},
)
def convert_lead(lead_id: LeadId, tenant: Tenant, *, parts: TheParts, response: Response) -> CustomerOut:
    """Make a qualified lead a customer with one contact. A repeat answers 200 with the same customer."""
    conversion = parts.leads.convert(tenant, lead_id)
    if not conversion.is_new:
        response.status_code = 200
    response.headers["Location"] = f"/api/customers/{conversion.customer.id}"
    return CustomerOut.of(conversion.customer)
