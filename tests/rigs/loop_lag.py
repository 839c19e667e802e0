"""How late a loop is: what holds it up holds up everything that runs on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_STEP = 0.005  # seconds between two looks


@dataclass
class LoopLag:
    """By how many seconds each look came late, while it was watched."""

    late: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        ranked = sorted(self.late)
        p99 = ranked[int(len(ranked) * 0.99)]
        return f"lag of the loop p99 {p99 * 1000:.0f} ms, at most {ranked[-1] * 1000:.0f} ms, {len(ranked)} looks"

    async def watch(self) -> None:
        """Look until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _STEP
            await asyncio.sleep(_STEP)
            self.late.append(max(0.0, loop.time() - due))


@contextlib.asynccontextmanager
async def watched_loop() -> AsyncIterator[LoopLag]:
    """The lag of this loop for as long as the block runs."""
    lag = LoopLag()
    watch = asyncio.create_task(lag.watch())
    try:
        yield lag
    finally:
        watch.cancel()
