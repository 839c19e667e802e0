"""Builds the FastAPI app of the registered routers. Called by the app at start and by tests; starts nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from aetherlink.api import examples, webhook_docs
from aetherlink.api.registry import ROUTERS
from aetherlink.web import problems
from aetherlink.web.base_path import BasePath
from aetherlink.web.bounds import BodyBounds
from aetherlink.web.services import ApiServices

_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_ANY_ERROR = {
    "description": "An error, in words.",
    "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM_REF}},
}


class AgentApi(FastAPI):
    """FastAPI with the webhook, the problem and examples in its description."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            schema = super().openapi()
            components = schema.setdefault("components", {}).setdefault("schemas", {})
            problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            components.update(problem.pop("$defs", {}), Problem=problem)
            schema["paths"].update(webhook_docs.paths(security=[{"token": []}]))
            examples.add_to(schema)
        return self.openapi_schema or {}


def build_api(services: ApiServices, pages: Sequence[Callable[[ApiServices], APIRouter]] = ()) -> FastAPI:
    """The API as an ASGI app, with the routers of pages beside its own."""
    app = AgentApi(
        title="AetherLink Command",
        summary="A self-hosted ops agent for Prometheus, Alertmanager and Grafana.",
        version=services.version,
        docs_url=None,  # our own page, with its assets from here
        redoc_url=None,
        openapi_url=None,  # served by the docs router, behind the gate
        redirect_slashes=False,
        responses={"default": _ANY_ERROR},
    )
    problems.install(app)
    for router in (*ROUTERS, *pages):
        app.include_router(router(services))
    app.add_middleware(BodyBounds)
    if services.base_path:
        app.add_middleware(BasePath, path=services.base_path)
    return app
