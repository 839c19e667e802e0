"""GET /api/v1/caller: who the agent takes the caller for. Whoever is known may ask."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from aetherlink.api.shapes import Instant
from aetherlink.model.principals import Principal, Role, Scope, role_of
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices


class CallerShape(BaseModel):
    """A caller, as the agent sees it."""

    name: str = Field(examples=["assistant"])
    scopes: list[Scope] = Field(description="What it may do; admin means everything.", examples=[["read"]])
    role: Role | None = Field(description="The role that is exactly these scopes; null: none is.")
    tenant: str | None = Field(description="The only tenant that it may see; null: all of them.", examples=[None])
    source: str | None = Field(description="The only source whose alerts it may post; null: any.", examples=[None])
    expires_at: Instant | None = Field(description="When it ends by itself at the latest; null: never.")


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/caller", tag="tokens")
    is_known = Depends(Needs(services.gate, None, tenants=True))

    @routes.get("", summary="Who the agent takes you for, and what you may do")
    async def who(caller: Annotated[Principal, is_known]) -> CallerShape:
        """A caller without a token on this machine or in a trusted network has a name and scopes too."""
        return CallerShape(
            name=caller.name,
            scopes=sorted(caller.scopes),
            role=role_of(caller.scopes),
            tenant=caller.tenant,
            source=caller.source,
            expires_at=caller.expires_at,
        )

    return routes
