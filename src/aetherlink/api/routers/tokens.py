"""POST, GET and DELETE /api/v1/tokens. They need a token with the scope admin, from everywhere."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aetherlink.api import shapes
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.idempotency import IdempotencyKey
from aetherlink.web.paging import DEFAULT_LIMIT, Cursor, Limit, part_of
from aetherlink.web.services import ApiServices

_Id = Annotated[str, Path(max_length=100, examples=["tok-06f3qk2c8d1v7m4t"])]
_EXAMPLE: JsonDict = {"name": "alertmanager", "scopes": ["webhook"]}


class TokenBody(BaseModel):
    """A wish for a token."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: str = Field(min_length=1, max_length=63, description="Two of one name may be valid at a time.")
    scopes: list[Annotated[Scope, Field(strict=False)]] = Field(min_length=1, max_length=len(Scope))
    source: str | None = Field(
        default=None, max_length=63, description="The one source whose alerts it is good for, with the scope webhook."
    )


def router(services: ApiServices) -> APIRouter:
    """The three routes."""
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
            body.name, body.scopes, by=caller.name, source=body.source, idempotency_key=idempotency_key
        )
        response.headers["Cache-Control"] = "no-store"
        return shapes.NewToken(**shapes.token(record).model_dump(), token=secret)

    @routes.get("", summary="Tokens, oldest first, without their secrets", dependencies=[Depends(admin)])
    async def tokens(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> shapes.TokenPage:
        items = [shapes.token(one) for one in await services.tokens.records()]
        page, next_cursor = part_of([one.id for one in items], limit=limit, cursor=cursor)
        return shapes.TokenPage(items=items[page], next_cursor=next_cursor)

    @routes.delete("/{token_id}", summary="Revoke a token", dependencies=[Depends(admin)])
    async def revoke(
        token_id: _Id,
    ) -> shapes.TokenShape:
        return shapes.token(await services.tokens.revoke(token_id))

    return routes
