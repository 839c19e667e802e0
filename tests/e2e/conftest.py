"""The whole stack on real processes: PostgreSQL, Prometheus, Alertmanager, the CRM with traffic, the agent."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from aetherlink.lab import database_folder
from aetherlink.lab.drills.watch import Ask
from aetherlink.lab.layout import Layout
from aetherlink.lab.options import LabOptions, LabPorts
from aetherlink.lab.record import LabRecord, read
from aetherlink.lab.waiting import until

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def lab_options(tmp_path: Path) -> Iterator[Callable[..., LabOptions]]:
    """Options of a lab in a temporary folder, on free ports; what it stores goes with the test."""

    def options(**more: object) -> LabOptions:
        ports = LabPorts(crm=0, prometheus=0, alertmanager=0, agent=0)
        return LabOptions.model_validate({"dir": tmp_path / "lab", "project_dir": PROJECT, "ports": ports, **more})

    yield options
    shutil.rmtree(tmp_path / "lab", ignore_errors=True)
    database_folder.sweep()


@pytest.fixture
def ask_at() -> Callable[[str], Ask]:
    """GET from the agent at this address."""

    def at(url: str) -> Ask:
        async def ask(path: str) -> Mapping[str, Any]:
            async with httpx.AsyncClient(base_url=url, timeout=5) as client:
                answer = await client.get(path)
                answer.raise_for_status()
                found: Mapping[str, Any] = answer.json()
                return found

        return ask

    return at


@dataclass(frozen=True)
class LabProcess:
    """`aether lab up` as a process of its own."""

    dir: Path
    process: "subprocess.Popen[bytes]"
    said: Path

    @property
    def urls(self) -> dict[str, str]:
        return self.record().urls

    def record(self) -> LabRecord:
        """What the lab has written down about itself."""
        found = read(Layout(self.dir))
        assert found is not None
        return found

    def has_news(self) -> bool:
        """It is ready, or it has ended."""
        return "ready after" in self.said.read_text() or self.process.poll() is not None

    def kill(self) -> int:
        """SIGKILL to the lab itself and nobody else; its exit code."""
        self.process.kill()
        return self.process.wait(5)


def _begin(command: Sequence[str], said: Path) -> "subprocess.Popen[bytes]":
    """Without the settings of whoever runs the tests: a lab hands them on to its agent."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AETHER_")}
    with said.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, cwd=PROJECT, env=kept)


@pytest.fixture
async def start_lab(
    tmp_path: Path, lab_options: Callable[..., LabOptions]
) -> AsyncIterator[Callable[[], Awaitable[LabProcess]]]:
    """Starts `aether lab up` in always the same directory and waits until it is ready."""
    directory = lab_options().dir
    started: list[LabProcess] = []
    said = tmp_path / "said.log"
    command = [str(Path(sys.executable).with_name("aether")), "lab", "up", "--free-ports", "--dir", str(directory)]

    async def start() -> LabProcess:
        lab = LabProcess(directory, _begin(command, said), said)
        started.append(lab)
        assert await until(lab.has_news, seconds=60)
        assert lab.process.poll() is None, said.read_text()
        return lab

    yield start
    for lab in started:
        lab.process.terminate()
    for lab in started:
        await asyncio.to_thread(lab.process.wait, 30)
