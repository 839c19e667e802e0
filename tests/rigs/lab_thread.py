"""A thin lab on a thread of its own, for tests of agents that are processes; it may answer late, or refuse."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rigs.lab_server import LabServer, lab_server


@dataclass
class LabThread:
    """`delay` is how long a change waits for its reply, once it was carried out; with `refuses` nothing is."""

    delay: float = 0.0
    refuses: bool = False
    server: LabServer | None = None
    ready: threading.Event = field(default_factory=threading.Event)

    @property
    def socket(self) -> Path:
        assert self.server is not None
        return self.server.socket

    @property
    def changes(self) -> list[tuple[str, dict[str, object]]]:
        """Every change that was asked for."""
        assert self.server is not None
        return self.server.changes


@contextmanager
def lab_thread() -> Iterator[LabThread]:
    """One that listens until the block ends."""
    lab, loop, over = LabThread(), asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        async with lab_server() as server:
            lab.server = server
            answer = server._answer

            async def slowly(method: str, path: str, wish: dict[str, object]) -> bytes:
                if method != "GET" and lab.refuses:
                    server.changes.append((path, wish))
                    return b"HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                given = await answer(method, path, wish)
                await asyncio.sleep(0 if method == "GET" else lab.delay)
                return given

            server._answer = slowly  # type: ignore[method-assign]
            lab.ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert lab.ready.wait(10)
    try:
        yield lab
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
