"""POST /api/v1/proposals: an assistant proposes an action. Whatever the mode, a person has to approve it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from aetherlink.access.rate import Rate
from aetherlink.api.filters import Text
from aetherlink.api.seed_shapes import ActBody, Requested, requested
from aetherlink.commands import ActionRequest
from aetherlink.model.ids import IncidentId
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.idempotency import IdempotencyKey
from aetherlink.web.services import ApiServices

_PER_MINUTE = 30  # of one token, each read or refused by people: many more than they could
_EXAMPLE: JsonDict = {"action": "restart", "service": "crm", "reason": "it does not answer since the last release"}


class ProposalBody(ActBody):
    """An action that somebody who may not act thinks right."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    incident_id: Annotated[Text, Field(min_length=1)] | None = Field(
        default=None,
        description="The incident that it is for: its timeline says so.",
        examples=["inc-06f3qk2c8d1v7m4t"],
    )


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/proposals", tag="actions")
    rate = Rate(services.clock, per_minute=_PER_MINUTE, of_what=f"proposals of this token ({_PER_MINUTE} a minute)")
    may_propose = Depends(Needs(services.gate, Scope.PROPOSE))

    @routes.post("", summary="Propose an action: a person has to approve it, whatever the mode", status_code=202)
    async def propose(
        body: ProposalBody, caller: Annotated[Principal, may_propose], idempotency_key: IdempotencyKey = None
    ) -> Requested:
        """It is never more than a request for approval, which the token that proposed it cannot grant.

        What policy denies, or only observes, is refused at once. What is asked of people already, or is one too many
        for its target, is refused with the id of an action that waits, and not stored. 404: there is no such incident.
        429: more than 30 a minute of one token.
        """
        rate.take(caller.root or caller.name)
        request = ActionRequest(
            body.action,
            body.reason,
            service=body.service,
            replicas=body.replicas,
            is_proposal=True,
            incident_id=None if body.incident_id is None else IncidentId(body.incident_id),
        )
        action = await services.commands.request_action(request, principal=caller.name, idempotency_key=idempotency_key)
        return requested(body.action, action)

    return routes
