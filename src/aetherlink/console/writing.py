"""Writes pages: one template environment, the headers that every page carries, and the assets beside them."""

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

ASSETS: Mapping[str, Path] = {
    path.name: path for path in sorted((Path(__file__).parent / "assets").iterdir()) if path.is_file()
}
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def page(
    template: str, *, now: datetime, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
) -> Response:
    """The template with these values, as the answer. `now` is the instant that ages are counted from."""
    made = environment.get_template(template)
    text = await asyncio.to_thread(made.render, now=now, **values)  # a large one takes longer than alerts should wait
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


def _made() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=foreign_text.shown,
        undefined=StrictUndefined,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"moment": _moment, "age": _age, "told": wording.told}
    made.filters |= {"cut": foreign_text.cut, "ticked": foreign_text.ticked}
    made.tests["link"] = foreign_text.is_link
    made.globals |= {"stages": wording.STAGES, "modes": wording.MODES, "effects": wording.EFFECTS}
    made.globals |= {"scores": wording.SCORES, "duration": instants.duration}
    return made


environment = _made()
