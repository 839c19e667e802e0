"""POST /api/v1/login-links: a link that signs one browser in, once. It needs the scope admin, from everywhere."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from aetherlink.api import shapes
from aetherlink.model.principals import ROLES, Principal, Role, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices


class LoginLinkBody(BaseModel):
    """A wish for a link."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"role": "approver"}]})

    role: Annotated[Role, Field(strict=False)] = Field(default=Role.ADMIN, description="What the browser may do.")
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=63,
        description="Who signs in, as timelines show it; not given: whoever makes the link.",
        examples=["zoe"],
    )


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/login-links", tag="tokens")
    admin = Needs(services.gate, Scope.ADMIN)

    @routes.post("", summary="Make a link that signs one browser in, once; it is shown this once", status_code=201)
    async def create(
        body: LoginLinkBody, response: Response, caller: Annotated[Principal, Depends(admin)]
    ) -> shapes.NewLoginLink:
        link, secret = await services.sign_in.sessions.link(caller, name=body.name, scopes=ROLES[body.role])
        response.headers["Cache-Control"] = "no-store"
        place = services.sign_in.place
        path = f"/login#{secret}"
        return shapes.NewLoginLink(
            name=link.name,
            role=body.role,
            path=path,
            url=None if place.origin is None else f"{place.origin}{place.base_path}{path}",
            expires_at=link.expires_at,
        )

    return routes
