"""From a webhook to the executor's call, in mode auto: every record is on the disk before the call.

Measured from the moment that the webhook is sent to the arrival of the call at the executor's socket. Then how long a
VIP's action takes while thousands of less urgent incidents wait to be decided again.
"""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.ground import Ground, fdatasync_row
from bench.hands import Hands, listening, metrics
from bench.load import LoadError
from bench.processes import Server, running_agent
from bench.table import Row, show

_ACTIONS = 100  # an hour of a busy fleet: more would measure its budgets
_VIPS = 50
_WAITING = 5000
_GROUP = 100  # alerts a webhook, for those that wait
_PATIENCE = 30  # seconds until a call that never comes is given up
_SETTLED = 3  # seconds
_BETWEEN = 0.15  # seconds: what the one before has left to do is done by then
_BUDGETS = {"running": 100, "per_ten_minutes": 1000, "per_hour": 1000, "vip_reserve": 0}
_MORE = {"tenant_per_hour": 1000, "playbook_per_hour": 1000, "circuit_targets": 100, "suspect_targets": 1000}
_PLAYBOOKS = {
    "Asked": """
name: restart-asked
match: {alertname: Asked}
target: {from: labels}
bind: [service]
when: 'up == 1'
action: {restart: {}}
verify: {query: 'up == 1', within: 1h}
mode: auto
""",
    "Told": """
name: restart-told
match: {alertname: Told}
target: {from: labels}
bind: [service]
evidence: alert
action: {restart: {}}
verify: {query: 'up == 1', within: 1h}
mode: auto
""",
}


@dataclass(frozen=True, slots=True)
class _Scene:
    """An agent with its hands; `client` sends the webhooks."""

    agent: Server
    hands: Hands
    client: httpx.AsyncClient


async def measure(ground: Ground) -> None:
    """Print how long it takes with and without a `when` query, and what thousands of incidents that wait cost a VIP."""
    actions, vips = ground.count(_ACTIONS), ground.count(_VIPS)
    services = [f"svc-{number}" for number in range(2 * actions + 2 * vips)]
    async with _scene(ground.folder, services) as scene:
        fresh = iter(services)
        told = await _repairs(scene, list(itertools.islice(fresh, actions)), name="Told")
        asked = await _repairs(scene, list(itertools.islice(fresh, actions)))
        alone = await _repairs(scene, list(itertools.islice(fresh, vips)), tenant="vip-1")
        waiting = ground.count(_WAITING)
        await _let_wait(scene, waiting)
        crowded = await _repairs(scene, list(itertools.islice(fresh, vips)), tenant="vip-1")
    show(
        "from a webhook to the executor's call, milliseconds, p50 / p99",
        [
            Row("on the alert alone, without a query", _figures(told), "9 / 20 ms"),
            Row("with a `when` query", _figures(asked)),
            Row("for a VIP, with a query", _figures(alone)),
            Row(f"for a VIP, while {waiting} incidents wait", _figures(crowded), "at most 100 ms more"),
            fdatasync_row(ground.folder),
        ],
    )


def _figures(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    p50, p99 = (ordered[int(share * len(ordered))] for share in (0.5, 0.99))
    return f"{p50:.1f} / {p99:.1f} ms of {len(ordered)}"


async def _repairs(scene: _Scene, services: list[str], *, name: str = "Asked", tenant: str = "") -> list[float]:
    """One after the other, each when the one before is done with: the milliseconds of each."""
    found = []
    for service in services:
        await asyncio.sleep(_BETWEEN)
        begun = time.perf_counter()
        await _send(scene, [_alert(service, name=name, tenant=tenant)])
        try:
            async with asyncio.timeout(_PATIENCE):
                found.append((await scene.hands.until(service) - begun) * 1000)
        except TimeoutError:
            raise LoadError(f"the call for {service} never came: see the agent's log") from None
    return found


async def _let_wait(scene: _Scene, count: int) -> None:
    """So many incidents whose condition does not hold: each is decided again and again."""
    for start in range(0, count, _GROUP):
        await _send(scene, [_alert(f"idle-{start + place}", severity="info") for place in range(_GROUP)])
    await asyncio.sleep(_SETTLED)


async def _send(scene: _Scene, alerts: list[dict[str, object]]) -> None:
    body = {"version": "4", "status": "firing", "groupKey": "bench", "receiver": "aether", "alerts": alerts}
    answer = await scene.client.post(scene.agent.webhook, content=json.dumps(body))
    if answer.status_code != httpx.codes.OK:
        raise LoadError(f"the webhook was answered {answer.status_code}: {answer.text[:200]}")


def _alert(service: str, *, name: str = "Asked", tenant: str = "", severity: str = "critical") -> dict[str, object]:
    labels = {"alertname": name, "service": service, "severity": severity, "tenant": tenant}
    return {
        "status": "firing",
        "labels": {label: value for label, value in labels.items() if value},
        "annotations": {"summary": f"{service} is down"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
    }


@asynccontextmanager
async def _scene(folder: Path, services: list[str]) -> AsyncIterator[_Scene]:
    hands, playbooks = Hands(), folder / "playbooks"
    playbooks.mkdir()
    for name, text in _PLAYBOOKS.items():
        (playbooks / f"{name.lower()}.yaml").write_text(text)
    targets = {name: {"executor": "lab", "service": name} for name in services}
    async with listening(metrics) as prometheus, listening(hands.answer, socket=folder / "hands.sock") as socket:
        settings = {
            "AETHER_MODE": "auto",
            "AETHER_VIP_MODE": "auto",
            "AETHER_PLAYBOOKS_DIR": str(playbooks),
            "AETHER_TARGETS": json.dumps(targets),
            "AETHER_BUDGETS": json.dumps({**_BUDGETS, **_MORE}),
            "AETHER_LAB__CONTROL_SOCKET": socket,
            "PROM_URL": prometheus,
        }
        async with running_agent(folder, settings=settings) as agent, httpx.AsyncClient() as client:
            yield _Scene(agent, hands, client)
