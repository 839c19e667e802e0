"""GET /api/v1/settings: the settings in force, every secret hidden. For administrators."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices


class SettingShape(BaseModel):
    """One setting."""

    name: str = Field(description="Its keys, with dots.", examples=["budgets.per_hour"])
    value: str = Field(description="`(hidden)` for a secret; of an address the server only.", examples=["30"])
    origin: str = Field(description="`default`, the file, or the variable.", examples=["AETHER_BUDGETS__PER_HOUR"])


class SettingList(BaseModel):
    """All of them, in the order of the reference."""

    items: list[SettingShape]


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/settings", tag="settings")
    may_administer = [Depends(Needs(services.gate, Scope.ADMIN))]

    @routes.get("", summary="The settings in force, without secrets", dependencies=may_administer)
    async def settings() -> SettingList:
        """As they were read at the start."""
        shown = services.rules.settings
        return SettingList(items=[SettingShape(name=one.name, value=one.value, origin=one.origin) for one in shown])

    return routes
