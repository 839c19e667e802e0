"""What takes more than one question to the agent: lists, an id by its beginning, an incident with its timeline."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from aetherlink.clients.agent import AgentClient
from aetherlink.errors import ForbiddenError, SettingsError

_MOST_ON_A_PAGE = 500
_PATHS = {"inc": "/api/v1/incidents", "act": "/api/v1/actions"}
_DIGITS = re.compile(r"[0-9a-z]+")
_ID_DIGITS, _MOST_DIGITS = 16, 40


async def listed(
    agent: AgentClient,
    path: str,
    filters: Mapping[str, str | bool | None],
    *,
    limit: int | None,
    by: int = _MOST_ON_A_PAGE,
) -> dict[str, Any]:
    """The newest that fit, so many at most (None: all), asked for `by` so many, and the cursor of what follows.

    A narrowed page may be short and still have a next one.
    """
    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in filters.items()}
    wanted = {name: value for name, value in given.items() if value is not None}
    items: list[Any] = []
    cursor: str | None = None
    while True:
        at = {} if cursor is None else {"cursor": cursor}
        left = by if limit is None else limit - len(items)
        query = {"limit": min(left, by), **wanted, **at}
        page = await agent.ask("GET", f"{path}?{urlencode(query)}")
        items += page.get("items", [])
        cursor = page.get("next_cursor")
        if cursor is None or (limit is not None and len(items) >= limit):
            return {"next_cursor": cursor, "items": items}


async def whole_id(agent: AgentClient, given: str) -> str:
    """The id that begins with what was given, such as `inc-06f3qk2c8`. Raises SettingsError where several do.

    Ids sort by time, and a list goes on behind its cursor: the first ones behind the last id that could begin so are
    the ones that do. What no id begins with stays as it is, for the agent to say so.
    """
    kind, _, rest = given.partition("-")
    if kind not in _PATHS or not _DIGITS.fullmatch(rest) or len(rest) >= _ID_DIGITS:
        return given
    last = given.ljust(len(kind) + 1 + _MOST_DIGITS, "z")
    try:
        page = await agent.ask("GET", f"{_PATHS[kind]}?limit=2&cursor={last}")
    except ForbiddenError:  # a token may act and not read: then it takes a whole id
        return given
    found = [str(one["id"]) for one in page.get("items", []) if str(one.get("id")).startswith(given)]
    if len(found) > 1:
        raise SettingsError(f"{given} may be {found[0]}, {found[1]} or another: give more of it")
    return found[0] if found else given


async def action(agent: AgentClient, action_id: str) -> dict[str, Any]:
    """The action, by its id or the beginning of it."""
    whole = await whole_id(agent, action_id)
    return dict(await agent.ask("GET", f"/api/v1/actions/{quote(whole, safe='')}"))


async def incident(agent: AgentClient, incident_id: str) -> dict[str, Any]:
    """The incident, by its id or the beginning of it, with its whole timeline, page after page."""
    path = f"/api/v1/incidents/{quote(await whole_id(agent, incident_id), safe='')}"
    found = dict(await agent.ask("GET", path))
    entries: list[Any] = []
    cursor = "0"
    while cursor:
        page = await agent.ask("GET", f"{path}/timeline?limit=500&cursor={cursor}")
        entries += page.get("items", [])
        cursor = quote(str(page.get("next_cursor") or ""), safe="")
    return {**found, "timeline": entries}
