"""GET /api/v1/incidents, one of them, and its timeline."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from aetherlink.api import shapes
from aetherlink.api.filters import SHORT_PAGES, Text, incident_filter
from aetherlink.errors import NotFoundError
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident, IncidentFilter
from aetherlink.model.principals import Principal, Scope
from aetherlink.ports import Transaction
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import DEFAULT_LIMIT, NUMBER, Cursor, Limit, checked, id_with
from aetherlink.web.services import ApiServices

_Id = Annotated[Text, Path(examples=["inc-06f3qk2c8d1v7m4t"])]
_CURSOR = id_with("inc")
_MOST_ALERTS = 500  # in one answer; GET /api/v1/alerts?incident_id= pages through all of them


def router(services: ApiServices) -> APIRouter:
    """The three routes."""
    routes = guarded_router(prefix="/api/v1/incidents", tag="incidents")
    may_read = [Depends(Needs(services.gate, Scope.READ))]

    @routes.get("", summary="Incidents, newest first", description=SHORT_PAGES)
    async def incidents(
        only: Annotated[IncidentFilter, Depends(incident_filter)],
        caller: Annotated[Principal, Depends(Needs(services.gate, Scope.READ, tenants=True))],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> shapes.IncidentPage:
        if caller.tenant is not None:
            only = replace(only, tenant=caller.tenant)
        before = checked(cursor, _CURSOR)
        found, next_cursor = await services.store.read(
            lambda rows: rows.incidents.page(limit=limit, before=before, only=only)
        )
        return shapes.IncidentPage(items=[shapes.incident(one) for one in found], next_cursor=next_cursor)

    @routes.get(
        "/{incident_id}",
        summary="One incident with its alerts and its action",
        description=f"Of its alerts the first {_MOST_ALERTS}; GET /api/v1/alerts?incident_id= pages through all.",
        dependencies=may_read,
    )
    async def incident(incident_id: _Id) -> shapes.IncidentDetail:
        return await services.store.read(lambda rows: _detail(rows, IncidentId(incident_id)))

    @routes.get(
        "/{incident_id}/timeline",
        summary="What happened, in order",
        description="Append-only: each entry is chained by its hash to the one before it in the same incident.",
        dependencies=may_read,
    )
    async def timeline(incident_id: _Id, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> shapes.TimelinePage:
        after = int(checked(cursor, NUMBER) or 0)
        return await services.store.read(lambda rows: _timeline(rows, IncidentId(incident_id), limit, after))

    return routes


def _detail(rows: Transaction, incident_id: IncidentId) -> shapes.IncidentDetail:
    found = _found(rows, incident_id)
    action = rows.actions.get(found.action_id) if found.action_id else None
    return shapes.incident_detail(found, rows.alerts.of_incident(incident_id, limit=_MOST_ALERTS), action)


def _timeline(rows: Transaction, incident_id: IncidentId, limit: int, after: int) -> shapes.TimelinePage:
    _found(rows, incident_id)
    entries = rows.incidents.timeline(incident_id, limit=limit + 1, after=after)
    page = entries[:limit]
    next_cursor = str(page[-1].sequence) if len(entries) > limit else None
    return shapes.TimelinePage(items=[shapes.entry(one) for one in page], next_cursor=next_cursor)


def _found(rows: Transaction, incident_id: IncidentId) -> Incident:
    found = rows.incidents.get(incident_id)
    if found is None:
        raise NotFoundError(f"there is no incident {incident_id!r}")
    return found
