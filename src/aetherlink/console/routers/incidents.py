"""GET / and /incidents/{incident_id}: pages for people, what is broken, for whom, and what the agent does.

GET /incidents leads to the first.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse

from aetherlink.console import one_incident, overview
from aetherlink.console.refusals import page_route
from aetherlink.errors import NotFoundError
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import IncidentStatus, Severity
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import NUMBER, Cursor, checked, id_with
from aetherlink.web.services import ApiServices

_LOOKING = ["GET", "HEAD"]  # whoever watches a page asks for its head alone
_INCIDENT = id_with("inc")
_ACTION = id_with("act")
_Entry = Annotated[int | None, Query(ge=0, le=10**9)]
_Refresh = Annotated[int | None, Query(ge=5, le=3600)]  # seconds


def router(services: ApiServices) -> APIRouter:
    """The pages."""
    routes = guarded_router(tag="pages", route_class=page_route(services))
    reader = Depends(Needs(services.gate, Scope.READ))

    @routes.api_route("/", methods=_LOOKING, include_in_schema=False)
    async def home(
        caller: Annotated[Principal, reader],
        *,
        status: IncidentStatus = IncidentStatus.OPEN,
        vip_cursor: Cursor = None,
        cursor: Cursor = None,
        refresh: _Refresh = None,
        severity: Severity | None = None,
    ) -> Response:
        view = overview.View(status, checked(vip_cursor, _INCIDENT), checked(cursor, _INCIDENT), refresh, severity)
        return await overview.overview(services, view, caller)

    @routes.api_route("/incidents/", methods=_LOOKING, include_in_schema=False)
    @routes.api_route("/incidents", methods=_LOOKING, include_in_schema=False)
    async def incidents(_: Annotated[Principal, reader]) -> RedirectResponse:
        return RedirectResponse(services.base_path + overview.PATH)

    @routes.api_route("/incidents/{incident_id}", methods=_LOOKING, include_in_schema=False)
    async def incident(
        caller: Annotated[Principal, reader],
        incident_id: str,
        *,
        alerts: Cursor = None,
        actions: Cursor = None,
        after: _Entry = None,
    ) -> Response:
        if _INCIDENT.fullmatch(incident_id) is None:
            raise NotFoundError(f"there is no incident {incident_id!r}")
        view = one_incident.View(IncidentId(incident_id), checked(alerts, NUMBER), checked(actions, _ACTION), after)
        return await one_incident.one_incident(services, view, caller)

    return routes
