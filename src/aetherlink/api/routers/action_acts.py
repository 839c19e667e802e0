"""POST /api/v1/actions/{id}/approve, /deny, /cancel, /wrong, /undo: what people say to one. Always with a token."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aetherlink.api import shapes
from aetherlink.api.seed_shapes import Requested, requested
from aetherlink.commands import UNDO
from aetherlink.lib.given_words import LONGEST_TEXT
from aetherlink.model.ids import ActionId
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.idempotency import IdempotencyKey
from aetherlink.web.services import ApiServices

_APPROVE: JsonDict = {"plan_hash": shapes.EXAMPLE_HASH}
_REASON: JsonDict = {"reason": "the API is well, the probe is not"}
_Id = Annotated[str, Path(max_length=100, examples=["act-06f3qk2c8d1v7m4t"])]


class ApproveBody(BaseModel):
    """What exactly is approved."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_APPROVE]})

    plan_hash: Annotated[str, Field(strict=True, min_length=1, max_length=200)] = Field(
        description="That of the action's `approval`, as it was shown to whoever approves."
    )


class ReasonBody(BaseModel):
    """Why, for the record."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_REASON]})

    reason: Annotated[str, Field(strict=True, min_length=1, max_length=LONGEST_TEXT)]


def router(services: ApiServices) -> APIRouter:
    """One route for each."""
    routes = guarded_router(prefix="/api/v1/actions", tag="actions")
    who_may_approve = Depends(Needs(services.gate, Scope.APPROVE))
    who_may_operate = Depends(Needs(services.gate, Scope.OPERATE))
    commands = services.approval_commands

    @routes.post("/{action_id}/approve", summary="Approve exactly what was shown")
    async def approve(
        action_id: _Id, body: ApproveBody, caller: Annotated[Principal, who_may_approve]
    ) -> shapes.ActionShape:
        """403: the one who asked may not. 409: decided already, not ready, or not as it was shown. 410: expired."""
        return shapes.action(await commands.approve(ActionId(action_id), body.plan_hash, by=caller.name))

    @routes.post("/{action_id}/deny", summary="Say no to an action that waits for approval")
    async def deny(
        action_id: _Id, body: ReasonBody, caller: Annotated[Principal, who_may_approve]
    ) -> shapes.ActionShape:
        """The agent tries nothing else for its incident. 409: decided already. 410: expired."""
        return shapes.action(await commands.deny(ActionId(action_id), body.reason, by=caller.name))

    @routes.post("/{action_id}/cancel", summary="Take an action back that waits for approval")
    async def cancel(action_id: _Id, caller: Annotated[Principal, who_may_operate]) -> shapes.ActionShape:
        """For whoever asked for it, or any operator. 409: decided already. 410: expired."""
        return shapes.action(await commands.cancel(ActionId(action_id), by=caller.name))

    @routes.post("/{action_id}/wrong", summary="Say that an action was wrong")
    async def wrong(
        action_id: _Id, body: ReasonBody, caller: Annotated[Principal, who_may_approve]
    ) -> shapes.ActionShape:
        """Its playbook keeps off its target, and asks before it acts elsewhere. Said again it changes nothing."""
        return shapes.action(await commands.wrong(ActionId(action_id), body.reason, by=caller.name))

    @routes.post("/{action_id}/undo", summary="Ask to undo what an action did", status_code=202)
    async def undo(
        action_id: _Id,
        body: ReasonBody,
        caller: Annotated[Principal, who_may_operate],
        idempotency_key: IdempotencyKey = None,
    ) -> Requested:
        """A request of its own, decided like every other: the answer is its decision.

        409: nothing brings back what was before, such as after a restart. It is refused, by the rule
        `target_is_as_it_was_left`, where the target was changed since.
        """
        action = await services.commands.request_undo(
            ActionId(action_id), body.reason, principal=caller.name, idempotency_key=idempotency_key
        )
        return requested(UNDO, action)

    return routes
