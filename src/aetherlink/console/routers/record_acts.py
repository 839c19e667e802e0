"""POST from the pages of actions, playbooks and settings, with the scopes that the API asks for; then 303 to the page.

What is refused is told by a page with the status of the API.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from aetherlink.console import action_list, playbook_list, standing_page
from aetherlink.console.forms import fields_of
from aetherlink.console.refusals import page_route
from aetherlink.console.writing import HEADERS, address
from aetherlink.errors import BadRequestError
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import ChannelName
from aetherlink.model.principals import Principal, Scope
from aetherlink.pause_commands import PauseWish
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

_SEE_OTHER = 303
_MOST_MINUTES = 60 * 24 * 31
_LONGEST = 300

Fields = Mapping[str, str]
Doing = Callable[[ApiServices, Fields, str], Awaitable[str]]


async def _release(services: ApiServices, fields: Fields, by: str) -> str:
    await services.approval_commands.release(_text(fields, "scope"), fields.get("reason", ""), by=by)
    return address(action_list.PATH, said="released")


async def _pause(services: ApiServices, fields: Fields, by: str) -> str:
    minutes = fields.get("minutes", "").strip()
    if minutes and (not minutes.isdecimal() or not 0 < int(minutes[:9]) <= _MOST_MINUTES):
        raise BadRequestError(f"minutes: write a number from 1 to {_MOST_MINUTES}, or leave it empty")
    until = services.clock.now() + timedelta(minutes=int(minutes)) if minutes else None
    wish = PauseWish(_text(fields, "scope"), fields.get("reason", "").strip() or None, None, until)
    await services.pause_commands.pause(wish, principal=by)
    return address(action_list.PATH, said="paused")


async def _resume(services: ApiServices, fields: Fields, by: str) -> str:
    is_planned = fields.get("planned") == "yes"
    await services.pause_commands.resume(_text(fields, "scope"), principal=by, include_planned=is_planned)
    return address(action_list.PATH, said="resumed")


async def _promote(services: ApiServices, fields: Fields, by: str) -> str:
    name, mode = _text(fields, "playbook"), _mode(fields, (Mode.APPROVE, Mode.AUTO))
    digest = _text(fields, "digest")
    await services.promotion_commands.promote(name, mode, fields.get("reason", ""), digest=digest, by=by)
    return address(f"{playbook_list.PATH}/{name}", said="promoted")


async def _demote(services: ApiServices, fields: Fields, by: str) -> str:
    name, mode = _text(fields, "playbook"), _mode(fields, (Mode.OBSERVE, Mode.APPROVE))
    await services.promotion_commands.demote(name, mode, fields.get("reason", ""), by=by)
    return address(f"{playbook_list.PATH}/{name}", said="demoted")


async def _test(services: ApiServices, fields: Fields, by: str) -> str:
    await services.delivery_commands.test(ChannelName(_text(fields, "channel")), by=by)
    return address(standing_page.PATH, said="tested")


async def _resend(services: ApiServices, fields: Fields, by: str) -> str:
    await services.delivery_commands.resend(_text(fields, "subject"), ChannelName(_text(fields, "channel")), by=by)
    return address(standing_page.PATH, said="resent")


_ACTS: tuple[tuple[str, Doing, Scope], ...] = (
    ("/brakes/release", _release, Scope.APPROVE),
    ("/pauses", _pause, Scope.OPERATE),
    ("/pauses/resume", _resume, Scope.ADMIN),
    ("/playbooks/promote", _promote, Scope.ADMIN),
    ("/playbooks/demote", _demote, Scope.APPROVE),
    ("/channels/test", _test, Scope.OPERATE),
    ("/deliveries/resend", _resend, Scope.OPERATE),
)


def router(services: ApiServices) -> APIRouter:
    """One route for each of them."""
    routes = guarded_router(tag="pages", route_class=page_route(services))
    for path, doing, scope in _ACTS:
        routes.post(path, include_in_schema=False)(_route(services, doing, scope))
    return routes


def _route(services: ApiServices, doing: Doing, scope: Scope) -> Callable[..., Any]:
    who = Depends(Needs(services.gate, scope))

    async def act(request: Request, caller: Annotated[Principal, who]) -> Response:
        path = await doing(services, await fields_of(request), caller.name)
        return RedirectResponse(services.base_path + path, _SEE_OTHER, headers=dict(HEADERS))

    return act


def _text(fields: Fields, name: str) -> str:
    found = fields.get(name, "").strip()
    if not found or len(found) > _LONGEST or "\0" in found:
        raise BadRequestError(f"{name}: write 1 to {_LONGEST} characters")
    return found


def _mode(fields: Fields, among: tuple[Mode, ...]) -> Mode:
    found = next((mode for mode in among if mode.value == fields.get("to")), None)
    if found is None:
        raise BadRequestError(f"to: choose {' or '.join(among)}")
    return found
