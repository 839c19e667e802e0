"""The demo: starts the lab, waits for health, kills the CRM's API once, and shows the agent heal it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import httpx

from aetherlink.errors import AetherError, DeadlineError, UnreachableError
from aetherlink.lab import configs, runner
from aetherlink.lab.drills.catalogue import Ground
from aetherlink.lab.drills.place import run_all
from aetherlink.lab.options import LabOptions
from aetherlink.lab.sink import Message, Sink, listening
from aetherlink.lab.supervisor import Lab, Tell
from aetherlink.lib.clock import SystemClock
from aetherlink.model.timeline import EventKind
from aetherlink.ports import Clock

_HEALTHY_WITHIN = 60.0
_LOOK_SECONDS = 0.2
_CLEAN = 90.0
_ALERTMANAGERS = "prometheus_notifications_alertmanagers_discovered"
_ASK_SECONDS = 5.0
_PEOPLE = "people"  # the channel of the demo
_LAST_WORDS = 5.0  # seconds for the message that it is over
_MOST_LINES = 3
_IN_PASSING = frozenset({EventKind.ALERTS, EventKind.MERGED, EventKind.PLANNED, EventKind.VERIFYING})


async def run_demo(options: LabOptions, *, keep: bool, tell: Tell, clock: Clock | None = None) -> int:
    """0 when the agent repaired what was broken and proved it, else 1. With `keep` the lab stays until Ctrl-C.

    What people would be told is shown as it comes; channels of the caller's own settings are told for real beside that.
    """
    clock = clock or SystemClock()
    async with listening(partial(_show, tell=tell, since=clock.now())) as people:
        return await _played(_with_people(options, people), people, keep=keep, tell=tell, clock=clock)


async def _played(options: LabOptions, people: Sink, *, keep: bool, tell: Tell, clock: Clock) -> int:
    begun = clock.monotonic()

    async def scene(lab: Lab) -> int:
        agent = lab.urls["agent"]
        async with httpx.AsyncClient(base_url=agent, timeout=_ASK_SECONDS) as client:
            score = await _wait_for_health(client, clock, interval=options.interval)
            memory = "" if score >= _CLEAN else " (it looks back 15 minutes, on earlier demos too)"
            tell(f"healthy after {clock.monotonic() - begun:.1f} s: health score {score:.1f}{memory}")
            tell("")
            ground = Ground(options.dir, lab.urls["crm"])
            [report] = await run_all(
                "crm-api-killed",
                ground,
                ask=lambda path: _get(client, path),
                clock=clock,
                tell=tell,
            )
            await people.has_ended(_LAST_WORDS if report.is_well else 0)
        tell("")
        return 0 if report.is_well else 1

    return await runner.run_lab(options, tell=tell, clock=clock, scene=scene, keep=keep)


def _with_people(options: LabOptions, people: Sink) -> LabOptions:
    """The options of an agent that tells them, and tells every change at once."""
    channel = {"webhook": {"url": people.url}, "spacing": "0s"}
    settings = configs.merge(options.agent_settings, {"notify": {"channels": {_PEOPLE: channel}}})
    return options.model_copy(update={"agent_settings": settings})


def _show(message: Message, *, tell: Tell, since: datetime) -> bool:
    """In a few lines. What an earlier lab left to tell is not this demo's."""
    incident = message.get("incident")
    if incident is None or datetime.fromisoformat(incident["opened_at"]) < since:
        return False
    told = [f"{'':8}  {_PEOPLE + ' hear':<13} {message['headline']}"]
    notable = [entry["text"] for entry in message["entries"] if entry["kind"] not in _IN_PASSING]
    told += [f"{'':8}  {'':<13}   {text}" for text in notable[-_MOST_LINES:]]
    for line in told:
        tell(line)
    return True


async def _wait_for_health(client: httpx.AsyncClient, clock: Clock, *, interval: float) -> float:
    """The first health score above 0 that the agent reads, once alerts have a way to it.

    Above 0: the CRM lives, and its traffic is measured. Not above the threshold: the score looks back 15 minutes, and
    may remember an earlier demo's outage. A Prometheus that has just started knows no Alertmanager for some seconds,
    and what fires meanwhile is heard late.
    """
    end = clock.monotonic() + _HEALTHY_WITHIN
    while True:
        health = await _get(client, "/health")
        score = health.get("health_score")
        if score and await _alerts_have_a_way(client, interval):
            return float(score)
        if clock.monotonic() > end:
            raise DeadlineError(f"the lab was not healthy within {_HEALTHY_WITHIN:g} s: {health.get('detail')}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _alerts_have_a_way(client: httpx.AsyncClient, interval: float) -> bool:
    """Whether this very Prometheus has found its Alertmanager: what an earlier one said is older than two scrapes."""
    fresh = f"time() - max(timestamp({_ALERTMANAGERS})) < {1.5 * interval + 0.5:g}"
    try:
        answer = await client.post("/query", json={"ql": f"min({_ALERTMANAGERS}) and on() ({fresh})"})
    except httpx.HTTPError:
        return False
    return answer.is_success and bool(answer.json()["value"])


async def _get(client: httpx.AsyncClient, path: str) -> Mapping[str, Any]:
    try:
        answer = await client.get(path)
    except httpx.HTTPError as problem:
        raise UnreachableError(f"the lab's agent at {client.base_url}: {problem}") from problem
    if answer.is_error:
        raise AetherError(f"the lab's agent answered {path} with {answer.status_code}: {answer.text[:200]}")
    found: Mapping[str, Any] = answer.json()
    return found
