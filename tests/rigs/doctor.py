"""Checks of the doctor, taken one by one: on settings of the test, beside an agent that says what the test wants."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from aetherlink.clients.agent import Reply
from aetherlink.doctor.agent_view import AgentView
from aetherlink.doctor.findings import Finding, Status
from aetherlink.doctor.looking import Ground
from aetherlink.errors import AetherError, NotSentError, SettingsError
from aetherlink.lib.clock import SystemClock
from aetherlink.ports import Clock
from aetherlink.settings import Settings


@dataclass
class ScriptedAgent:
    """An agent by its pages. With `problem` every question ends in it."""

    pages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: str = ""
    health: dict[str, Any] = field(default_factory=lambda: {"ok": True, "health_score": None, "sources": []})
    problem: AetherError | None = None
    address: str = "http://127.0.0.1:8088"
    asked: list[str] = field(default_factory=list)

    async def ask(self, _method: str, path: str, _body: object = None) -> Mapping[str, Any]:
        self.asked.append(path)
        if self.problem is not None:
            raise self.problem
        page = self.pages.get(path.partition("?")[0])
        if page is None:
            raise SettingsError("404: there is no such page")
        return page

    async def send(self, _method: str, path: str, _body: object = None) -> Reply:
        self.asked.append(path)
        if self.problem is not None:
            raise self.problem
        if path == "/metrics":
            return Reply(200, self.metrics, {})
        return Reply(200, json.dumps(self.health), self.health)


def down() -> ScriptedAgent:
    """One that nobody reaches."""
    return ScriptedAgent(problem=NotSentError("no connection"))


def ground(
    agent: ScriptedAgent | None = None,
    *,
    file: Path | None = None,
    clock: Clock | None = None,
    test_alert_wait: timedelta | None = None,
    **settings: Any,
) -> Ground:
    """What checks look over."""
    view = AgentView(agent or ScriptedAgent())  # type: ignore[arg-type]  # as much of a client as the view uses
    return Ground(Settings(**settings), file, view, clock or SystemClock(), test_alert_wait)


async def findings(check: ModuleType, on: Ground) -> list[Finding]:
    """All of them, in order."""
    return [finding for look in check.looks(on) for finding in await look.work()]


async def statuses(check: ModuleType, on: Ground) -> list[Status]:
    return [finding.status for finding in await findings(check, on)]


def worst(found: list[Finding]) -> Finding:
    """The first fault, else the first warning, else the first of all."""
    order = [Status.FAULT, Status.WARNING]
    return min(found, key=lambda one: order.index(one.status) if one.status in order else len(order))
