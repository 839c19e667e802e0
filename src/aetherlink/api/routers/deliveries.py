"""GET /api/v1/deliveries, and POST .../resend of one: what channels were told, and telling a dead letter again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from aetherlink.api import delivery_shapes
from aetherlink.api.filters import SHORT_PAGES, Text
from aetherlink.model.deliveries import DeliveryState
from aetherlink.model.ids import ChannelName
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import DEFAULT_LIMIT, NUMBER, Cursor, Limit, checked
from aetherlink.web.services import ApiServices

_Subject = Annotated[str, Path(max_length=100, examples=["inc-06f3qk2c8d1v7m4t"])]
_Channel = Annotated[str, Path(max_length=100, examples=["ops"])]
_OfChannel = Annotated[Text | None, Query(description="Of this channel.", examples=["ops"])]
_InState = Annotated[
    DeliveryState | None, Query(description="How far it has come: `dead` are those that were given up.")
]


def router(services: ApiServices) -> APIRouter:
    """Both routes."""
    routes = guarded_router(prefix="/api/v1/deliveries", tag="notifications")

    @routes.get(
        "",
        summary="What each channel was told, newest first",
        description=f"One item for each incident and channel. {SHORT_PAGES}",
        dependencies=[Depends(Needs(services.gate, Scope.READ))],
    )
    async def deliveries(
        state: _InState = None, channel: _OfChannel = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> delivery_shapes.DeliveryPage:
        before = checked(cursor, NUMBER)
        name = None if channel is None else ChannelName(channel)
        found, next_cursor = await services.store.read(
            lambda rows: rows.deliveries.page(limit=limit, before=before, channel=name, state=state)
        )
        items = [delivery_shapes.delivery(one) for one in found]
        return delivery_shapes.DeliveryPage(items=items, next_cursor=next_cursor)

    @routes.post("/{subject}/{channel}/resend", summary="Have a dead letter told again")
    async def resend(
        subject: _Subject,
        channel: _Channel,
        caller: Annotated[Principal, Depends(Needs(services.gate, Scope.OPERATE))],
    ) -> delivery_shapes.DeliveryShape:
        """It is told as its incident stands now. 409: it is not dead, or its channel is not there any more."""
        told = await services.delivery_commands.resend(subject, ChannelName(channel), by=caller.name)
        return delivery_shapes.delivery(told)

    return routes
