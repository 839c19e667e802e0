"""POST /actions/{id}/... and /incidents/{id}/...: what people do from a page, with the scopes that the API asks for.

Forms that a browser sends without any script: POST, then 303 to the page, so that loading it anew repeats nothing.
GET /actions/{id}/approve asks what the dialog on the page asks, for those who have no script.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from aetherlink.console import acts, now, one_incident
from aetherlink.console.asking import asked
from aetherlink.console.forms import fields_of
from aetherlink.console.refusals import page_route
from aetherlink.console.writing import HEADERS, address, page
from aetherlink.errors import NotFoundError
from aetherlink.model.actions import Action
from aetherlink.model.ids import ActionId, IncidentId
from aetherlink.model.principals import Principal, Scope
from aetherlink.web import problems
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import id_with
from aetherlink.web.services import ApiServices

_INCIDENT = id_with("inc")
_ACTION = id_with("act")
_SEE_OTHER = 303
_BACK_TO_NOW = "now"
_ON_ACTIONS = (
    ("approve", acts.approve, Scope.APPROVE, "Page: approve what was shown"),
    ("deny", acts.deny, Scope.APPROVE, "Page: deny an action"),
    ("cancel", acts.cancel, Scope.OPERATE, "Page: take an action back"),
    ("wrong", acts.wrong, Scope.APPROVE, "Page: say that an action was wrong"),
    ("undo", acts.undo, Scope.OPERATE, "Page: ask to undo an action"),
)
_ON_INCIDENTS = (
    ("ack", acts.acknowledge, Scope.OPERATE, "Page: look after an incident"),
    ("notes", acts.note, Scope.OPERATE, "Page: note something"),
    ("close", acts.close, Scope.OPERATE, "Page: close an incident"),
)


def router(services: ApiServices) -> APIRouter:
    """One route for each of them."""
    routes = guarded_router(tag="pages", route_class=page_route(services))

    @routes.api_route(
        "/actions/{action_id}/approve",
        methods=["GET", "HEAD"],
        include_in_schema=False,
        summary="Page: what somebody would approve",
    )
    async def ask(action_id: str, caller: Annotated[Principal, Depends(Needs(services.gate, Scope.READ))]) -> Response:
        action = await _action(services, action_id)
        if action.incident_id is not None and asked(action) is None:
            return _to_incident(services, action.incident_id)
        return await page(services, "approve.html", caller=caller, action=action, ask=asked(action))

    for name, doing, scope, told in _ON_ACTIONS:
        post = routes.post(f"/actions/{{action_id}}/{name}", include_in_schema=False, summary=told)
        post(_on_action(services, doing, scope))
    for name, doing, scope, told in _ON_INCIDENTS:
        post = routes.post(f"/incidents/{{incident_id}}/{name}", include_in_schema=False, summary=told)
        post(_on_incident(services, doing, scope))
    return routes


def _on_action(services: ApiServices, doing: acts.Doing, scope: Scope) -> Callable[..., Any]:
    who = Depends(Needs(services.gate, scope))

    async def act(request: Request, action_id: str, caller: Annotated[Principal, who]) -> Response:
        action = await _action(services, action_id)
        fields = await fields_of(request)
        return await _done(services, doing, acts.Act(action.id, fields, caller.name), action.incident_id, caller)

    return act


def _on_incident(services: ApiServices, doing: acts.Doing, scope: Scope) -> Callable[..., Any]:
    who = Depends(Needs(services.gate, scope))

    async def act(request: Request, incident_id: str, caller: Annotated[Principal, who]) -> Response:
        if _INCIDENT.fullmatch(incident_id) is None:
            raise NotFoundError(f"there is no incident {incident_id!r}")
        fields = await fields_of(request)
        done = acts.Act(incident_id, fields, caller.name)
        return await _done(services, doing, done, IncidentId(incident_id), caller)

    return act


async def _action(services: ApiServices, action_id: str) -> Action:
    found = None
    if _ACTION.fullmatch(action_id) is not None:
        found = await services.store.read(lambda rows: rows.actions.get(ActionId(action_id)))
    if found is None:
        raise NotFoundError(f"there is no action {action_id!r}")
    return found


async def _done(
    services: ApiServices, doing: acts.Doing, act: acts.Act, incident_id: IncidentId | None, caller: Principal
) -> Response:
    """Do it, and lead back; what was refused is told on the incident's page."""
    try:
        said = await doing(services, act)
    except acts.REFUSALS as refusal:
        if incident_id is None:
            raise
        status, words = problems.told(refusal, instance="")
        view = one_incident.View(incident_id)
        return await one_incident.one_incident(services, view, caller, refused=words, status=status or 500)
    if incident_id is None or act.fields.get("back") == _BACK_TO_NOW:
        return _see(services, address(now.PATH, said=said))
    return _see(services, address(f"/incidents/{incident_id}", said=said))


def _to_incident(services: ApiServices, incident_id: IncidentId) -> Response:
    return _see(services, f"/incidents/{incident_id}")


def _see(services: ApiServices, path: str) -> Response:
    return RedirectResponse(services.base_path + path, _SEE_OTHER, headers=dict(HEADERS))
