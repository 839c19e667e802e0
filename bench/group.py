"""How long the answer to one group of 10,000 alerts takes, alone and while other load is on."""

import asyncio
from dataclasses import replace

from bench import load
from bench.ground import Ground, fdatasync_row
from bench.load import Load, Measured
from bench.processes import running_agent
from bench.table import Row, show

_ALERTS = 10_000
_GROUPS = 5  # one a second


async def measure(ground: Ground) -> None:
    """Print the table."""
    load.wrk()
    disk = fdatasync_row(ground.folder)
    group = Load(seed=1, alerts=ground.count(_ALERTS), seconds=_GROUPS, rate=1, connections=1, tail=2)
    async with running_agent(ground.folder) as agent:
        alone = await load.run(agent.webhook, group)
        meanwhile = Load(seed=2, alerts=100, seconds=_GROUPS)
        loaded, other = await asyncio.gather(
            load.run(agent.webhook, replace(group, seed=3)),
            load.run(agent.webhook, meanwhile),
        )
    rows = [
        disk,
        Row("alone, p50 / worst", _times(alone), "< 1,000 ms"),
        Row("under load, p50 / worst", _times(loaded), "< 1,000 ms"),
        Row("the load meanwhile", f"{other.alerts_a_second:,.0f} alerts/s, p99 {other.p99:.0f} ms"),
    ]
    show(f"group: {_GROUPS} webhooks of {group.alerts:,} alerts each", rows)


def _times(measured: Measured) -> str:
    clean = "" if measured.is_clean else f"; {measured.refused} refused, {measured.broken} broken"
    return f"{measured.p50:,.0f} / {measured.worst:,.0f} ms{clean}"
