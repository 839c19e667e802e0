"""The five checks of `aether smoke`, in order. scripts/test-agent.sh and test-agent.ps1 make the same ones."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aetherlink.cli.printing import print_line
from aetherlink.clients.agent import AgentClient, Reply
from aetherlink.errors import AetherError, AnswerError, UnauthenticatedError, UnreachableError
from aetherlink.lib.clock import SystemClock

Check = Callable[[AgentClient], Awaitable[str]]
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found."""

    name: str
    is_well: bool
    detail: str
    is_away: bool = False


async def run_checks(agent: AgentClient, *, told: Callable[[Result], None]) -> list[Result]:
    """What the checks found; each is told of at once. Raises UnauthenticatedError where no caller is known."""
    results = []
    for name, check in CHECKS.items():
        try:
            results.append(await _result(name, check, agent))
        except UnauthenticatedError:  # so will the others: what to do is said once, at the end
            told(Result(name, is_well=False, detail="the agent does not accept this caller"))
            raise
        told(results[-1])
    return results


def print_result(result: Result) -> None:
    """One line."""
    print_line(f"{result.name:<8} {'ok      ' if result.is_well else 'FAILED  '}{result.detail}")


async def _result(name: str, check: Check, agent: AgentClient) -> Result:
    try:
        return Result(name, is_well=True, detail=await check(agent))
    except UnauthenticatedError:
        raise
    except AetherError as error:
        return Result(name, is_well=False, detail=str(error), is_away=isinstance(error, UnreachableError))


async def _health(agent: AgentClient) -> str:
    reply = await agent.send("GET", "/health")
    _expect(reply.status == 200, "GET /health", reply)
    _expect({"ok", "health_score", "consecutive_low"} <= reply.data.keys(), "GET /health lacks keys", reply)
    _expect(reply.data["ok"] is True, "the agent is not ready", reply)
    score = reply.data["health_score"]
    return f"health_score {'unknown' if score is None else score}, consecutive_low {reply.data['consecutive_low']}"


async def _query(agent: AgentClient) -> str:
    reply = await agent.send("POST", "/query", {"ql": "vector(1)"})
    _expect(reply.status == 200, "POST /query", reply)
    _expect(reply.data.get("value") == 1, "vector(1) is not 1", reply)
    return "vector(1) is 1"


async def _act(agent: AgentClient) -> str:
    body = {"action": "scale", "reason": "smoke test", "service": "aether-smoke-test"}
    reply = await agent.send("POST", "/act", body)
    _expect(reply.status == 202, "POST /act", reply)
    details = reply.data.get("details")
    _expect(isinstance(details, Mapping) and details.get("decision") == "deny", "it was not refused", reply)
    return f"an action on nothing is refused: {reply.data['details'].get('rule')}"


async def _metrics(agent: AgentClient) -> str:
    reply = await agent.send("GET", "/metrics")
    _expect(reply.status == 200, "GET /metrics", reply)
    count = sum(line.startswith("aether_agent_") for line in reply.text.splitlines())
    _expect(count > 0, "no metric begins with aether_agent_", reply)
    return f"{count} samples of aether_agent_*"


async def _webhook(agent: AgentClient) -> str:
    mark = secrets.token_hex(8)
    started = SystemClock().now()
    ended = started + timedelta(milliseconds=1)
    firing = _alert(mark, {"status": "firing", "startsAt": started.isoformat(), "endsAt": "0001-01-01T00:00:00Z"})
    resolved = _alert(mark, {"status": "resolved", "startsAt": started.isoformat(), "endsAt": ended.isoformat()})
    for body in (firing, resolved):
        reply = await agent.send("POST", "/alertmanager", body)
        _expect(reply.status == 200, "POST /alertmanager", reply)
    await _listed(agent, mark)
    return "an invented alert was heard, listed and resolved"


def _alert(mark: str, episode: Mapping[str, str]) -> dict[str, Any]:
    labels = {"alertname": "AetherSmokeTest", "severity": "info", "service": "aether-smoke-test", "smoke": mark}
    alert = {"labels": labels, "annotations": {"summary": "Invented by aether smoke."}, **episode}
    return {
        "version": "4",
        "groupKey": f"aether-smoke-{mark}",
        "status": episode["status"],
        "receiver": "agent",
        "groupLabels": {},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [alert],
    }


async def _listed(agent: AgentClient, mark: str) -> None:
    """Returns once the list shows the alert as resolved."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE_SECONDS
    while True:
        reply = await agent.send("GET", "/api/v1/alerts?limit=100")
        _expect(reply.status == 200, "GET /api/v1/alerts", reply)
        items = [item for item in reply.data.get("items", []) if item.get("labels", {}).get("smoke") == mark]
        if items and items[0].get("status") == "resolved":
            return
        _expect(loop.time() < until, f"the alert is not listed as resolved after {_PATIENCE_SECONDS:g} s", reply)
        await asyncio.sleep(_PAUSE_SECONDS)


def _expect(claim: bool, otherwise: str, reply: Reply) -> None:
    if not claim and reply.status == 401:
        raise UnauthenticatedError(reply.detail)
    if not claim:
        raise AnswerError(f"{otherwise}: {reply.status} {reply.detail}")


CHECKS: Mapping[str, Check] = {
    "health": _health,
    "query": _query,
    "act": _act,
    "metrics": _metrics,
    "webhook": _webhook,
}
