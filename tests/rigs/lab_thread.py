"""A thin lab on a thread of its own, for tests of agents that are processes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rigs.lab_server import LabServer, lab_server


@contextmanager
def lab_thread() -> Iterator[LabServer]:
    """One that listens until the block ends."""
    loop, over, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    found: list[LabServer] = []

    async def run() -> None:
        async with lab_server() as server:
            found.append(server)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
