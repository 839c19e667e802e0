"""POST /api/v1/incidents/{id}/notes, /ack and /close: what people do with an incident by hand."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aetherlink.api import shapes
from aetherlink.lib.given_words import LONGEST_TEXT
from aetherlink.model.ids import IncidentId
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.idempotency import IdempotencyKey
from aetherlink.web.services import ApiServices

_NOTE: JsonDict = {"text": "the disk of db-1 was full; I am clearing it"}
_CLOSE: JsonDict = {"reason": "the host was taken out of service"}
_Id = Annotated[str, Path(max_length=100, examples=["inc-06f3qk2c8d1v7m4t"])]
_Words = Annotated[str, Field(strict=True, min_length=1, max_length=LONGEST_TEXT)]


class NoteBody(BaseModel):
    """A note for the timeline."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_NOTE]})

    text: _Words


class CloseBody(BaseModel):
    """Why the incident is over."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_CLOSE]})

    reason: _Words


def router(services: ApiServices) -> APIRouter:
    """The three routes."""
    routes = guarded_router(prefix="/api/v1/incidents", tag="incidents")
    caller_who_may = Depends(Needs(services.gate, Scope.OPERATE))
    commands = services.incident_commands

    @routes.post("/{incident_id}/notes", summary="Add a note to the timeline")
    async def notes(
        incident_id: _Id,
        body: NoteBody,
        caller: Annotated[Principal, caller_who_may],
        idempotency_key: IdempotencyKey = None,
    ) -> shapes.IncidentShape:
        noted = await commands.add_note(
            IncidentId(incident_id), body.text, by=caller.name, idempotency_key=idempotency_key
        )
        return shapes.incident(noted)

    @routes.post("/{incident_id}/ack", summary="Say that you look after it")
    async def ack(incident_id: _Id, caller: Annotated[Principal, caller_who_may]) -> shapes.IncidentShape:
        """Said again, by whomever, it changes nothing: the answer tells who was first."""
        return shapes.incident(await commands.acknowledge(IncidentId(incident_id), by=caller.name))

    @routes.post("/{incident_id}/close", summary="Say that it is over, whatever still fires")
    async def close(
        incident_id: _Id, body: CloseBody, caller: Annotated[Principal, caller_who_may]
    ) -> shapes.IncidentShape:
        """An action that runs is recorded to its end first. Said again it changes nothing."""
        return shapes.incident(await commands.close(IncidentId(incident_id), reason=body.reason, by=caller.name))

    return routes
