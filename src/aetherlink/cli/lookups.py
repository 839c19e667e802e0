"""What takes more than one question to the agent: lists, and an incident with its whole timeline."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from aetherlink.clients.agent import AgentClient

_MOST_ON_A_PAGE = 500


async def listed(
    agent: AgentClient, path: str, filters: Mapping[str, str | bool | None], *, limit: int
) -> dict[str, Any]:
    """The newest that fit, so many at most, and the cursor of what follows; narrowed pages may be short."""
    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in filters.items()}
    wanted = {name: value for name, value in given.items() if value is not None}
    items: list[Any] = []
    cursor: str | None = None
    while True:
        at = {} if cursor is None else {"cursor": cursor}
        query = {"limit": min(limit - len(items), _MOST_ON_A_PAGE), **wanted, **at}
        page = await agent.ask("GET", f"{path}?{urlencode(query)}")
        items += page.get("items", [])
        cursor = page.get("next_cursor")
        if cursor is None or len(items) >= limit:
            return {"next_cursor": cursor, "items": items}


async def action(agent: AgentClient, action_id: str) -> dict[str, Any]:
    """The action."""
    return dict(await agent.ask("GET", f"/api/v1/actions/{quote(action_id, safe='')}"))


async def incident(agent: AgentClient, incident_id: str) -> dict[str, Any]:
    """The incident with its whole timeline, page after page."""
    path = f"/api/v1/incidents/{quote(incident_id, safe='')}"
    found = dict(await agent.ask("GET", path))
    entries: list[Any] = []
    cursor = "0"
    while cursor:
        page = await agent.ask("GET", f"{path}/timeline?limit=500&cursor={cursor}")
        entries += page.get("items", [])
        cursor = quote(str(page.get("next_cursor") or ""), safe="")
    return {**found, "timeline": entries}
