"""The main job on real input: something breaks, the agent hears, decides, repairs and proves it, or says why not."""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from aetherlink.lab import demo, remote
from aetherlink.lab.drills.catalogue import DRILLS, Ground
from aetherlink.lab.drills.run import Report, run_drill
from aetherlink.lab.drills.watch import Ask
from aetherlink.lab.identity import is_alive
from aetherlink.lab.options import LabOptions
from aetherlink.lab.runner import running_lab
from aetherlink.lab.waiting import until
from aetherlink.lib.clock import SystemClock

pytestmark = pytest.mark.timeout(240)

Options = Callable[..., LabOptions]
SERVICES = {"postgres", "prometheus", "alertmanager", "crm", "traffic", "agent"}


async def wait_for_score(ask: Ask) -> None:
    """Until the agent has read a health score: traffic flows and is measured."""
    async with asyncio.timeout(60):
        while (await ask("/health"))["health_score"] is None:  # noqa: ASYNC110 - another process' state has no event
            await asyncio.sleep(0.2)


async def drill(ask: Ask, lab_dir: Path, crm_url: str) -> Report:
    ground = Ground(lab_dir, crm_url)
    chosen = DRILLS["crm-api-killed"]
    return await run_drill(
        chosen, chosen.fault(ground), ask=ask, clock=SystemClock(), tell=logging.getLogger(__name__).info, within=120
    )


async def test_the_demo_ends_well_and_tells_every_step_in_order(lab_options: Options) -> None:
    lines: list[str] = []

    code = await demo.run_demo(lab_options(), keep=False, tell=lines.append)

    told = [line.split(" s  ")[1].split("  ")[0].strip() for line in lines if " s  " in line and line[:6].strip()]
    assert code == 0, "\n".join(lines)
    steps = ["broken", "alert fired", "heard", "decided", "repairing", "repaired", "verified", "resolved"]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
    assert any("the agent repaired it and proved it" in line for line in lines)


async def test_the_repair_is_a_real_restart_that_the_lab_itself_saw(lab_options: Options, ask_at) -> None:
    async with running_lab(lab_options()) as lab:
        ask = ask_at(lab.urls["agent"])
        await wait_for_score(ask)
        before = await remote.service(lab.options.dir, "crm")

        report = await drill(ask, lab.options.dir, lab.urls["crm"])

        after = await remote.service(lab.options.dir, "crm")
        [action] = (await ask("/api/v1/actions"))["items"]
    assert report.is_well
    assert before.replicas[0].pid != after.replicas[0].pid
    assert after.replicas[0].started_at > report.struck_at
    assert (action["state"], action["outcome"]["status"]) == ("finished", "done")


async def test_an_agent_that_observes_changes_nothing_and_says_what_it_would_have_done(
    lab_options: Options,
    ask_at,
) -> None:
    async with running_lab(lab_options(agent_settings={"mode": "observe"})) as lab:
        ask = ask_at(lab.urls["agent"])
        await wait_for_score(ask)

        report = await drill(ask, lab.options.dir, lab.urls["crm"])

        [action] = (await ask("/api/v1/actions"))["items"]
    assert report.was_lifted
    assert report.is_resolved
    assert (action["state"], action["decision"]) == ("refused", "observe")


async def test_a_killed_lab_starts_again_at_once_and_its_incidents_are_kept(start_lab, ask_at) -> None:
    killed = await start_lab()
    ask = ask_at(killed.urls["agent"])
    await wait_for_score(ask)
    await drill(ask, killed.dir, killed.urls["crm"])
    before = await _memory(ask)
    left = killed.record()

    assert killed.kill() == -signal.SIGKILL
    assert await until(lambda: not [one.service for one in left.children if is_alive(one.identity)], seconds=5)
    again = await start_lab()

    assert {one.service for one in left.children} == SERVICES
    assert again.record().lab != left.lab
    after = await _memory(ask_at(again.urls["agent"]))
    assert before
    assert all(before.values())
    assert {incident: after.get(incident, [])[: len(seen)] for incident, seen in before.items()} == before


async def _memory(ask: Ask) -> dict[str, list[Mapping[str, Any]]]:
    """Every incident with its timeline."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for item in (await ask("/api/v1/incidents?limit=100"))["items"]:
        found[item["id"]] = (await ask(f"/api/v1/incidents/{item['id']}/timeline?limit=500"))["items"]
    return found
