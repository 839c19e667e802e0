"""GET /api/v1/alerts: every alert that the agent was told of, newest first."""

from fastapi import APIRouter, Depends

from aetherlink.api import shapes
from aetherlink.api.guard import Needs, guarded_router
from aetherlink.api.paging import DEFAULT_LIMIT, NUMBER, Cursor, Limit, checked
from aetherlink.api.services import ApiServices
from aetherlink.model.principals import Scope


def router(services: ApiServices) -> APIRouter:
    """The list of alerts."""
    routes = guarded_router(prefix="/api/v1/alerts", tag="alerts")

    @routes.get("", summary="Alerts, newest first", dependencies=[Depends(Needs(services.gate, Scope.READ))])
    async def alerts(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> shapes.AlertPage:
        before = checked(cursor, NUMBER)
        found, next_cursor = await services.store.read(lambda rows: rows.alerts.page(limit=limit, before=before))
        return shapes.AlertPage(items=[shapes.alert(one) for one in found], next_cursor=next_cursor)

    return routes
