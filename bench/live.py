"""What 100,000 live series cost: time at the start, and memory."""

import asyncio
import time
from pathlib import Path

from aetherlink.store.database import SqlStore
from aetherlink.testing import fixed_key
from bench import load, stored
from bench.filling import fill
from bench.ground import Ground, fdatasync_row
from bench.processes import running_agent
from bench.table import Row, show

_LIVE = 100_000


async def measure(ground: Ground) -> None:
    """Print the table."""
    load.wrk()
    disk = fdatasync_row(ground.folder)
    async with running_agent(ground.folder) as agent:
        empty = agent.usage
        live = await fill(agent, ground.count(_LIVE))
        filled = agent.usage
    opening = await asyncio.to_thread(_seconds_to_open, ground.folder / stored.DATABASE)
    begun = time.perf_counter()
    async with running_agent(ground.folder) as agent:
        ready = time.perf_counter() - begun
        restarted = agent.usage
    rows = [
        disk,
        Row("the store opened, its index in memory", f"{opening:.2f} s", "< 1 s"),
        Row("the agent ready after its start", f"{ready:.2f} s"),
        Row("resident when empty", f"{empty.resident:.0f} MiB"),
        Row(
            "resident after hearing them, and its peak", f"{filled.resident:.0f} MiB, {filled.peak:.0f} MiB", "< 300 MB"
        ),
        Row("resident after a restart", f"{restarted.resident:.0f} MiB", "< 300 MB"),
    ]
    show(f"live: {live:,} live series", rows)


def _seconds_to_open(database: Path) -> float:
    store = SqlStore(database, key=fixed_key)
    begun = time.perf_counter()
    store.open()
    taken = time.perf_counter() - begun
    store.close()
    return taken
