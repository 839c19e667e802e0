"""What `aether show` asks of the agent: an action, or an incident with its whole timeline."""

from typing import Any
from urllib.parse import quote

from aetherlink.clients.agent import AgentClient


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
