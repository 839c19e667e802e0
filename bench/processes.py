"""The processes that are measured: how they are started, and what they use, read from /proc."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from bench.load import LoadError

PROJECT = Path(__file__).parents[1]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SETTINGS = ("AETHER_", "PROM_", "ALERT", "GRAFANA_", "LOG_LEVEL")
_READY_WITHIN = 120  # seconds
_STOPPED_WITHIN = 60


@dataclass(frozen=True, slots=True)
class Usage:
    """Resident memory in MiB, now and at its peak, and CPU seconds since the process began."""

    resident: float
    peak: float
    cpu_seconds: float


def usage(pid: int) -> Usage:
    """What the process uses now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return Usage(resident=pages * _PAGE / 2**20, peak=int(peak.split()[1]) / 1024, cpu_seconds=ticks / _TICKS)


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens on a loopback port."""

    url: str
    pid: int

    @property
    def webhook(self) -> str:
        """Where alerts are posted."""
        return f"{self.url}/alertmanager"

    @property
    def usage(self) -> Usage:
        """What it uses now."""
        return usage(self.pid)


@asynccontextmanager
async def running_agent(
    folder: Path, *, core: int | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """`aether serve` with its default settings but these, its data in folder/data, its log in folder/log."""
    port, nobody = _free_port(), f"http://127.0.0.1:{_free_port()}"
    variables = {
        "AETHER_LISTEN": f"127.0.0.1:{port}",
        "AETHER_DATA_DIR": str(folder / "data"),
        "PROM_URL": nobody,
        "ALERTMANAGER_URL": nobody,
        **(settings or {}),
    }
    aether = str(Path(sys.executable).parent / "aether")
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    async with _running([*pinned, aether, "serve"], folder, port, "/readyz", variables) as server:
        yield server


@asynccontextmanager
async def running_stub(folder: Path) -> AsyncIterator[Server]:
    """The receiver of bench/stub.py, its log in folder/log."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.stub:app", "--app-dir", str(PROJECT), "--port", str(port)]
    async with _running([*command, "--no-access-log"], folder, port, "/docs", {}) as server:
        yield server


@asynccontextmanager
async def _running(
    command: list[str], folder: Path, port: int, ready: str, settings: dict[str, str]
) -> AsyncIterator[Server]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    with _log_of(folder) as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env={**kept, **settings}, stdout=log, stderr=log
        )
    server = Server(url=f"http://127.0.0.1:{port}", pid=process.pid)
    try:
        await _until_ready(process, f"{server.url}{ready}")
        yield server
    finally:
        await _stop(process)


def _log_of(folder: Path) -> IO[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "log").open("ab")


async def _until_ready(process: asyncio.subprocess.Process, url: str) -> None:
    async with asyncio.timeout(_READY_WITHIN), httpx.AsyncClient() as client:
        while process.returncode is None:
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    raise LoadError(f"{url} never answered: the process ended with {process.returncode}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOPPED_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
