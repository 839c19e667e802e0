"""The main job on real input: something breaks, the agent hears, decides, repairs and proves it, or says why not."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from aetherlink.lab import demo, remote
from aetherlink.lab.drills.catalogue import DRILLS, Ground
from aetherlink.lab.drills.run import Report, run_drill
from aetherlink.lab.drills.watch import Ask
from aetherlink.lab.options import LabOptions
from aetherlink.lab.runner import running_lab
from aetherlink.lab.supervisor import Lab
from aetherlink.lib.clock import SystemClock

pytestmark = pytest.mark.timeout(240)

Options = Callable[..., LabOptions]
AskOf = Callable[[Lab], Ask]


async def wait_for_score(ask: Ask) -> None:
    """Until the agent has read a health score: traffic flows and is measured."""
    async with asyncio.timeout(60):
        while (await ask("/health"))["health_score"] is None:  # noqa: ASYNC110 - another process' state has no event
            await asyncio.sleep(0.2)


async def drill(lab: Lab, ask, name: str = "crm-api-killed") -> Report:
    ground = Ground(lab.options.dir, lab.urls["crm"])
    chosen = DRILLS[name]
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


async def test_the_repair_is_a_real_restart_that_the_lab_itself_saw(lab_options: Options, ask_of) -> None:
    async with running_lab(lab_options()) as lab:
        ask = ask_of(lab)
        await wait_for_score(ask)
        before = await remote.service(lab.options.dir, "crm")

        report = await drill(lab, ask)

        after = await remote.service(lab.options.dir, "crm")
        [action] = (await ask("/api/v1/actions"))["items"]
    assert report.is_well
    assert before.replicas[0].pid != after.replicas[0].pid
    assert after.replicas[0].started_at > report.struck_at
    assert (action["state"], action["outcome"]["status"]) == ("finished", "done")


async def test_an_agent_that_observes_changes_nothing_and_says_what_it_would_have_done(
    lab_options: Options,
    ask_of,
) -> None:
    async with running_lab(lab_options(agent_settings={"mode": "observe"})) as lab:
        ask = ask_of(lab)
        await wait_for_score(ask)

        report = await drill(lab, ask)

        [action] = (await ask("/api/v1/actions"))["items"]
    assert report.was_lifted
    assert report.is_resolved
    assert (action["state"], action["decision"]) == ("refused", "observe")


async def test_a_killed_lab_starts_again_at_once_and_its_incidents_are_kept(lab_options: Options, ask_of) -> None:
    options = lab_options()
    async with running_lab(options) as lab:
        ask = ask_of(lab)
        await wait_for_score(ask)
        await drill(lab, ask)
        first = await _incidents(ask)

    async with running_lab(options) as lab:
        second = await _incidents(ask_of(lab))

    assert first
    assert first.items() <= second.items()


async def _incidents(ask) -> dict[str, str]:
    items: list[Mapping[str, Any]] = (await ask("/api/v1/incidents?limit=100"))["items"]
    return {item["id"]: item["opened_at"] for item in items}
