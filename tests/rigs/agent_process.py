"""`aether serve` as a process of its own, on free loopback ports and in a folder of the test's."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from rigs.warm_aether import WarmAether

AETHER = Path(sys.executable).parent / "aether"
_FOREIGN = ("AETHER_", "PROM_", "ALERT", "GRAFANA_", "LOG_LEVEL")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def environment(folder: Path) -> dict[str, str]:
    """Nothing of this machine's settings, and sources that nobody answers for."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    nobody = f"http://127.0.0.1:{free_port()}"
    return {
        **kept,
        "AETHER_LISTEN": f"127.0.0.1:{free_port()}",
        "AETHER_DATA_DIR": str(folder / "data"),
        "PROM_URL": nobody,
        "ALERTMANAGER_URL": nobody,
    }


@contextmanager
def serving(
    settings: dict[str, str], folder: Path, *, under: Sequence[str] = (), log: Path | None = None, cold: bool = False
) -> Iterator[subprocess.Popen[str] | WarmAether]:
    """The agent, from its start to its end; its log is `folder/log`.

    `under` is a command that becomes the one it is given: the process is the agent itself in any case. One that is
    `cold` has loaded everything itself, as a user's does.
    """
    log = log or folder / "log"
    process = cold_agent(settings, folder, under, log) if cold or under else warm_agent(settings, folder, log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def cold_agent(settings: dict[str, str], folder: Path, under: Sequence[str], log: Path) -> subprocess.Popen[str]:
    """The command that a user starts."""
    with log.open("a") as output:
        return subprocess.Popen([*under, AETHER, "serve"], env=settings, cwd=folder, stderr=output, text=True)


def warm_agent(settings: dict[str, str], folder: Path, log: Path) -> WarmAether:
    """The same, without the time that loading takes."""
    return WarmAether(["serve"], settings, folder, out=Path("/dev/null"), err=log)


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 30.0) -> None:
    """Look often until it is so. Fails when it is not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


def is_ready(settings: dict[str, str]) -> bool:
    """Whether the agent says that it can serve."""
    try:
        return httpx.get(f"http://{settings['AETHER_LISTEN']}/readyz").is_success
    except httpx.TransportError:
        return False


def wait_until_ready(settings: dict[str, str]) -> None:
    """Until the agent says that it can serve."""
    wait_until(lambda: is_ready(settings), "the agent is ready")
