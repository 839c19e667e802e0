"""The demo's stages, what /query adds to Prometheus, and the agent at rest, each on a lab of its own."""

import asyncio
import logging
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from aetherlink.lab import database_folder, remote
from aetherlink.lab.drills.catalogue import DRILLS, Ground
from aetherlink.lab.drills.run import Report, run_drill
from aetherlink.lab.options import LabOptions, LabPorts
from aetherlink.lab.runner import running_lab
from aetherlink.lab.supervisor import Lab
from aetherlink.lib.clock import SystemClock
from bench.ground import Ground as BenchGround
from bench.processes import PROJECT, usage

DRILL_ROUNDS = 5
QUERY_ROUNDS = 600
REST_SECONDS = 30
STAGES = {
    "fired": "alert fired",
    "alerts": "heard",
    "decided": "decided",
    "action_finished": "repaired",
    "verified": "verified",
    "resolved": "resolved",
}


async def measure_demo(ground: BenchGround) -> None:
    """Print the figures of the demo."""
    async with lab_ground(ground) as folder:
        await _bench_demo(folder)


async def measure_rest(ground: BenchGround) -> None:
    """Print the figures of an agent at rest."""
    async with lab_ground(ground) as folder:
        await _bench_rest(folder)


@asynccontextmanager
async def lab_ground(ground: BenchGround) -> AsyncIterator[Path]:
    """A folder for a lab, which is silent meanwhile; what a lab of root's keeps outside of it goes afterwards."""
    logging.disable()
    try:
        yield ground.folder / "lab"
    finally:
        await asyncio.to_thread(database_folder.sweep)
        logging.disable(logging.NOTSET)


async def _bench_demo(folder: Path) -> None:
    begun = time.monotonic()
    async with running_lab(options(folder)) as lab, agent_of(lab) as agent:
        ready = time.monotonic() - begun
        await until_healthy(agent)
        print(f"lab: ready after {ready:.1f} s, healthy after {time.monotonic() - begun:.1f} s (data made anew)")
        await _bench_query(lab, agent)
        await _bench_drill(lab, agent)


async def _bench_drill(lab: Lab, agent: httpx.AsyncClient) -> None:
    """Fault to resolved, stage by stage."""
    drill = DRILLS["crm-api-killed"]
    reports = []
    for _ in range(DRILL_ROUNDS):
        ground = Ground(lab.options.dir, lab.urls["crm"])
        reports.append(
            await run_drill(
                drill,
                drill.fault(ground),
                ask=lambda path: _get(agent, path),
                clock=SystemClock(),
                tell=logging.getLogger(__name__).debug,
                within=120,
            )
        )
        await until_healthy(agent)
    _print_stages(reports)


def _print_stages(reports: list[Report]) -> None:
    well = sum(report.is_well for report in reports)
    print(f"drill: {well} of {len(reports)} repaired and proved by the agent; seconds since the fault:")
    for kind, name in STAGES.items():
        seconds = [report.seconds[kind] for report in reports if kind in report.seconds]
        if seconds:
            print(f"  {name:<12} median {statistics.median(seconds):5.2f}  worst {max(seconds):5.2f}")


async def _bench_query(lab: Lab, agent: httpx.AsyncClient) -> None:
    """The same question asked of Prometheus and of the agent, in turn, over connections kept open."""
    query = "aether:health_score:15m"
    async with httpx.AsyncClient(base_url=lab.urls["prometheus"]) as prometheus:

        async def direct() -> httpx.Response:
            return await prometheus.post("/api/v1/query", data={"query": query})

        async def proxied() -> httpx.Response:
            return await agent.post("/query", json={"ql": query})

        pairs = [(await _timed(direct), await _timed(proxied)) for _ in range(QUERY_ROUNDS)]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        there, here = (sorted(side)[int(share * QUERY_ROUNDS)] for side in zip(*pairs, strict=True))
        print(f"/query {name}: direct {there:.2f} ms, through the agent {here:.2f} ms, overhead {here - there:.2f} ms")


async def _bench_rest(folder: Path) -> None:
    """Memory and CPU of an agent at rest, with the intervals of a fresh install."""
    settings = {
        "health": {"interval": "60s", "source_interval": "15s"},
        "pipeline": {"verify_interval": "5s", "redecide_interval": "30s"},
    }
    async with running_lab(options(folder, agent_settings=settings)) as lab, agent_of(lab) as agent:
        await _get(agent, "/health")
        [replica] = (await remote.service(lab.options.dir, "agent")).replicas
        pid = replica.pid or 0
        before = usage(pid)
        await asyncio.sleep(REST_SECONDS)
        after = usage(pid)
    share = (after.cpu_seconds - before.cpu_seconds) / REST_SECONDS
    print(f"agent at rest: {after.resident:.0f} MiB resident, {share:.2%} of one core over {REST_SECONDS} s")


async def _timed(ask: Callable[[], Awaitable[httpx.Response]]) -> float:
    """How long it took, in milliseconds."""
    begun = time.perf_counter()
    (await ask()).raise_for_status()
    return (time.perf_counter() - begun) * 1000


async def until_healthy(agent: httpx.AsyncClient) -> None:
    """Until the agent has read a good score: what was started has come to rest by then."""
    while (await _get(agent, "/health"))["status"] != "ok":  # noqa: ASYNC110 - another process' state has no event
        await asyncio.sleep(0.2)


async def _get(agent: httpx.AsyncClient, path: str) -> Mapping[str, Any]:
    answer = await agent.get(path)
    found: Mapping[str, Any] = answer.raise_for_status().json()
    return found


def agent_of(lab: Lab) -> httpx.AsyncClient:
    """Whom to ask of this lab."""
    return httpx.AsyncClient(base_url=lab.urls["agent"])


def options(folder: Path, **more: object) -> LabOptions:
    """A lab in this folder, on ports that are free."""
    ports = LabPorts(crm=0, prometheus=0, alertmanager=0, agent=0)
    return LabOptions.model_validate({"dir": folder, "project_dir": PROJECT, "ports": ports, **more})
