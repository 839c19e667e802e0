"""GET / and /incidents/{incident_id}: pages for people, read only; and the style sheet and the icon that they use.

GET /incidents leads to the first.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse, RedirectResponse

from aetherlink.console import one_incident, overview
from aetherlink.console.refusals import page_route
from aetherlink.console.writing import ASSETS, HEADERS
from aetherlink.errors import NotFoundError
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import IncidentStatus, Severity
from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs, guarded_router, open_to_all
from aetherlink.web.paging import NUMBER, Cursor, checked, id_with
from aetherlink.web.services import ApiServices

_LOOKING = ["GET", "HEAD"]  # whoever watches a page asks for its head alone
_INCIDENT = id_with("inc")
_ACTION = id_with("act")
_Entry = Annotated[int | None, Query(ge=0, le=10**9)]
_Refresh = Annotated[int | None, Query(ge=5, le=3600)]  # seconds


def router(services: ApiServices) -> APIRouter:
    """The pages and their assets."""
    routes = guarded_router(tag="pages", route_class=page_route(services.clock))
    may_read = [Depends(Needs(services.gate, Scope.READ, also_basic=True))]

    @routes.api_route("/", methods=_LOOKING, include_in_schema=False, dependencies=may_read)
    async def home(
        status: IncidentStatus = IncidentStatus.OPEN,
        vip_cursor: Cursor = None,
        cursor: Cursor = None,
        refresh: _Refresh = None,
        severity: Severity | None = None,
    ) -> Response:
        view = overview.View(status, checked(vip_cursor, _INCIDENT), checked(cursor, _INCIDENT), refresh, severity)
        return await overview.overview(services, view)

    @routes.api_route("/incidents/", methods=_LOOKING, include_in_schema=False, dependencies=may_read)
    @routes.api_route("/incidents", methods=_LOOKING, include_in_schema=False, dependencies=may_read)
    async def incidents() -> RedirectResponse:
        return RedirectResponse(overview.PATH)

    @routes.api_route("/incidents/{incident_id}", methods=_LOOKING, include_in_schema=False, dependencies=may_read)
    async def incident(
        incident_id: str, alerts: Cursor = None, actions: Cursor = None, after: _Entry = None
    ) -> Response:
        if _INCIDENT.fullmatch(incident_id) is None:
            raise NotFoundError(f"there is no incident {incident_id!r}")
        view = one_incident.View(IncidentId(incident_id), checked(alerts, NUMBER), checked(actions, _ACTION), after)
        return await one_incident.one_incident(services, view)

    @routes.api_route("/assets/{name}", methods=_LOOKING, include_in_schema=False, dependencies=[Depends(open_to_all)])
    async def asset(name: str) -> FileResponse:
        """Open to all: the page that refuses somebody is to be readable, too."""
        if name not in ASSETS:
            raise NotFoundError(f"there is no asset {name!r}")
        return FileResponse(ASSETS[name], headers={**HEADERS, "Cache-Control": "no-cache"})

    return routes
