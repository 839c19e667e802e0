"""/livez, /readyz and /metrics: answered on the event loop, without the pool, so that they work when little else does.

The lab, containers and Prometheus ask them; none counts as a request.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from peakpro_crm.api.context import TheParts
from peakpro_crm.metrics import CONTENT_TYPE
from peakpro_crm.problems import answer, documented

router = APIRouter(tags=["operations"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Tell that the process serves."""
    return {"status": "alive"}


@router.get("/readyz", response_model=dict[str, str], responses=documented(503))
async def readyz(request: Request, parts: TheParts) -> dict[str, str] | Response:
    """Tell whether the database is reachable and its schema is the right one, as last checked in the background."""
    trouble = parts.monitor.trouble
    if trouble is not None:
        return answer(request.url.path, 503, detail=trouble, headers={"Retry-After": "1"})
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
async def metrics(parts: TheParts) -> Response:
    """Return the metrics in Prometheus' text format."""
    return Response(parts.metrics.render(), media_type=CONTENT_TYPE)
