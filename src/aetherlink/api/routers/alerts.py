"""GET /api/v1/alerts: every alert that the agent was told of, newest first."""

from typing import Annotated

from fastapi import APIRouter, Depends

from aetherlink.api import shapes
from aetherlink.api.filters import SHORT_PAGES, alert_filter
from aetherlink.model.alerts import AlertFilter
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import DEFAULT_LIMIT, NUMBER, Cursor, Limit, checked
from aetherlink.web.services import ApiServices


def router(services: ApiServices) -> APIRouter:
    """The list of alerts."""
    routes = guarded_router(prefix="/api/v1/alerts", tag="alerts")

    @routes.get(
        "",
        summary="Alerts, newest first",
        description=f"One item an episode: an alert that fires anew is a new one. {SHORT_PAGES}",
    )
    async def alerts(
        only: Annotated[AlertFilter, Depends(alert_filter)],
        caller: Annotated[Principal, Depends(Needs(services.gate, Scope.READ, tenants=True))],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> shapes.AlertPage:
        if caller.tenant is not None:
            only = only._replace(tenant=caller.tenant)
        before = checked(cursor, NUMBER)
        found, next_cursor = await services.store.read(
            lambda rows: rows.alerts.page(limit=limit, before=before, only=only)
        )
        return shapes.AlertPage(items=[shapes.alert(one) for one in found], next_cursor=next_cursor)

    return routes
