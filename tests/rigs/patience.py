"""Waiting for what other tasks of the same loop do."""

import asyncio
import time
from collections.abc import Callable


async def eventually(holds: Callable[[], bool], *, seconds: float = 5.0) -> None:
    """Let the other tasks run until it is so. Fails when it is not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        await asyncio.sleep(0.01)
