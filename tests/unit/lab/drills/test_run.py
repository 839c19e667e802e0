"""A drill on an invented agent: what it tells, when it lifts the fault itself, when it breaks nothing."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from aetherlink.errors import ConflictError, UnreachableError
from aetherlink.lab.drills.catalogue import DRILLS, choose
from aetherlink.lab.drills.run import Report, run_drill, summary
from aetherlink.testing import ManualClock

KILLED = DRILLS["crm-api-killed"]


class World:
    """An agent that tells a prepared timeline once the fault has struck, and the fault."""

    def __init__(self, clock: ManualClock, *entries: tuple[float, str, dict[str, Any]]) -> None:
        self.clock = clock
        self.began = clock.now()
        self.entries = entries
        self.lifted_by_drill = False
        self.is_broken = False
        self.is_blind = False
        self.fires_already = False

    async def strike(self) -> str:
        self.is_broken = True
        return "broken on purpose"

    async def lift(self) -> str:
        self.lifted_by_drill = True
        return "mended"

    async def ask(self, path: str) -> Mapping[str, Any]:
        self.clock.move(1)
        if path == "/health":
            up = not self.is_blind
            return {"sources": [{"source": "lab", "kind": "prometheus", "up": up, "detail": "refused"}]}
        if path.startswith("/api/v1/alerts"):
            is_there = self.fires_already or (self.is_broken and bool(self.entries))
            return {"items": [self.alert()] if is_there else []}
        after = int(path.rpartition("cursor=")[2])
        return {"items": [entry for entry in self.timeline() if entry["sequence"] > after]}

    def alert(self) -> dict[str, Any]:
        return {
            "status": "firing",
            "starts_at": (self.began + timedelta(seconds=5)).isoformat(),
            "labels": {"alertname": KILLED.alertname},
            "annotations": {"summary": "down"},
            "incident_id": "inc-1",
        }

    def timeline(self) -> list[dict[str, Any]]:
        return [
            {
                "sequence": number,
                "at": (self.began + timedelta(seconds=after)).isoformat(),
                "kind": kind,
                "text": kind,
                "facts": facts,
            }
            for number, (after, kind, facts) in enumerate(self.entries, start=1)
        ]


REPAIRED = (
    (6.0, "opened", {}),
    (6.0, "alerts", {}),
    (6.1, "decided", {"decision": "allow"}),
    (8.0, "action_finished", {}),
    (9.0, "verified", {}),
    (10.0, "resolved", {}),
)


async def drill(world: World, *, within: float = 60) -> tuple[Report, list[str]]:
    lines: list[str] = []
    report = await run_drill(KILLED, world, ask=world.ask, clock=world.clock, tell=lines.append, within=within)
    return report, lines


async def test_a_repair_by_the_agent_ends_well_and_is_told_step_by_step(clock: ManualClock) -> None:
    world = World(clock, *REPAIRED)

    report, lines = await drill(world)

    assert report.is_well
    assert not world.lifted_by_drill
    assert [line.split()[2] for line in lines[:2]] == ["broken", "alert"]
    assert "repaired it and proved it" in summary(report)[0]


async def test_an_agent_that_observes_is_helped_and_the_drill_says_that_it_did_not_repair(clock: ManualClock) -> None:
    observed = ((6.0, "alerts", {}), (6.1, "decided", {"decision": "observe"}), (12.0, "resolved", {}))
    world = World(clock, *observed)

    report, _ = await drill(world)

    assert world.lifted_by_drill
    assert (report.is_resolved, report.is_repaired, report.is_well) == (True, False, False)
    assert "NOT REPAIRED" in summary(report)[0]


async def test_an_alert_that_is_never_heard_ends_the_drill_and_mends_the_fault(clock: ManualClock) -> None:
    world = World(clock)

    report, lines = await drill(world, within=40)

    assert world.lifted_by_drill
    assert not report.is_well
    assert any("still waiting for CrmApiDown" in line for line in lines)
    assert "NOT RECOVERED" in summary(report)[0]


async def test_a_drill_that_is_cancelled_leaves_nothing_broken(clock: ManualClock) -> None:
    world = World(clock)
    running = asyncio.create_task(drill(world, within=10_000))
    await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert world.lifted_by_drill


async def test_nothing_is_broken_while_the_agent_cannot_see(clock: ManualClock) -> None:
    world = World(clock, *REPAIRED)
    world.is_blind = True

    with pytest.raises(UnreachableError, match="prometheus of lab: refused"):
        await drill(world)
    assert not world.is_broken


async def test_nothing_is_broken_while_the_alert_fires_already(clock: ManualClock) -> None:
    world = World(clock, *REPAIRED)
    world.fires_already = True

    with pytest.raises(ConflictError, match="fires already"):
        await drill(world)
    assert not world.is_broken


def test_all_drills_are_those_that_can_take_place_here() -> None:
    assert {one.name for one in choose("all", has_lab=True)} == set(DRILLS)
    assert all(not one.needs_lab for one in choose("all", has_lab=False))
