"""GET /api/v1/channels, and POST .../test of one: how the channels stand, and a message that tests one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from aetherlink.api import delivery_shapes
from aetherlink.model.ids import ChannelName
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

_Channel = Annotated[str, Path(max_length=100, examples=["ops"])]


def router(services: ApiServices) -> APIRouter:
    """Both routes."""
    routes = guarded_router(prefix="/api/v1/channels", tag="notifications")

    @routes.get(
        "",
        summary="How the channels stand",
        dependencies=[Depends(Needs(services.gate, Scope.READ))],
    )
    async def channels() -> delivery_shapes.ChannelList:
        """Those of the settings, and those that were."""
        states = await services.store.read(lambda rows: rows.deliveries.states())
        return delivery_shapes.channels(states, services.voice)

    @routes.post("/{channel}/test", summary="Send a test message to a channel")
    async def test(
        channel: _Channel, caller: Annotated[Principal, Depends(Needs(services.gate, Scope.OPERATE))]
    ) -> delivery_shapes.TestedChannel:
        """It opens and resolves an incident that is marked as a test. 502: it was not heard, with the reason."""
        told = await services.delivery_commands.test(ChannelName(channel), by=caller.name)
        return delivery_shapes.TestedChannel(channel=channel, told=told)

    return routes
