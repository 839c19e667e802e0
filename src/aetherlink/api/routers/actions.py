"""GET /api/v1/actions and one of them: what was asked for or planned, how it was decided, what came of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from aetherlink.api import shapes
from aetherlink.api.filters import SHORT_PAGES, action_filter
from aetherlink.errors import NotFoundError
from aetherlink.model.actions import ActionFilter
from aetherlink.model.ids import ActionId
from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import DEFAULT_LIMIT, Cursor, Limit, checked, id_with
from aetherlink.web.services import ApiServices

_CURSOR = id_with("act")


def router(services: ApiServices) -> APIRouter:
    """Both routes."""
    routes = guarded_router(prefix="/api/v1/actions", tag="actions")
    may_read = [Depends(Needs(services.gate, Scope.READ))]

    @routes.get("", summary="Actions, newest first", description=SHORT_PAGES, dependencies=may_read)
    async def actions(
        only: Annotated[ActionFilter, Depends(action_filter)], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> shapes.ActionPage:
        before = checked(cursor, _CURSOR)
        found, next_cursor = await services.store.read(
            lambda rows: rows.actions.page(limit=limit, before=before, only=only)
        )
        return shapes.ActionPage(items=[shapes.action(one) for one in found], next_cursor=next_cursor)

    @routes.get("/{action_id}", summary="One action", dependencies=may_read)
    async def action(
        action_id: Annotated[str, Path(max_length=100, examples=["act-06f3qk2c8d1v7m4t"])],
    ) -> shapes.ActionShape:
        found = await services.store.read(lambda rows: rows.actions.get(ActionId(action_id)))
        if found is None:
            raise NotFoundError(f"there is no action {action_id!r}")
        return shapes.action(found)

    return routes
