"""GET /alerts, /actions, /playbooks, /ledger, /audit and /settings: the pages beside what is broken now."""

import gzip
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from aetherlink.console import (
    action_list,
    alert_list,
    audit_trail,
    ledger_page,
    playbook_list,
    standing_page,
)
from aetherlink.console.refusals import page_route
from aetherlink.console.writing import HEADERS
from aetherlink.errors import BadRequestError
from aetherlink.model.actions import ActionState
from aetherlink.model.alerts import AlertSeverity, AlertStatus
from aetherlink.model.decisions import Effect
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import Cursor, checked, id_with
from aetherlink.web.services import ApiServices

_LOOKING = ["GET", "HEAD"]
_ACTION = id_with("act")
_FAST = 1  # of gzip: a list is made anew for each look
_Words = Annotated[str, Query(max_length=1000, pattern=r"^[^\x00]*$")]
_Said = Annotated[str, Query(max_length=40)]


def _alert_view(
    *,
    q: Annotated[str, Query(max_length=2000, pattern=r"^[^\x00]*$")] = "",
    status: AlertStatus = AlertStatus.FIRING,
    severity: AlertSeverity | None = None,
    suppressed: bool | None = None,
    group: Annotated[str, Query(pattern="^(alertname|service|tenant|source|none)$")] = "alertname",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> alert_list.View:
    return alert_list.View(q, status, severity, suppressed, group, page)


def _action_view(
    *,
    state: ActionState | None = None,
    target: _Words = "",
    playbook: _Words = "",
    decision: Effect | None = None,
    cursor: Cursor = None,
) -> action_list.View:
    return action_list.View(state, target.strip(), playbook.strip(), decision, checked(cursor, _ACTION))


def router(services: ApiServices) -> APIRouter:
    """The pages, and the one list of JSON that a page asks for."""
    routes = guarded_router(tag="pages", route_class=page_route(services))
    reader = Depends(Needs(services.gate, Scope.READ))

    @routes.api_route("/alerts", methods=_LOOKING, include_in_schema=False)
    async def alerts(
        view: Annotated[alert_list.View, Depends(_alert_view)], caller: Annotated[Principal, reader]
    ) -> Response:
        return await alert_list.alert_list(services, view, caller)

    @routes.get("/alerts/rows", include_in_schema=False, dependencies=[reader])
    async def rows(view: Annotated[alert_list.View, Depends(_alert_view)], cursor: Cursor = None) -> Response:
        try:
            found = await alert_list.listed(services, view, checked(cursor, alert_list.CURSOR))
        except ValueError as problem:
            raise BadRequestError(str(problem)) from None
        body = gzip.compress(msgspec.json.encode(found), _FAST)
        return Response(body, headers={**HEADERS, "Content-Encoding": "gzip", "Content-Type": "application/json"})

    @routes.api_route("/actions", methods=_LOOKING, include_in_schema=False)
    async def actions(
        view: Annotated[action_list.View, Depends(_action_view)], caller: Annotated[Principal, reader], said: _Said = ""
    ) -> Response:
        return await action_list.action_list(services, view, caller, said)

    @routes.api_route("/playbooks", methods=_LOOKING, include_in_schema=False)
    async def playbooks(caller: Annotated[Principal, reader]) -> Response:
        return await playbook_list.playbook_list(services, caller)

    @routes.api_route("/playbooks/{name}", methods=_LOOKING, include_in_schema=False)
    async def playbook(
        name: str, caller: Annotated[Principal, reader], said: _Said = "", incident: _Words = ""
    ) -> Response:
        return await playbook_list.one_playbook(services, name, caller, playbook_list.Asked(said, incident.strip()))

    @routes.api_route("/ledger", methods=_LOOKING, include_in_schema=False)
    async def ledger(caller: Annotated[Principal, reader]) -> Response:
        return await ledger_page.ledger_page(services, caller)

    @routes.api_route("/audit", methods=_LOOKING, include_in_schema=False)
    async def audit(
        caller: Annotated[Principal, reader],
        *,
        person: _Words = "",
        until: Annotated[str, Query(max_length=40)] = "",
        before: Annotated[int | None, Query(ge=1, le=10**15)] = None,
    ) -> Response:
        view = audit_trail.View(person.strip(), until.strip(), before)
        return await audit_trail.audit_trail(services, view, caller)

    @routes.api_route("/settings", methods=_LOOKING, include_in_schema=False)
    async def settings(caller: Annotated[Principal, reader], *, said: _Said = "", changed: bool = False) -> Response:
        return await standing_page.standing_page(services, caller, said, changed=changed)

    return routes
