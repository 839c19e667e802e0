"""What a fresh alert costs when a million are stored, against an empty store."""

import shutil
from dataclasses import dataclass, replace
from itertools import count

from bench import load, stored
from bench.filling import fill
from bench.ground import Ground, fdatasync_row, middle
from bench.load import Load
from bench.processes import Server, running_agent
from bench.table import Row, show

_STORED = 1_000_000
_ROUNDS = 5
_SECONDS = 2.0  # short: the empty store should stay nearly empty
_WARM_UP = 0.5
_ALERTS = 100  # a POST


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one alert, in microseconds."""

    cpu: float
    wall: float


async def measure(ground: Ground) -> None:
    """Print the table."""
    load.wrk()
    disk = fdatasync_row(ground.folder)
    seeds = count(1)
    async with running_agent(ground.folder / "full") as full:
        kept = await fill(full, ground.count(_STORED))
        pairs = []
        for _ in range(_ROUNDS):
            empty = await _of_an_empty_store(replace(ground, folder=ground.folder / "empty"), seeds)
            pairs.append((empty, await _cost(full, seeds)))
        memory, size = full.usage.resident, stored.size(ground.folder / "full")
    about = Row("resident, and the files", f"{memory:,.0f} MiB, {size / 2**20:,.0f} MiB")
    rows = [disk, *(_row(name, pairs) for name in ("cpu", "wall")), about]
    show(f"growth: {kept:,} alerts stored against none, {_ALERTS} a POST, medians of {_ROUNDS} rounds", rows)


async def _of_an_empty_store(ground: Ground, seeds: "count[int]") -> _Cost:
    async with running_agent(ground.folder) as agent:
        cost = await _cost(agent, seeds)
    shutil.rmtree(ground.folder)
    return cost


async def _cost(agent: Server, seeds: "count[int]") -> _Cost:
    plan = Load(seed=next(seeds), alerts=_ALERTS, seconds=_SECONDS)
    await load.run(agent.webhook, replace(plan, seed=next(seeds), seconds=_WARM_UP))
    before = agent.usage
    measured = await load.run(agent.webhook, plan)
    used = agent.usage.cpu_seconds - before.cpu_seconds
    return _Cost(cpu=used / measured.acknowledged * 1e6, wall=1e6 / measured.alerts_a_second)


def _row(name: str, pairs: list[tuple[_Cost, _Cost]]) -> Row:
    empty, full = (middle([getattr(pair[side], name) for pair in pairs]) for side in (0, 1))
    ratio = middle([getattr(full, name) / getattr(empty, name) for empty, full in pairs])
    what = "CPU (user and system)" if name == "cpu" else "time"
    return Row(f"{what} of an alert: empty, full, ratio", f"{empty:.1f} us, {full:.1f} us, {ratio:.2f}", "<= 1.3")
