"""Writes pages: one template environment, what the frame of each page needs, and the headers that every page carries.

A page of its own is a template that extends `frame.html`, and `page(services, "its.html", caller=..., ...)`. In a
template `url(path)` is the path as the browser has to ask for it, `sign_in(path)` where one signs in to come back to
it, `asset(name)` where a file is, `may(scope)` whether the caller holds a scope.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from aetherlink.console import foreign_text, instants, wording
from aetherlink.console.asset_files import ASSETS
from aetherlink.console.navigation import PLACES
from aetherlink.model.principals import Principal, Scope
from aetherlink.web.services import ApiServices

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with none at all, browsers name no origin where a form is sent
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def page(
    services: ApiServices,
    template: str,
    *,
    caller: Principal | None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> Response:
    """The template with these values, as the answer to this caller; None: nobody that is known."""
    made = environment.get_template(template)
    given = {
        "now": services.clock.now(),
        "base": services.base_path,
        "caller": caller,
        "mode": services.stance.mode,
        "version": services.version,
        **values,
    }
    text = await asyncio.to_thread(made.render, given)  # a large one takes longer than alerts should wait
    return HTMLResponse(text, status, headers={**HEADERS, **(headers or {})})


def address(path: str, **query: object) -> str:
    """The path with what of the query is not None."""
    said = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(said)}" if said else path


@pass_context
def _moment(context: Context, instant: datetime | None) -> Markup:
    return instants.moment(instant, context["now"])


@pass_context
def _age(context: Context, instant: datetime) -> Markup:
    return instants.age(instant, context["now"])


@pass_context
def _lasting(context: Context, instant: datetime) -> Markup:
    return instants.lasting(instant, context["now"])


@pass_context
def _url(context: Context, path: str) -> str:
    """The path behind what stands before all paths of the agent."""
    return f"{context['base']}{path}"


@pass_context
def _sign_in(context: Context, wish: str) -> str:
    """The page for signing in, which leads on to this path of ours."""
    return _url(context, address("/login", next=wish))


@pass_context
def _asset(context: Context, name: str) -> str:
    return f"{context['base']}{ASSETS[name].path}"


@pass_context
def _may(context: Context, scope: str) -> bool:
    caller: Principal | None = context["caller"]
    return caller is not None and caller.may(Scope(scope))


def _made() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=foreign_text.shown,
        undefined=StrictUndefined,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"moment": _moment, "age": _age, "clock": instants.clock, "lasting": _lasting, "told": wording.told}
    made.filters |= {"cut": foreign_text.cut, "ticked": foreign_text.ticked}
    made.tests["link"] = foreign_text.is_link
    made.globals |= {"stages": wording.STAGES, "modes": wording.MODES, "effects": wording.EFFECTS}
    made.globals |= {"scores": wording.SCORES, "duration": instants.duration, "places": PLACES}
    made.globals |= {"url": _url, "sign_in": _sign_in, "asset": _asset, "may": _may}
    return made


environment = _made()
