"""POST /slack/interactions: what people say with the buttons of a message in Slack. Signed by Slack, once."""

import logging

from fastapi import APIRouter, Depends, Request, Response

from aetherlink.errors import AetherError
from aetherlink.lib.seldom import Seldom
from aetherlink.web.guard import guarded_router, open_to_all
from aetherlink.web.services import ApiServices

_log = logging.getLogger("aetherlink.api")


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/slack", tag="slack")
    door = services.slack
    refused = Seldom(_log)

    @routes.post("/interactions", summary="A button of a message in Slack", dependencies=[Depends(open_to_all)])
    async def interactions(request: Request) -> Response:
        """For Slack only: v0 signature over the body, at most 300 s old, each request once. 401: it is not that."""
        try:
            await door.take(request.headers.raw, await request.body())
        except AetherError as refusal:
            where = request.client.host if request.client else "a socket"
            refused.warn(f"POST /slack/interactions from {where}: {refusal}", services.clock.monotonic())
            raise
        return Response(status_code=200)

    return routes
