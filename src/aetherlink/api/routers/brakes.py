"""GET /api/v1/brakes, and DELETE of one: what automation is kept from, and letting go of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import StringConstraints

from aetherlink.api import shapes
from aetherlink.lib.given_words import LONGEST_TEXT
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import DEFAULT_LIMIT, Cursor, Limit, part_of
from aetherlink.web.services import ApiServices

_Scope = Annotated[
    str,
    StringConstraints(max_length=300, pattern=r"^[^\x00]*$"),
    Path(alias="scope", examples=["playbook:restart-crm-api@crm-api"]),
]
_Reason = Annotated[
    str, Query(min_length=1, max_length=LONGEST_TEXT, description="Why, for the record.", examples=["it is mended"])
]


def router(services: ApiServices) -> APIRouter:
    """Both routes."""
    routes = guarded_router(prefix="/api/v1/brakes", tag="brakes")
    commands = services.approval_commands

    @routes.get(
        "",
        summary="What automation is kept from until a person lets go of it",
        dependencies=[Depends(Needs(services.gate, Scope.READ))],
    )
    async def brakes(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> shapes.BrakePage:
        held = await commands.brakes()
        page, next_cursor = part_of([one.scope for one in held], limit=limit, cursor=cursor)
        return shapes.BrakePage(items=[shapes.brake(one) for one in held[page]], next_cursor=next_cursor)

    @routes.delete("/{scope}", summary="Let go of a brake")
    async def release(
        scope: _Scope, reason: _Reason, caller: Annotated[Principal, Depends(Needs(services.gate, Scope.APPROVE))]
    ) -> shapes.BrakeShape:
        """The answer is the brake as it was. Open incidents that were given up for it are looked at anew.

        But not those where a person said no, or where nobody said yes in time, or which another brake holds; nor those
        where the last action may have been carried out: it is not done again, as their timelines say.
        """
        return shapes.brake(await commands.release(scope, reason, by=caller.name))

    return routes
