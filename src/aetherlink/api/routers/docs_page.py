"""GET /docs and /openapi.json: Swagger's page with its assets from here, and no word to any other server."""

from pathlib import Path

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from aetherlink.errors import NotFoundError
from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

_ASSETS = Path(__file__).parent.parent / "assets"
_FILES = {
    "swagger-ui.css": _ASSETS / "swagger-ui" / "swagger-ui.css",
    "swagger-ui-bundle.js": _ASSETS / "swagger-ui" / "swagger-ui-bundle.js",
    "favicon.png": _ASSETS / "swagger-ui" / "favicon-32x32.png",
    "docs.js": _ASSETS / "docs.js",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def router(services: ApiServices) -> APIRouter:
    """The page, its assets, and the description that it shows."""
    routes = guarded_router(tag="docs")
    may_read = [Depends(Needs(services.gate, Scope.READ))]  # the pages lead here

    @routes.get("/docs", include_in_schema=False, dependencies=may_read)
    async def docs() -> FileResponse:
        return FileResponse(_ASSETS / "docs.html", media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    @routes.get("/docs/assets/{name}", include_in_schema=False, dependencies=may_read)
    async def asset(name: str) -> FileResponse:
        if name not in _FILES:
            raise NotFoundError(f"there is no asset {name!r}")
        return FileResponse(_FILES[name], headers={"Cache-Control": "no-cache"})

    @routes.get("/openapi.json", include_in_schema=False, dependencies=may_read)
    async def openapi(request: Request) -> Response:
        return Response(msgspec.json.encode(request.app.openapi()), media_type="application/json")

    return routes
