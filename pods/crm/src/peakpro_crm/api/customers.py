"""/api/customers: reading what converted leads became."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from peakpro_crm.api.context import Tenant, TheParts
from peakpro_crm.api.schemas import CustomerOut
from peakpro_crm.problems import documented

router = APIRouter(prefix="/api/customers", tags=["customers"], responses=documented(403, 404, 422, 500, 503))


@router.get("/{customer_id}")
def read_customer(
    customer_id: Annotated[UUID, Path(examples=["9b6f3f0e-2f0e-4d5e-8f57-4c1d1c0a7e22"])],
    tenant: Tenant,
    *,
    parts: TheParts,
) -> CustomerOut:
    """Read one customer with its contact."""
    return CustomerOut.of(parts.customers.get(tenant, customer_id))
