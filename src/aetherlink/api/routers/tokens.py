"""POST, GET and DELETE /api/v1/tokens, and their rotation. They need a token with the scope admin, from everywhere."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from aetherlink.access.tokens import LONGEST_TENANT, Bounds
from aetherlink.api import shapes
from aetherlink.lib.option_types import Duration
from aetherlink.model.principals import ROLES, Principal, Role, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.idempotency import IdempotencyKey
from aetherlink.web.paging import DEFAULT_LIMIT, Cursor, Limit, part_of
from aetherlink.web.services import ApiServices

_Id = Annotated[str, Path(max_length=100, examples=["tok-06f3qk2c8d1v7m4t"])]
_Name = Annotated[str, Path(max_length=63, examples=["grafana"])]
_Life = Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=3650), strict=False)]
_Overlap = Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=30), strict=False)]
_EXAMPLE: JsonDict = {"name": "alertmanager", "scopes": ["webhook"]}


class TokenBody(BaseModel):
    """A wish for a token."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: str = Field(min_length=1, max_length=63, description="Two of one name may be valid at a time.")
    scopes: list[Annotated[Scope, Field(strict=False)]] = Field(
        default_factory=list, max_length=len(Scope), description="What it is good for; or give a role."
    )
    role: Annotated[Role, Field(strict=False)] | None = Field(
        default=None, description="viewer, responder, approver or admin, in place of scopes."
    )
    source: str | None = Field(
        default=None, max_length=63, description="The one source whose alerts it is good for, with the scope webhook."
    )
    tenant: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_TENANT,
        description="The one tenant that it may see, with the scope read alone. Every route that cannot keep to one "
        "tenant refuses it.",
    )
    expires_in: _Life | None = Field(
        default=None, description="It ends by itself after this long, such as 90d; not given: never.", examples=["90d"]
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.scopes) == (self.role is not None):
            raise ValueError("give scopes, or a role")
        return self

    @property
    def held(self) -> Iterable[Scope]:
        """The scopes that are wished for."""
        return self.scopes if self.role is None else ROLES[self.role]


class RotationBody(BaseModel):
    """A wish for a token in place of another."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"overlap": "24h"}]})

    overlap: _Overlap = Field(
        default=timedelta(hours=24), description="How long the old one is still good, such as 24h.", examples=["24h"]
    )


def router(services: ApiServices) -> APIRouter:
    """The four routes."""
    routes = guarded_router(prefix="/api/v1/tokens", tag="tokens")
    admin = Needs(services.gate, Scope.ADMIN)

    @routes.post("", summary="Make a token; its secret is shown this once", status_code=201)
    async def create(
        body: TokenBody,
        response: Response,
        caller: Annotated[Principal, Depends(admin)],
        idempotency_key: IdempotencyKey = None,
    ) -> shapes.NewToken:
        record, secret = await services.tokens.issue(
            body.name,
            body.held,
            by=caller.name,
            bounds=Bounds(body.source, body.tenant, body.expires_in),
            idempotency_key=idempotency_key,
        )
        response.headers["Cache-Control"] = "no-store"
        return shapes.NewToken(**shapes.token(record).model_dump(), token=secret)

    @routes.post(
        "/{name}/rotate",
        summary="Make a token in place of one of this name, which ends by itself; its secret is shown this once",
        status_code=201,
        dependencies=[Depends(admin)],
    )
    async def rotate(name: _Name, body: RotationBody, response: Response) -> shapes.NewToken:
        record, secret = await services.tokens.rotate(name, overlap=body.overlap)
        response.headers["Cache-Control"] = "no-store"
        return shapes.NewToken(**shapes.token(record).model_dump(), token=secret)

    @routes.get("", summary="Tokens, oldest first, without their secrets", dependencies=[Depends(admin)])
    async def tokens(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> shapes.TokenPage:
        items = [shapes.token(one, services.tokens.last_use(one)) for one in await services.tokens.records()]
        page, next_cursor = part_of([one.id for one in items], limit=limit, cursor=cursor)
        return shapes.TokenPage(items=items[page], next_cursor=next_cursor)

    @routes.delete("/{token_id}", summary="Revoke a token", dependencies=[Depends(admin)])
    async def revoke(
        token_id: _Id,
    ) -> shapes.TokenShape:
        return shapes.token(await services.tokens.revoke(token_id))

    return routes
