"""GET /api/v1/audit: how far the anchors reach. `aether audit verify` verifies: it believes no running agent."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from aetherlink.api.shapes import Instant
from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices


class AnchorShape(BaseModel):
    """What the timelines came to at one moment."""

    at: Instant | None
    number: int = Field(description="The number of the last entry that it covers.", examples=[1207])
    digest: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])


class AuditState(BaseModel):
    """How many entries there are, and how far the anchors reach."""

    entries: int = Field(description="Entries of all timelines by now.", examples=[1210])
    anchor: AnchorShape | None = Field(description="The newest one; null before the first.")


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/audit", tag="audit")
    may_read = [Depends(Needs(services.gate, Scope.READ))]

    @routes.get("", summary="How many timeline entries there are, and the last anchor", dependencies=may_read)
    async def state() -> AuditState:
        """The whole is checked by `aether audit verify`, at the database itself."""
        last = services.anchors.last
        anchor = None if last is None else AnchorShape(at=last.at, number=last.tally.number, digest=last.tally.hex)
        return AuditState(entries=services.anchors.entries, anchor=anchor)

    return routes
