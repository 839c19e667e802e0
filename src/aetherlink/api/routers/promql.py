"""Prometheus' query API through the agent: /api/v1/query, /query_range, /labels, /label/NAME/values, /series.

As Grafana and other clients of Prometheus ask it. Never anything else of Prometheus.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from aetherlink.api import prometheus_docs as docs
from aetherlink.api.prometheus_form import Form
from aetherlink.api.prometheus_shape import NamesSuccess, QuerySuccess, SeriesSuccess, answered, described
from aetherlink.errors import BadRequestError
from aetherlink.model.principals import Principal, Scope
from aetherlink.model.queries import Asking, PassedAnswer
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,199}")
_INSTANT = ("query", "time", "timeout", "source")
_RANGE = ("query", "start", "end", "step", "timeout", "source")
_LIST = ("match[]", "start", "end", "limit", "timeout", "source")

_Ask = Callable[[Form, Asking], Awaitable[PassedAnswer]]


def router(services: ApiServices) -> APIRouter:
    """The nine routes."""
    routes = guarded_router(prefix="/api/v1", tag="PromQL")
    desk = services.query_desk

    async def instant(form: Form, asking: Asking) -> PassedAnswer:
        return await desk.instant(form.needed("query"), asking, at=form.time("time"))

    async def over(form: Form, asking: Asking) -> PassedAnswer:
        return await desk.over(form.needed("query"), asking, form.span)

    async def labels(form: Form, asking: Asking) -> PassedAnswer:
        return await desk.labels(asking, form.selection)

    async def series(form: Form, asking: Asking) -> PassedAnswer:
        return await desk.series(asking, form.selection)

    add = _Adding(routes, Needs(services.gate, Scope.READ, tenants=True))
    add("/query", "Ask PromQL of one instant", instant, QuerySuccess, _INSTANT, needed=("query",))
    add("/query_range", "Ask PromQL over a range", over, QuerySuccess, _RANGE, needed=_RANGE[:4])
    add("/labels", "The names of labels", labels, NamesSuccess, _LIST)
    add("/series", "The series that selectors find", series, SeriesSuccess, _LIST, needed=("match[]",))
    _add_label_values(routes, services)
    return routes


class _Adding:
    """Adds a route of Prometheus twice: parameters in the address, and in a body."""

    def __init__(self, routes: APIRouter, may_read: Needs) -> None:
        self._routes = routes
        self._may_read = may_read

    def __call__(
        self, path: str, summary: str, ask: _Ask, shape: type, names: tuple[str, ...], *, needed: tuple[str, ...] = ()
    ) -> None:
        may_read = self._may_read

        async def answer(request: Request, caller: Annotated[Principal, Depends(may_read)]) -> Response:
            return await _answer(request, caller, ask)

        for method, extra, name in (
            ("GET", docs.address(*names, needed=needed), summary),
            ("POST", docs.body(*names, needed=needed), f"{summary}, in a body"),
        ):
            self._routes.add_api_route(
                path,
                answer,
                methods=[method],
                summary=name,
                response_model=shape,
                responses=described(),
                openapi_extra=extra,
            )


def _add_label_values(routes: APIRouter, services: ApiServices) -> None:
    may_read = Needs(services.gate, Scope.READ, tenants=True)

    @routes.get(
        "/label/{name}/values",
        summary="The values of a label",
        response_model=NamesSuccess,
        responses=described(),
        openapi_extra=docs.address(*_LIST),
    )
    async def label_values(
        request: Request,
        caller: Annotated[Principal, Depends(may_read)],
        name: Annotated[str, Path(description="The label's name.", examples=["job"])],
    ) -> Response:
        async def ask(form: Form, asking: Asking) -> PassedAnswer:
            if not _LABEL.fullmatch(name):
                raise BadRequestError(f"invalid label name: {name[:200]!r}")
            return await services.query_desk.label_values(name, asking, form.selection)

        return await _answer(request, caller, ask)


async def _answer(request: Request, caller: Principal, ask: _Ask) -> Response:
    async def work(form: Form) -> PassedAnswer:
        return await ask(form, Asking(caller, form.text("source"), form.patience))

    return await answered(request, work)
