"""Runs wrk with bench/load.lua against a webhook receiver, and reads what it measured."""

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("load.lua")
_CONNECTIONS = 16
_PATIENCE = 60  # seconds that wrk may take beyond its time


class LoadError(Exception):
    """The load could not be made."""


@dataclass(frozen=True, slots=True)
class Load:
    """What to send. Another seed means other alerts.

    `rate` is POSTs a second, 0 as fast as answers come; `posts` is how many at most, 0 without a bound; `tail` are the
    seconds at the end in which nothing is sent any more, so that every POST finds its answer.
    """

    seed: int
    alerts: int = 1
    seconds: float = 5.0
    tail: float = 1.0
    rate: float = 0.0
    posts: int = 0
    services: int = 50
    repeat: bool = False
    connections: int = _CONNECTIONS
    core: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it; times in milliseconds."""

    load: Load
    sent: int
    answered: int
    refused: int
    broken: int
    p50: float
    p99: float
    worst: float

    @property
    def posts_a_second(self) -> float:
        """POSTs answered with 2xx, a second."""
        return (self.answered - self.refused) / self.load.seconds

    @property
    def alerts_a_second(self) -> float:
        """Alerts of such POSTs, a second."""
        return self.posts_a_second * self.load.alerts

    @property
    def acknowledged(self) -> int:
        """Alerts answered with 2xx."""
        return (self.answered - self.refused) * self.load.alerts

    @property
    def is_clean(self) -> bool:
        """Whether every POST that was sent was answered with 2xx."""
        return self.sent == self.answered and not self.refused and not self.broken


def wrk() -> str:
    """The program. Raises LoadError with the line that installs it."""
    found = shutil.which("wrk")
    if found is None:
        raise LoadError("wrk is absent; to have it: apt-get install wrk")
    return found


async def run(url: str, load: Load) -> Measured:
    """Send it all, and wait until it is answered."""
    settings = {
        "SEED": load.seed,
        "ALERTS": load.alerts,
        "SECONDS": load.seconds,
        "RATE": load.rate,
        "POSTS": load.posts,
        "SERVICES": load.services,
        "REPEAT": int(load.repeat),
    }
    command = [wrk(), "-t1", f"-c{load.connections}", f"-d{round(load.seconds + load.tail)}s"]
    if load.core is not None:
        command = ["taskset", "-c", str(load.core), *command]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--timeout=30s",
        "-s",
        str(_SCRIPT),
        url,
        env={**os.environ, **{name: str(value) for name, value in settings.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    return await _measured(process, load)


async def _measured(process: asyncio.subprocess.Process, load: Load) -> Measured:
    try:
        async with asyncio.timeout(load.seconds + load.tail + _PATIENCE):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found = [line for line in said.decode().splitlines() if line.startswith("JSON ")]
    if not found:
        raise LoadError(f"wrk measured nothing: {said.decode()}")
    return Measured(load=load, **json.loads(found[-1].removeprefix("JSON ")))
