"""GET /livez and /readyz: is the process alive, and can it serve? Open to all."""

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from aetherlink.web import problems
from aetherlink.web.guard import guarded_router, open_to_all
from aetherlink.web.services import ApiServices


class Probed(BaseModel):
    """The answer of a probe that is well."""

    status: str = Field(examples=["ok"])


def router(services: ApiServices) -> APIRouter:
    """Both probes."""
    routes = guarded_router(tag="probes")

    @routes.get("/livez", summary="Is the process alive?", dependencies=[Depends(open_to_all)])
    async def livez() -> Probed:
        """Always ok: an agent whose loop hangs does not answer at all."""
        return Probed(status="ok")

    @routes.get("/readyz", summary="Can it serve?", dependencies=[Depends(open_to_all)], response_model=Probed)
    async def readyz() -> Probed | Response:
        """503 with the reasons when it cannot. A Prometheus that is away is not one: the agent serves without it."""
        reasons = list(services.readiness())
        if reasons:
            return problems.response(503, f"not ready: {'; '.join(reasons)}", instance="/readyz", reasons=reasons)
        return Probed(status="ok")

    return routes
