"""What every API route needs: the process's parts, the caller's tenant, and admission.

Routers take these as dependencies. `app` puts the parts in place.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request

from peakpro_crm.customers import CustomerStore
from peakpro_crm.errors import OverloadedError, UnknownTenantError
from peakpro_crm.faults import Faults
from peakpro_crm.leads import LeadStore
from peakpro_crm.meter import RequestMeter
from peakpro_crm.metrics import Metrics
from peakpro_crm.monitor import DatabaseMonitor


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one CRM process; `faults` is None unless the switchboard exists."""

    leads: LeadStore
    customers: CustomerStore
    metrics: Metrics
    meter: RequestMeter
    monitor: DatabaseMonitor
    faults: Faults | None
    tenants: tuple[str, ...]
    max_in_flight: int


def install(app: FastAPI, parts: Parts) -> None:
    """Give an application its parts."""
    app.state.parts = parts


async def parts_of(request: Request) -> Parts:
    """Return the parts of the application that serves a request."""
    parts = request.app.state.parts
    if not isinstance(parts, Parts):
        raise TypeError("install() was not called on this application")
    return parts


TheParts = Annotated[Parts, Depends(parts_of)]
_TENANT = Header(alias="X-Tenant", description="Whose leads these are.", examples=["acme-corp"])


async def admit(parts: TheParts, x_tenant: Annotated[str, _TENANT]) -> str:
    """Let a known tenant's request in and return the tenant; the faults that are on strike here."""
    if x_tenant not in parts.tenants:
        raise UnknownTenantError(f"the tenant in X-Tenant is unknown; known are: {', '.join(parts.tenants)}")
    if parts.meter.in_flight > parts.max_in_flight:
        raise OverloadedError(f"more than {parts.max_in_flight} requests are being served: try again shortly")
    if parts.faults is not None:
        await parts.faults.before_request(x_tenant)
    return x_tenant


Tenant = Annotated[str, Depends(admit)]
