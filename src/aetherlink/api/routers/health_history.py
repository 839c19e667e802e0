"""GET /api/v1/health: the scores as last read, of all tenants together and of each; and /history, as they were."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from aetherlink.api import health_shapes as shapes
from aetherlink.api.filters import SHORT_PAGES, Text
from aetherlink.model.health import WHOLE
from aetherlink.model.ids import SourceName
from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import DEFAULT_LIMIT, NUMBER, Cursor, Limit, checked
from aetherlink.web.services import ApiServices

_Source = Annotated[Text | None, Query(description="Of this source; the first one if absent.")]
_Tenant = Annotated[Text | None, Query(description="Of this tenant; empty: of all together; absent: of everyone.")]
_Since = Annotated[
    AwareDatetime | None, Query(description="Not before this instant.", examples=["2025-11-02T20:06:26Z"])
]


def router(services: ApiServices) -> APIRouter:
    """Both routes."""
    routes = guarded_router(prefix="/api/v1/health", tag="health")
    may_read = [Depends(Needs(services.gate, Scope.READ))]

    @routes.get("", summary="The health scores as last read", dependencies=may_read)
    async def now() -> shapes.HealthNow:
        readings = [shapes.present(reading) for reading in services.health.present]
        whole = next((reading for reading in readings if reading.tenant == WHOLE), None)
        tenants = [reading for reading in readings if reading.tenant != WHOLE]
        return shapes.HealthNow(source=_main_source(services), score=whole, tenants=tenants)

    @routes.get(
        "/history",
        summary="Health scores as they were, newest first",
        description=SHORT_PAGES,
        dependencies=may_read,
    )
    async def history(
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        source: _Source = None,
        tenant: _Tenant = None,
        since: _Since = None,
    ) -> shapes.HistoryPage:
        before = checked(cursor, NUMBER)
        of = SourceName(source) if source is not None else _main_source(services)
        found, next_cursor = await services.store.read(
            lambda rows: rows.health.page(source=of, tenant=tenant, since=since, limit=limit, before=before)
        )
        return shapes.HistoryPage(items=[shapes.stored(*one) for one in found], next_cursor=next_cursor)

    return routes


def _main_source(services: ApiServices) -> SourceName:
    """The source that holds the health score."""
    return next(iter(services.queries))
