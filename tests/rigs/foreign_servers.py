"""The stack of tests/rigs/foreign_stack, copied into a folder and loaded by a real Prometheus and a real Alertmanager.

Nothing that it scrapes is there: what its rules say of that is for the tests that need it.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from aetherlink.lab.tools import ToolSet
from rigs.exposition import free_port, wait_for

ORIGINAL = Path(__file__).parent / "foreign_stack"


@dataclass(frozen=True, slots=True)
class ForeignStack:
    """Where its files and its two servers are."""

    folder: Path
    prometheus_url: str
    alertmanager_url: str

    @property
    def compose(self) -> Path:
        return self.folder / "docker-compose.yml"

    @property
    def prometheus_file(self) -> Path:
        return self.folder / "prometheus" / "prometheus.yml"

    @property
    def alertmanager_file(self) -> Path:
        return self.folder / "alertmanager" / "config.yml"


def copied(folder: Path) -> Path:
    """The files of the stack in a folder that is the caller's to change."""
    return shutil.copytree(ORIGINAL, folder / "foreign_stack")


@contextlib.contextmanager
def foreign_servers(
    tools: ToolSet, folder: Path, *, change: Callable[[ForeignStack], None] | None = None
) -> Iterator[ForeignStack]:
    """Both servers, as they load the files as they are, or as `change` leaves them."""
    stack = ForeignStack(copied(folder), f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}")
    if change is not None:
        change(stack)
    prometheus = [tools.prometheus, f"--config.file={stack.prometheus_file}", "--web.enable-lifecycle"]
    prometheus += [f"--storage.tsdb.path={folder / 'tsdb'}", _listening(stack.prometheus_url)]
    alertmanager = [tools.alertmanager, f"--config.file={stack.alertmanager_file}", "--cluster.listen-address="]
    alertmanager += [f"--storage.path={folder / 'alertmanager'}", _listening(stack.alertmanager_url)]
    with _running(prometheus, folder / "prometheus.log"), _running(alertmanager, folder / "alertmanager.log"):
        for url in (stack.prometheus_url, stack.alertmanager_url):
            wait_for(lambda url=url: _is_ready(url), f"{url} is ready")
        yield stack


def _listening(url: str) -> str:
    return f"--web.listen-address={url.removeprefix('http://')}"


@contextlib.contextmanager
def _running(arguments: list[str | Path], log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(arguments, stdout=output, stderr=output) as process:
        try:
            yield
        finally:
            process.kill()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
