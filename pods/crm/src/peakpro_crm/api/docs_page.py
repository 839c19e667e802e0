"""GET /docs: Swagger's page with its assets from here, so that it works without the internet and asks nobody else.

`app` includes it in place of FastAPI's own page, which loads its script from elsewhere.
"""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

_ASSETS: Final = Path(__file__).parent / "assets"
_FILES: Final = {
    "swagger-ui.css": _ASSETS / "swagger-ui" / "swagger-ui.css",
    "swagger-ui-bundle.js": _ASSETS / "swagger-ui" / "swagger-ui-bundle.js",
    "favicon.png": _ASSETS / "swagger-ui" / "favicon-32x32.png",
    "docs.js": _ASSETS / "docs.js",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs() -> FileResponse:
    """Return the page."""
    return FileResponse(_ASSETS / "docs.html", media_type="text/html", headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/assets/{name}")
async def asset(name: str) -> FileResponse:
    """Return one of the few files that the page needs."""
    if name not in _FILES:
        raise HTTPException(404)
    return FileResponse(_FILES[name], headers={"Cache-Control": "no-cache"})
