"""GET /assets/...: style sheets, scripts and the icon, compressed once and kept by browsers for ever."""

from fastapi import APIRouter, Depends, Request, Response

from aetherlink.console.asset_files import ASSETS, Asset
from aetherlink.console.refusals import page_route
from aetherlink.console.writing import HEADERS
from aetherlink.errors import NotFoundError
from aetherlink.web.guard import guarded_router, open_to_all
from aetherlink.web.services import ApiServices

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def router(services: ApiServices) -> APIRouter:
    """Open to all: the page that refuses somebody is to be readable, too."""
    routes = guarded_router(tag="pages", route_class=page_route(services))
    to_all = [Depends(open_to_all)]

    @routes.api_route("/assets/{name}", methods=["GET", "HEAD"], include_in_schema=False, dependencies=to_all)
    async def by_name(request: Request, name: str) -> Response:
        return _answer(request, _found(name), _ASK_AGAIN)

    @routes.api_route("/assets/{digest}/{name}", methods=["GET", "HEAD"], include_in_schema=False, dependencies=to_all)
    async def by_content(request: Request, digest: str, name: str) -> Response:
        """Of another version of the agent, before or after an upgrade, the present file is better than none."""
        found = _found(name)
        return _answer(request, found, _FOR_EVER if digest == found.digest else _ASK_AGAIN)

    return routes


def _found(name: str) -> Asset:
    if name not in ASSETS:
        raise NotFoundError(f"there is no asset {name!r}")
    return ASSETS[name]


def _answer(request: Request, asset: Asset, keeping: str) -> Response:
    headers = {**HEADERS, "Cache-Control": keeping, "Vary": "Accept-Encoding", "Content-Type": asset.media_type}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.content, headers=headers)
    return Response(asset.zipped, headers={**headers, "Content-Encoding": "gzip"})
