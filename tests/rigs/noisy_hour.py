"""An hour of the agent in the lab, of moved time: real rules, real metrics, real agent; a witness has its hands.

Nothing is wrong in it, unless a fault is asked for. There is noise in everything that is measured, and other people's
alerts say that something is wrong: the agent, which may do whatever it likes, has reason enough to think of it.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx

from aetherlink.agent import Agent
from aetherlink.lab.config_files import agent_settings
from aetherlink.lab.layout import Layout
from aetherlink.lab.options import LabOptions
from aetherlink.model.actions import Action, ActionState
from aetherlink.model.decisions import Mode
from aetherlink.model.incidents import Incident
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.ports import Transaction
from aetherlink.settings import Settings
from aetherlink.testing import START
from rigs.lab_server import LabServer, lab_server
from rigs.moved_alertmanager import RECEIVER, MovedAlertmanager
from rigs.moved_time import MovedClock, MovedLoop
from rigs.noisy_metrics import BLACKBOX, CADVISOR, CRM, TENANTS, noisy_tape
from rigs.past_prometheus import ROOT, MovedPrometheus, Span, Turn, past_prometheus

_RUN_UP = timedelta(minutes=20)  # longer than the longest window of a rule that counts in a healthy hour
_DELIVERY = 1.0  # seconds from an evaluation to its webhook
_MARGIN = 90.0  # seconds around a stray alert in which what it says is not half true either
_PAUSES = (60.0, 240.0)  # seconds from one stray alert to the next
_LASTS = (60.0, 360.0)
_FLAPS = 40.0  # seconds; for so long a flapping alert fires, and is silent again
_ALWAYS = {"alertname": "InfoInhibitor", "severity": "none", "service": "prometheus"}
_OF_A_CONTAINER = {**CADVISOR, "name": "crm", "service": "crm"}
# What other people's rules say of the lab's targets, each with the noise that would make it half true.
_STRAYS: tuple[tuple[dict[str, str], str], ...] = (
    ({"alertname": "CrmApiDown", "severity": "critical", "service": "crm", **CRM}, "up"),
    ({"alertname": "TargetDown", "severity": "critical", "service": "crm", **CRM}, "up"),
    ({"alertname": "CrmMemoryHigh", "severity": "warning", "service": "crm", **CRM}, "memory"),
    ({"alertname": "CrmPoolExhausted", "severity": "critical", "service": "crm", **CRM}, "pool"),
    ({"alertname": "CrmHighErrorRate", "severity": "critical", "service": "crm", "job": CRM["job"]}, ""),
    ({"alertname": "ContainerDown", "severity": "critical", **_OF_A_CONTAINER}, ""),
    ({"alertname": "ContainerHighMemoryUsage", "severity": "warning", **_OF_A_CONTAINER}, ""),
    ({"alertname": "ContainerRestartLoop", "severity": "critical", **_OF_A_CONTAINER}, ""),
    ({"alertname": "BlackboxProbeFailed", "severity": "critical", "service": "crm", **BLACKBOX}, ""),
    ({"alertname": "HostOutOfDiskSpace", "severity": "warning", "service": "node", "instance": "node:9000"}, ""),
    ({"alertname": "QueueTooLong", "severity": "critical", "service": "crm"}, ""),
)
_OWN = ("mode", "vip_mode", "vip_tenants", "targets", "actions", "lab")  # what the lab's own settings say of these


@dataclass(frozen=True)
class Stray:
    """An alert that fires for a healthy target; a flapping one comes and goes in that time."""

    labels: dict[str, str]
    kind: str
    start: float
    end: float
    is_flapping: bool

    def turns(self) -> Iterator[Turn]:
        """When it begins, and when it ends."""
        at, end = self.start, self.end
        while self.is_flapping and at + 2 * _FLAPS < end:
            yield from self._once(at, at + _FLAPS)
            at += 2 * _FLAPS
        yield from self._once(at, end)

    def _once(self, start: float, end: float) -> Iterator[Turn]:
        yield Turn(start, self.labels, {"summary": "somebody else says so"}, fires=True)
        yield Turn(end, self.labels, {}, fires=False)


@dataclass
class Hour:
    """What came of it. `looks` are the rules' evaluations, `asked` the agent's questions, `evidence` its findings."""

    samples: int = 0
    looks: int = 0
    asked: int = 0
    alerts: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    evidence: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    changes: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    plans: Counter[str] = field(default_factory=Counter)
    acts: list[Action] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)

    @property
    def told(self) -> str:
        """The figures in one line."""
        counts = {
            "decisions": self.decisions,
            "plans": self.plans,
            "evidence": self.evidence,
            "health checks": self.checks,
        }
        words = [f"{sum(each.values())} {name} {dict(each)}" for name, each in counts.items()]
        heads = [f"{self.samples} samples, {self.looks} evaluations of each rule, {self.asked} questions"]
        heads += [f"{self.alerts} episodes of alerts, {len(self.incidents)} incidents", *words]
        return "; ".join([*heads, f"{len(self.changes)} acts {[action.plan.words for action in self.acts]}"])


def noisy_hour(folder: Path, seed: int, length: timedelta, *, fault: timedelta | None = None) -> Hour:
    """Live through it. With `fault` the CRM answers nobody for so long, from the middle on."""
    dice, start = Random(seed), START.timestamp()
    span = Span(start - _RUN_UP.total_seconds(), start + length.total_seconds())
    broken = Span(start + length.total_seconds() / 2, start + length.total_seconds() / 2 + _seconds(fault))
    strays = [] if fault else list(_strays(dice, Span(start, span.end)))
    hour = Hour()
    with past_prometheus(folder) as past:
        tape = noisy_tape(
            dice, span.start, span.end, calm=_calm(strays), is_down=lambda at: broken.start <= at < broken.end
        )
        past.take(tape)
        hour.samples, hour.looks = tape.count, len(span.instants)
        turns = [*past.evaluate(span), *(turn for stray in strays for turn in stray.turns())]
        hour.fired.update(turn.labels["alertname"] for turn in turns if turn.fires)
        with asyncio.Runner(loop_factory=MovedLoop) as runner:
            always = Turn(span.start, _ALWAYS, {}, fires=True)
            runner.run(_lived(hour, folder, past.url, [always, *turns], length))
    return hour


def _seconds(length: timedelta | None) -> float:
    return 0.0 if length is None else length.total_seconds()


def _strays(dice: Random, span: Span) -> Iterator[Stray]:
    at = span.start + dice.uniform(30, 90)
    while at < span.end - _LASTS[0]:
        labels, kind = dice.choice(_STRAYS)
        if labels["alertname"] == "CrmHighErrorRate":
            labels = {**labels, "tenant": dice.choice(list(TENANTS))}
        yield Stray(labels, kind, at, at + dice.uniform(*_LASTS), is_flapping=dice.random() < 0.2)
        at += dice.uniform(*_PAUSES)


def _calm(strays: Sequence[Stray]) -> Callable[[str, float], bool]:
    def calm(kind: str, at: float) -> bool:
        return any(one.kind == kind and one.start - _MARGIN < at < one.end + _MARGIN for one in strays)

    return calm


async def _lived(hour: Hour, folder: Path, prometheus_url: str, turns: Sequence[Turn], length: timedelta) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MovedLoop)
    clock = MovedClock(loop, START)
    async with contextlib.AsyncExitStack() as stack:
        prometheus = MovedPrometheus(inner=prometheus_url, loop=loop, clock=clock)
        alertmanager = MovedAlertmanager(clock=clock)
        for server in (prometheus, alertmanager):
            await server.start()
            stack.push_async_callback(server.stop)
        lab = await stack.enter_async_context(lab_server())
        lab.beside = ("postgres",)
        agent = Agent(_settings(folder, prometheus.url, alertmanager.url, lab.socket), clock=clock)
        agent.store.write = loop.counting(agent.store.write)
        door = httpx.ASGITransport(app=agent.asgi, client=("127.0.0.1", 50_000))
        client = await stack.enter_async_context(httpx.AsyncClient(transport=door, base_url="http://127.0.0.1:8088"))
        alertmanager.deliver = partial(_deliver, client)
        await agent.start()
        stack.push_async_callback(agent.stop)
        await _pass(alertmanager, turns, length)
        await _look_back(hour, agent, lab)
        hour.asked = prometheus.asked


async def _pass(alertmanager: MovedAlertmanager, turns: Sequence[Turn], length: timedelta) -> None:
    """Every alert in its time."""
    loop, start = asyncio.get_running_loop(), START.timestamp()
    repeating = asyncio.create_task(alertmanager.repeat())
    end = start + length.total_seconds() - _DELIVERY
    for turn in sorted((turn for turn in turns if turn.at < end), key=lambda turn: turn.at):
        await asyncio.sleep(max(0.0, turn.at - start + _DELIVERY - loop.time()))
        await alertmanager.turn(turn)
    await asyncio.sleep(max(0.0, length.total_seconds() - loop.time()))
    repeating.cancel()


def _settings(folder: Path, prometheus: str, alertmanager: str, socket: Path) -> Settings:
    """Those of the lab, with intervals as they are outside of it; every playbook may act by itself."""
    ports = dict.fromkeys(("agent", "prometheus", "alertmanager"), 0)
    lab = agent_settings(LabOptions(dir=folder, project_dir=ROOT), Layout(folder), ports, socket)
    source = {"name": "lab", "prometheus": prometheus, "alertmanagers": [alertmanager], "receiver": RECEIVER}
    modes = {playbook.name: Mode.AUTO for playbook in load_playbooks(None)}
    own: dict[str, Any] = {name: lab[name] for name in _OWN}
    return Settings(**own, data_dir=folder / "agent", sources=[source], playbook_modes=modes)


async def _deliver(client: httpx.AsyncClient, body: bytes) -> None:
    """Post a webhook to the agent's own door."""
    answer = await client.post("/alertmanager", content=body, headers={"content-type": "application/json"})
    answer.raise_for_status()


async def _look_back(hour: Hour, agent: Agent, lab: LabServer) -> None:
    hour.changes, hour.refused = lab.changes, lab.refused
    hour.decisions = _counted(agent, "aether_agent_decisions_total", "rule")
    hour.evidence = _counted(agent, "aether_agent_probe_checks_total", "status")
    hour.checks = _counted(agent, "aether_agent_health_checks_total", "status")
    hour.incidents, actions, hour.alerts = await agent.store.read(_stored)
    hour.plans.update(action.plan.playbook or "" for action in actions)
    hour.acts = [action for action in actions if action.state is not ActionState.REFUSED]


def _stored(transaction: Transaction) -> tuple[list[Incident], list[Action], int]:
    incidents, _ = transaction.incidents.page(limit=1000, before=None)
    actions, _ = transaction.actions.page(limit=1000, before=None)
    alerts, _ = transaction.alerts.page(limit=1000, before=None)
    return incidents, actions, len(alerts)


def _counted(agent: Agent, name: str, label: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    for family in agent.registry.collect():
        for sample in family.samples:
            if sample.name == name:
                counted[sample.labels[label]] += int(sample.value)
    return counted
