"""Alerts in, answered after the fsync, beside a stub that stores nothing: rates, latencies, repeats, nothing lost.

Interleaved rounds, because a machine's pace drifts: stub and agent are compared within a round, and the median of
the rounds counts. Each round has an agent with an empty store.
"""

import shutil
from dataclasses import dataclass, field, replace
from itertools import count

from bench import load, stored
from bench.ground import Ground, fdatasync_row, middle
from bench.load import Load, Measured
from bench.processes import Server, running_agent, running_stub
from bench.table import Row, show

_ROUNDS = 5
_WARM_UP = 1.0  # seconds
_SIZES = (1, 100)  # alerts a POST
_ASKED_RATIO = 1.2
_ASKED_P99 = {1: 30, 100: 60}  # ms


@dataclass(slots=True)
class _Round:
    """What one round measured, by alerts a POST."""

    stub: dict[int, Measured] = field(default_factory=dict)
    agent: dict[int, Measured] = field(default_factory=dict)
    repeated: dict[int, Measured] = field(default_factory=dict)
    acknowledged: int = 0
    stored: int = 0
    distinct: int = 0
    is_clean: bool = True
    ledger: dict[str, int] = field(default_factory=dict)


async def measure(ground: Ground) -> None:
    """Print the table."""
    load.wrk()
    disk = [fdatasync_row(ground.folder)]
    seeds = count(1)
    async with running_stub(ground.folder / "stub") as stub:
        rounds = [await _round(stub, replace(ground, folder=ground.folder / str(n)), seeds) for n in range(_ROUNDS)]
    rows = [*disk, *_rate_rows(rounds), *_latency_rows(rounds), *_repeat_rows(rounds), *_loss_rows(rounds)]
    show(
        f"intake: 16 connections, medians of {_ROUNDS} rounds of {ground.seconds:g} s each, answered after fsync", rows
    )


async def _round(stub: Server, ground: Ground, seeds: "count[int]") -> _Round:
    found = _Round()
    async with running_agent(ground.folder) as agent:
        for size in _SIZES:
            plan = Load(seed=next(seeds), alerts=size, seconds=ground.seconds)
            for server in (stub, agent):
                await _send(found, server, replace(plan, seed=next(seeds), seconds=_WARM_UP), is_agent=server is agent)
            found.stub[size] = await _send(found, stub, plan, is_agent=False)
            found.agent[size] = await _send(found, agent, plan, is_agent=True)
            again = replace(plan, seed=next(seeds), repeat=True)
            found.repeated[size] = await load.run(agent.webhook, again)
            found.acknowledged += size  # the first of the repeated POSTs was fresh
        found.stored, found.distinct = stored.alerts_stored(ground.folder)
        found.ledger = stored.ledger(ground.folder)
    shutil.rmtree(ground.folder)
    return found


async def _send(found: _Round, server: Server, plan: Load, *, is_agent: bool) -> Measured:
    measured = await load.run(server.webhook, plan)
    if is_agent:
        found.acknowledged += measured.acknowledged
        found.is_clean &= measured.is_clean
    return measured


def _rate_rows(rounds: list[_Round]) -> list[Row]:
    rows = []
    for size in _SIZES:
        unit = "POSTs/s with 1 alert" if size == 1 else f"alerts/s with {size} a POST"
        stub = middle([one.stub[size].alerts_a_second for one in rounds])
        agent = middle([one.agent[size].alerts_a_second for one in rounds])
        ratios = [one.agent[size].alerts_a_second / one.stub[size].alerts_a_second for one in rounds]
        rows += [
            Row(f"{unit}: stub", f"{stub:,.0f}"),
            Row(f"{unit}: agent", f"{agent:,.0f}"),
            Row(
                f"{unit}: agent to stub",
                f"{middle(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                f">= {_ASKED_RATIO}",
            ),
        ]
    return rows


def _latency_rows(rounds: list[_Round]) -> list[Row]:
    rows = []
    for size in _SIZES:
        stub, agent = _times([one.stub[size] for one in rounds]), _times([one.agent[size] for one in rounds])
        rows.append(Row(f"{size} a POST: stub, p50 / p99 / worst", stub))
        rows.append(Row(f"{size} a POST: agent, p50 / p99 / worst", agent, f"p99 < {_ASKED_P99[size]} ms"))
    return rows


def _times(rounds: list[Measured]) -> str:
    p50, p99, worst = (middle([getattr(one, which) for one in rounds]) for which in ("p50", "p99", "worst"))
    return f"{p50:.1f} / {p99:.1f} / {worst:.1f} ms"


def _repeat_rows(rounds: list[_Round]) -> list[Row]:
    rows = []
    for size in _SIZES:
        rate = middle([one.repeated[size].alerts_a_second for one in rounds])
        ratio = middle([one.repeated[size].alerts_a_second / one.agent[size].alerts_a_second for one in rounds])
        rows.append(
            Row(f"{size} a POST: repeated alerts/s, and to fresh ones", f"{rate:,.0f}, {ratio:.1f} times", ">= 2 times")
        )
    return rows


def _loss_rows(rounds: list[_Round]) -> list[Row]:
    acknowledged, kept, distinct = (
        sum(getattr(one, name) for one in rounds) for name in ("acknowledged", "stored", "distinct")
    )
    ledger = {outcome: sum(one.ledger.get(outcome, 0) for one in rounds) for outcome in rounds[0].ledger}
    clean = "" if all(one.is_clean for one in rounds) else "; not every POST was answered with 2xx"
    return [
        Row("alerts answered with 2xx, and stored", f"{acknowledged:,} and {kept:,}{clean}", "equal"),
        Row("stored twice", f"{kept - distinct:,}", "0"),
        Row("the ledger", ", ".join(f"{outcome} {total:,}" for outcome, total in ledger.items()) or "empty"),
    ]
