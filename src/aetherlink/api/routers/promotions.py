"""PUT and DELETE /api/v1/playbooks/{name}/promotion: a playbook may do more than its file says, or no more.

To promote takes a token with the scope admin, to set back one with the scope approve, wherever the call comes from.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from aetherlink.api.shapes import EXAMPLE_HASH, Instant
from aetherlink.lib.given_words import LONGEST_TEXT
from aetherlink.model.decisions import Mode
from aetherlink.model.principals import Principal, Scope
from aetherlink.model.promotions import Promotion
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

_Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$"), Path(examples=["restart-crm-api"])]
_Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, description="Why, for the record.")]
_EXAMPLE: JsonDict = {"to": "auto", "digest": EXAMPLE_HASH, "reason": "12 of 12 would have been right"}


class PromotionBody(BaseModel):
    """A wish to let a playbook do more."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    to: Literal["approve", "auto"]
    digest: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Of the content that it is for, as the list of playbooks tells it."
    )
    reason: _Reason


class Demoted(BaseModel):
    """A wish to set a playbook back."""

    model_config = ConfigDict(extra="forbid")

    reason: _Reason
    to: Literal["observe", "approve"] = Field(
        default="observe", description="How far back; never below the mode of its file."
    )


class PromotionShape(BaseModel):
    """Up to which mode a person lets a playbook act, and how that ended, if it has."""

    playbook: str = Field(examples=["restart-crm-api"])
    mode: Mode
    digest: str = Field(description="Of the content that it is for.", examples=[EXAMPLE_HASH])
    at: Instant
    by: str = Field(examples=["operator"])
    reason: str = Field(examples=["12 of 12 would have been right"])
    ended_at: Instant | None = Field(description="Null: it has not been ended.")
    ended_by: str = Field(description="`agent` where it set the playbook back by itself.", examples=["agent"])
    ended_because: str = Field(examples=["the last 2 repairs in a row did not help"])


def router(services: ApiServices) -> APIRouter:
    """Both routes."""
    routes = guarded_router(prefix="/api/v1/playbooks", tag="playbooks")
    commands = services.promotion_commands

    @routes.put("/{name}/promotion", summary="Promote a playbook: let it do more than its file says")
    async def promote(
        name: _Name, body: PromotionBody, caller: Annotated[Principal, Depends(Needs(services.gate, Scope.ADMIN))]
    ) -> PromotionShape:
        """It lasts over restarts, and until the playbook's content changes or its repairs keep failing."""
        return shape(await commands.promote(name, Mode(body.to), body.reason, digest=body.digest, by=caller.name))

    @routes.delete("/{name}/promotion", summary="Set a promoted playbook back")
    async def demote(
        name: _Name,
        wish: Annotated[Demoted, Query()],
        caller: Annotated[Principal, Depends(Needs(services.gate, Scope.APPROVE))],
    ) -> PromotionShape:
        """In force at once: what has not begun yet is decided anew."""
        return shape(await commands.demote(name, Mode(wish.to), wish.reason, by=caller.name))

    return routes


def shape(promotion: Promotion) -> PromotionShape:
    """As the API tells it."""
    return PromotionShape(
        playbook=promotion.playbook,
        mode=promotion.mode,
        digest=promotion.digest,
        at=promotion.at,
        by=promotion.by,
        reason=promotion.reason,
        ended_at=promotion.ended_at,
        ended_by=promotion.ended_by,
        ended_because=promotion.ended_because,
    )
