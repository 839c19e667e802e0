"""GET /, /incidents and /incidents/{incident_id}: what is broken, for whom, and what the agent does about it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from aetherlink.console import acts, incident_list, now, one_incident
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
_Said = Annotated[str, Query(max_length=40)]


def router(services: ApiServices) -> APIRouter:
    """The pages."""
    routes = guarded_router(tag="pages", route_class=page_route(services))
    reader = Depends(Needs(services.gate, Scope.READ))

    @routes.api_route("/", methods=_LOOKING, include_in_schema=False)
    async def home(caller: Annotated[Principal, reader], said: _Said = "") -> Response:
        return await now.now(services, caller, acts.SAID.get(said, ""))

    @routes.api_route("/incidents/", methods=_LOOKING, include_in_schema=False)
    @routes.api_route("/incidents", methods=_LOOKING, include_in_schema=False)
    async def incidents(
        caller: Annotated[Principal, reader],
        *,
        status: IncidentStatus = IncidentStatus.OPEN,
        vip_cursor: Cursor = None,
        cursor: Cursor = None,
        severity: Severity | None = None,
    ) -> Response:
        vip_cursor, cursor = checked(vip_cursor, _INCIDENT), checked(cursor, _INCIDENT)
        view = incident_list.View(status, vip_cursor, cursor, severity)
        return await incident_list.incident_list(services, view, caller)

    @routes.api_route("/incidents/{incident_id}", methods=_LOOKING, include_in_schema=False)
    async def incident(
        caller: Annotated[Principal, reader],
        incident_id: str,
        *,
        alerts: Cursor = None,
        actions: Cursor = None,
        after: _Entry = None,
        said: _Said = "",
    ) -> Response:
        if _INCIDENT.fullmatch(incident_id) is None:
            raise NotFoundError(f"there is no incident {incident_id!r}")
        view = one_incident.View(IncidentId(incident_id), checked(alerts, NUMBER), checked(actions, _ACTION), after)
        return await one_incident.one_incident(services, view, caller, said=acts.SAID.get(said, ""))

    return routes
