"""GET, POST and DELETE /api/v1/pause. Whoever may operate may pause; to resume takes a token with the scope admin."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aetherlink.api import shapes
from aetherlink.api.guard import Needs, guarded_router
from aetherlink.api.services import ApiServices
from aetherlink.model.principals import Principal, Scope

_EXAMPLE: JsonDict = {"reason": "we move the database"}
_LONGEST_REASON = 1000


class PauseBody(BaseModel):
    """A wish for a pause."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    reason: Annotated[str, Field(strict=True, min_length=1, max_length=_LONGEST_REASON)] | None = Field(
        default=None, description="Why; without, the reason of a pause that holds stays."
    )
    scope: Literal["all"] = Field(default="all", description="What is paused: all of the agent, the only one so far.")
    until: AwareDatetime | None = Field(default=None, description="When it ends by itself; without, when resumed.")


def router(services: ApiServices) -> APIRouter:
    """The three routes."""
    routes = guarded_router(prefix="/api/v1/pause", tag="pause")
    operate = Needs(services.gate, Scope.OPERATE)
    admin = Needs(services.gate, Scope.ADMIN)
    commands = services.commands

    @routes.get("", summary="Whether the agent is paused", dependencies=[Depends(Needs(services.gate, Scope.READ))])
    async def state() -> shapes.PauseState:
        return shapes.pauses(await commands.pauses())

    @routes.post("", summary="Pause the agent: nothing is acted on from now on")
    async def pause(body: PauseBody, caller: Annotated[Principal, Depends(operate)]) -> shapes.PauseState:
        """In force once it is answered, also after restarts. Asked for again it may get longer, never shorter."""
        return shapes.pauses([await commands.pause(body.reason, until=_utc(body.until), principal=caller.name)])

    @routes.delete("", summary="Resume: the agent acts again as its mode allows")
    async def resume(caller: Annotated[Principal, Depends(admin)]) -> shapes.PauseState:
        """An agent that is not paused stays as it is."""
        await commands.resume(principal=caller.name)
        return shapes.pauses(await commands.pauses())

    return routes


def _utc(until: datetime | None) -> datetime | None:
    return None if until is None else until.astimezone(UTC)
