"""GET /api/v1/ledger: what became of every alert that was ever received."""

from fastapi import APIRouter, Depends

from aetherlink.api import ledger_shapes
from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/ledger", tag="ledger")

    @routes.get(
        "", summary="What became of every alert received", dependencies=[Depends(Needs(services.gate, Scope.READ))]
    )
    async def ledger() -> ledger_shapes.LedgerShape:
        """Everything that was answered before is in it; `aether_agent_ledger_total` counts the same."""
        return ledger_shapes.ledger(await services.ledger.ledger())

    return routes
