"""A thousand alerts a second for a minute, the agent on one core of its own. Memory is watched, not limited."""

import os

from bench import load
from bench.ground import Ground, fdatasync_row
from bench.load import Load
from bench.processes import running_agent
from bench.table import Row, show

_SECONDS = 60
_ALERTS = 10  # a POST
_POSTS = 100  # a second


async def measure(ground: Ground) -> None:
    """Print the table."""
    load.wrk()
    disk = fdatasync_row(ground.folder)
    first, *_, last = (*sorted(os.sched_getaffinity(0)),) * 2
    plan = Load(seed=1, alerts=_ALERTS, seconds=ground.count(_SECONDS), rate=_POSTS, core=last)
    async with running_agent(ground.folder, core=first) as agent:
        before = agent.usage
        measured = await load.run(agent.webhook, plan)
        after = agent.usage
    share = (after.cpu_seconds - before.cpu_seconds) / plan.seconds
    clean = "" if measured.is_clean else f"; {measured.refused} refused, {measured.broken} broken"
    rows = [
        disk,
        Row("alerts/s answered with 2xx", f"{measured.alerts_a_second:,.0f}{clean}", f"{_ALERTS * _POSTS:,}"),
        Row("p50 / p99 / worst", f"{measured.p50:.1f} / {measured.p99:.1f} / {measured.worst:.1f} ms"),
        Row("the agent's core in use", f"{share:.0%}"),
        Row("resident at its peak", f"{after.peak:.0f} MiB", "<= 256 MB"),
    ]
    show(f"steady: {_ALERTS * _POSTS:,} alerts/s offered for {plan.seconds} s, {_ALERTS} a POST", rows)
