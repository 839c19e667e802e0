"""The seed's routes, at the root: GET /health, POST /query, POST /act, GET /metrics.

POST /alertmanager is the fifth: a bare ASGI callable in front of the API serves it; only its description lives here,
in api/webhook_docs.py.
"""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from prometheus_client.exposition import choose_encoder
from starlette.responses import PlainTextResponse

from aetherlink.api.seed_shapes import ActBody, Answer, Health, QueryBody, Requested, SourceHealth, requested
from aetherlink.api.webhook_docs import TAG
from aetherlink.commands import ActionRequest
from aetherlink.model.principals import Principal, Scope
from aetherlink.model.queries import Asking
from aetherlink.web.guard import Needs, guarded_router, open_to_all
from aetherlink.web.idempotency import IdempotencyKey
from aetherlink.web.services import ApiServices

_EXPOSITION = {
    kind: {"schema": {"type": "string"}, "example": "aether_agent_up 1.0\n"}
    for kind in ("text/plain", "application/openmetrics-text")
}


def router(services: ApiServices) -> APIRouter:
    """The four routes."""
    routes = guarded_router(tag=TAG)
    _add_readings(routes, services)
    _add_requests(routes, services)
    _add_refusal(routes)
    return routes


def _add_readings(routes: APIRouter, services: ApiServices) -> None:
    @routes.get("/health", summary="The health score as last read", dependencies=[Depends(open_to_all)])
    async def health() -> Health:
        return _health(services)

    @routes.get(
        "/metrics",
        summary="The agent's own metrics",
        response_class=PlainTextResponse,
        responses={200: {"content": _EXPOSITION}},
        dependencies=[Depends(open_to_all)],
    )
    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(services.metrics), headers={"Content-Type": content_type})


def _add_refusal(routes: APIRouter) -> None:
    everything_else = ["GET", "HEAD", "PUT", "PATCH", "DELETE"]

    @routes.api_route(
        "/alertmanager", methods=everything_else, include_in_schema=False, dependencies=[Depends(open_to_all)]
    )
    async def not_a_post() -> None:
        raise HTTPException(405, headers={"Allow": "POST"})


def _add_requests(routes: APIRouter, services: ApiServices) -> None:
    may_read = Needs(services.gate, Scope.READ, tenants=True)
    may_ask_for_action = Needs(services.gate, Scope.OPERATE, also_local=True)

    @routes.post("/query", summary="Ask PromQL", response_model=Answer)
    async def query(body: QueryBody, caller: Annotated[Principal, Depends(may_read)]) -> Response:
        answer = await services.query_desk.evaluate(body.ql, Asking(caller, body.source))
        said = {"query": body.ql, "value": answer.value, "result": answer.result}
        return Response(msgspec.json.encode(said), media_type="application/json")  # big answers skip pydantic

    @routes.post("/act", summary="Ask for an action; policy decides", status_code=202)
    async def act(
        body: ActBody, caller: Annotated[Principal, Depends(may_ask_for_action)], idempotency_key: IdempotencyKey = None
    ) -> Requested:
        request = ActionRequest(body.action, body.reason, service=body.service, replicas=body.replicas)
        action = await services.commands.request_action(request, principal=caller.name, idempotency_key=idempotency_key)
        return requested(body.action, action)


def _health(services: ApiServices) -> Health:
    reading = services.health.latest
    return Health(
        ok=not services.readiness(),
        health_score=reading.score if reading else None,
        consecutive_low=reading.consecutive_low if reading else 0,
        status=reading.status if reading else None,
        checked_at=reading.at if reading else None,
        detail=reading.detail if reading else "not checked yet",
        version=services.version,
        sources=[
            SourceHealth(source=one.source, kind=one.kind, up=one.is_up, checked_at=one.checked_at, detail=one.detail)
            for one in services.sources()
        ],
    )
