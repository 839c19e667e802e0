"""The connections that a test's server has accepted: each a task, and none outlives the server."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field


@dataclass
class Accepting(ABC):
    """Whoever inherits it sets `_server` when it starts, hands it `_accept`, and serves one connection in `_serve`."""

    _server: asyncio.Server | None = field(default=None, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def stop(self) -> None:
        """Listen no more, and let nobody go on."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...
