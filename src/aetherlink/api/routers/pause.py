"""GET, POST and DELETE /api/v1/pause. Whoever may operate may pause; to resume takes a token with the scope admin."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aetherlink.api import shapes
from aetherlink.model.pauses import EVERYTHING
from aetherlink.model.principals import Principal, Scope
from aetherlink.pause_commands import LONGEST_REASON, PauseWish
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

_EXAMPLE: JsonDict = {"reason": "we move the database"}
_LONGEST_SCOPE = 300
_SCOPES = "`all`, or `playbook:`, `tenant:`, `target:` or `source:` with a name"

ScopeText = Annotated[str, Field(strict=True, min_length=1, max_length=_LONGEST_SCOPE)]


class PauseBody(BaseModel):
    """A wish for a pause."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    reason: Annotated[str, Field(strict=True, min_length=1, max_length=LONGEST_REASON)] | None = Field(
        default=None, description="Why; without, the reason of a pause that holds stays."
    )
    scope: ScopeText = Field(default=EVERYTHING, description=f"What is paused: {_SCOPES}.")
    begins: AwareDatetime | None = Field(
        default=None, alias="from", description="When it begins, for a maintenance window; without, at once."
    )
    until: AwareDatetime | None = Field(default=None, description="When it ends by itself; without, when resumed.")


class Resumed(BaseModel):
    """What is resumed."""

    model_config = ConfigDict(extra="forbid")

    scope: Annotated[str, Field(min_length=1, max_length=_LONGEST_SCOPE)] = Field(
        default=EVERYTHING, description=f"Exactly this one: {_SCOPES}."
    )
    planned: bool = Field(default=False, description="Whether what is only to come is called off too.")


def router(services: ApiServices) -> APIRouter:
    """The three routes."""
    routes = guarded_router(prefix="/api/v1/pause", tag="pause")
    operate = Needs(services.gate, Scope.OPERATE)
    admin = Needs(services.gate, Scope.ADMIN)
    commands = services.pause_commands

    async def stored() -> shapes.PauseState:
        return shapes.pauses(await commands.pauses(), services.outside_pause())

    @routes.get("", summary="What is paused, and will be", dependencies=[Depends(Needs(services.gate, Scope.READ))])
    async def state() -> shapes.PauseState:
        return await stored()

    @routes.post("", summary="Pause the agent or a part of it: nothing of it is acted on from now on")
    async def pause(body: PauseBody, caller: Annotated[Principal, Depends(operate)]) -> shapes.PauseState:
        """In force once it is answered, also after restarts. Asked for again it may get longer, never shorter."""
        wish = PauseWish(body.scope, body.reason, _utc(body.begins), _utc(body.until))
        await commands.pause(wish, principal=caller.name)
        return await stored()

    @routes.delete("", summary="Resume: the agent acts again as its mode allows")
    async def resume(
        caller: Annotated[Principal, Depends(admin)], what: Annotated[Resumed, Query()]
    ) -> shapes.PauseState:
        """What is not paused stays as it is."""
        await commands.resume(what.scope, principal=caller.name, include_planned=what.planned)
        return await stored()

    return routes


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)
