"""The console: how long the agent works at each page, what a page weighs, and what a person sees of it in a browser."""

import asyncio
import gzip
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from aetherlink.access.token_files import OPERATOR_FILE
from aetherlink.lab.runner import running_lab
from bench import demo, history, load, pages, stored, watching
from bench.filling import fill
from bench.ground import Ground
from bench.processes import Server, running_agent
from bench.table import Row, show

_INCIDENTS = 100_000
_OPEN_AFTER_A_YEAR = 200
_ACTIONS = 20_000
_TOLD = 20_000
_ALERTS = 10_000
_WARM_UP = 3
_TIMES = 40
_STARTS = 10
_PLAYBOOK = "restart-crm-api"


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: milliseconds that a caller waits for it, milliseconds of CPU that the agent spends, bytes by gzip."""

    address: str
    times: list[float]
    cpu: float
    weight: int
    own: int


async def measure(ground: Ground) -> None:
    """Print the tables."""
    load.wrk()
    watching.chromium()
    incidents = ground.count(_INCIDENTS)
    folder = ground.folder / "stored"
    async with running_agent(folder) as agent:
        await fill(agent, incidents, services=incidents)
    await asyncio.to_thread(_give_history, ground, folder)
    await _show_pages(folder, f"{incidents:,} incidents stored, all of them open")
    left = min(_OPEN_AFTER_A_YEAR, incidents)
    await asyncio.to_thread(history.close_all_but, folder, left)
    await _show_pages(folder, f"{incidents:,} incidents stored, {left} of them open")
    show(f"{ground.count(_ALERTS):,} alerts fire", await _scrolling(ground))
    show("the lab, in a Chromium that knows nothing", await _painting(ground))
    show("the command line", [await asyncio.to_thread(_starting)])


def _give_history(ground: Ground, folder: Path) -> None:
    stored.let_rest(folder)
    history.add_actions(folder, ground.count(_ACTIONS))
    history.add_deliveries(folder, ground.count(_TOLD))


async def _show_pages(folder: Path, title: str) -> None:
    async with running_agent(folder) as agent, _signed_in(agent, folder) as client:
        known = await _known(client)
        found = [await _page(agent, client, address) for address in pages.addresses(known)]
    rows = [_row(one, known) for one in found]
    heaviest = max(found, key=lambda one: one.weight)
    largest = max(found, key=lambda one: one.own)
    rows += [
        Row(f"heaviest with all that it loads ({heaviest.address}), gzipped", _kilobytes(heaviest.weight), "< 200 kB"),
        Row(f"largest by itself ({largest.address}), gzipped", _kilobytes(largest.own)),
    ]
    show(f"console: {title}; of {_TIMES} looks p50 / p99, and CPU of the agent for one", rows)


@asynccontextmanager
async def _signed_in(agent: Server, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever holds the operator's token, with a session as browsers have it."""
    token = await asyncio.to_thread((folder / "data" / OPERATOR_FILE).read_text)
    async with httpx.AsyncClient(base_url=agent.url, timeout=60) as client:
        entered = await client.post("/login", data={"code": token.strip()}, headers={"Origin": agent.url})
        if entered.status_code != httpx.codes.SEE_OTHER:
            raise load.LoadError(f"POST /login was answered with {entered.status_code}")
        yield client


async def _known(client: httpx.AsyncClient) -> Mapping[str, str]:
    """What stands for the parts of paths: the latest action and its incident."""
    [action] = (await client.get("/api/v1/actions?limit=1")).raise_for_status().json()["items"]
    return {"incident_id": action["incident_id"], "action_id": action["id"], "name": _PLAYBOOK}


async def _page(agent: Server, client: httpx.AsyncClient, address: str) -> _Page:
    for _ in range(_WARM_UP):
        answer = await client.get(address)
        if answer.is_error:
            raise load.LoadError(f"{address} was answered with {answer.status_code}: {answer.text[:300]}")
    before = agent.usage.cpu_seconds
    times = [await _milliseconds(client, address) for _ in range(_TIMES)]
    cpu = (agent.usage.cpu_seconds - before) * 1000 / _TIMES
    own = len(gzip.compress(answer.content))
    weight = own + sum([await _loaded(client, asset) for asset in pages.assets(answer.text)])
    return _Page(address, times, cpu, weight, own)


async def _milliseconds(client: httpx.AsyncClient, address: str) -> float:
    begun = time.perf_counter()
    await client.get(address)
    return (time.perf_counter() - begun) * 1000


async def _loaded(client: httpx.AsyncClient, asset: str) -> int:
    answer = await client.get(asset, headers={"Accept-Encoding": "gzip"})
    return answer.raise_for_status().num_bytes_downloaded


def _row(one: _Page, known: Mapping[str, str]) -> Row:
    p50, p99 = (sorted(one.times)[int(share * len(one.times))] for share in (0.5, 0.99))
    address = one.address
    for name, value in known.items():
        address = address.replace(f"/{value}", f"/{{{name}}}")
    return Row(address, f"{p50:5.1f} / {p99:5.1f} ms, CPU {one.cpu:5.1f} ms", "< 50 ms")


async def _scrolling(ground: Ground) -> list[Row]:
    alerts = ground.count(_ALERTS)
    async with running_agent(ground.folder / "firing") as agent:
        await fill(agent, alerts)
        seen = await asyncio.to_thread(watching.scrolled, agent.url, count=alerts)
    frames = sorted(seen.frames)
    p50, p95 = (frames[int(share * len(frames))] for share in (0.5, 0.95))
    return [
        Row(f"a frame while it scrolls, p50 / p95 of {len(frames)}", f"{p50:.1f} / {p95:.1f} ms", "smoothly"),
        Row("of which the page's own thread works", f"{seen.busy:.1f} ms"),
        Row("from a filter to the count of all that fits", f"{seen.filtered:.0f} ms"),
    ]


async def _painting(ground: Ground) -> list[Row]:
    async with demo.lab_ground(ground) as folder, running_lab(demo.options(folder)) as lab:
        async with demo.agent_of(lab) as agent:
            await demo.until_healthy(agent)
        cold, warm = await asyncio.to_thread(watching.first_paints, lab.urls["agent"])
    return [
        Row(f"first contentful paint, median / worst of {len(cold)}", _middle_and_worst(cold), "< 300 ms"),
        Row("the same with its files at hand", _middle_and_worst(warm), "< 300 ms"),
    ]


def _starting() -> Row:
    """`aether --help`, as a person waits for it."""
    command = [str(Path(sys.executable).parent / "aether"), "--help"]
    times: list[float] = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(_STARTS):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append((time.perf_counter() - begun) * 1000)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000 / _STARTS
    measured = f"{_middle_and_worst(times)}, CPU {cpu:.0f} ms"
    return Row(f"aether --help, median / worst of {_STARTS}", measured, "< 300 ms")


def _middle_and_worst(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} / {max(times):.0f} ms"


def _kilobytes(size: int) -> str:
    return f"{size / 1000:.0f} kB"
