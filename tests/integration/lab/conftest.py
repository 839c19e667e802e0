"""Real labs: PostgreSQL, Prometheus, Alertmanager and the CRM as processes, on free ports; nothing is faked.

The agent is left out here: what the lab does must not depend on it. A lab runs in a process of its own, as it does
for users, so that it can be signalled and killed; `shared_lab` is one for all tests that leave it running.
"""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aetherlink.lab import remote
from aetherlink.lab.identity import is_alive
from aetherlink.lab.layout import Layout, holder
from aetherlink.lab.record import LabRecord, read
from aetherlink.lab.remote import LabStatus
from aetherlink.lab.states import State
from aetherlink.lab.tools import find_tools

PROJECT = Path(__file__).parents[3]
_RUN = """
import asyncio, sys
from aetherlink.errors import AetherError
from aetherlink.lab.options import LabOptions
from aetherlink.lab.runner import run_lab
options = LabOptions.model_validate_json(sys.argv[1])
try:
    sys.exit(asyncio.run(run_lab(options, tell=lambda line: print(line, flush=True))))
except AetherError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@dataclass
class RunningLab:
    """A lab in a process of its own."""

    dir: Path
    process: subprocess.Popen[str]
    log: Path
    lines: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def status(self) -> LabStatus:
        return asyncio.run(remote.status(self.dir))

    def record(self) -> LabRecord:
        found = read(Layout(self.dir))
        assert found is not None
        return found

    def wait_until_ready(self, seconds: float = 40) -> "RunningLab":
        """Until every service has been started and is well."""
        eventually(lambda: "ready after" in self.said or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.said
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


def eventually(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Look again and again until it holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {holds}"
        time.sleep(0.05)


def survivors(record: LabRecord) -> list[str]:
    """The services of a lab's record whose processes still live."""
    return [child.service for child in record.children if is_alive(child.identity)]


def remove_database(lab_dir: Path) -> None:
    """What a lab that runs as root keeps outside of its directory."""
    remembered = lab_dir / "postgres.home"
    if remembered.exists():
        shutil.rmtree(remembered.read_text(), ignore_errors=True)


class LabStarter:
    """Starts labs and ends every one of them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._started: list[RunningLab] = []

    def __call__(
        self, directory: Path, *, user: tuple[str, ...] = (), program: str = sys.executable, **options: Any
    ) -> RunningLab:
        given: dict[str, Any] = {
            "dir": str(directory),
            "project_dir": str(PROJECT),
            "agent": False,
            "traffic": False,
            "ports": {"crm": 0, "prometheus": 0, "alertmanager": 0, "agent": 0},
            **options,
        }
        log = self._root / f"said-{len(self._started)}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [*user, program, "-c", _RUN, json.dumps(given)],
                stdout=output,
                stderr=output,
                text=True,
                cwd="/",
            )
        lab = RunningLab(directory, process, log)
        self._started.append(lab)
        return lab

    def end_all(self) -> None:
        for lab in self._started:
            if lab.process.poll() is None:
                lab.process.terminate()
                try:
                    lab.process.wait(20)
                finally:
                    lab.process.kill()
                    lab.process.wait(5)
            # One that was refused has no database: what is there belongs to the lab that goes on.
            if holder(Layout(lab.dir)) is None:
                remove_database(lab.dir)


@pytest.fixture(scope="session", autouse=True)
def _tools() -> None:
    """Fetched once, before the clock of any test runs."""
    find_tools(project_dir=PROJECT)


@pytest.fixture
def start_lab(tmp_path: Path) -> Iterator[LabStarter]:
    starter = LabStarter(tmp_path)
    yield starter
    starter.end_all()


@pytest.fixture(scope="module")
def _lab_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """It works all the time, so it does not outlive the tests that want it."""
    root = tmp_path_factory.mktemp("shared")
    starter = LabStarter(root)
    yield starter(root / "lab").wait_until_ready()
    starter.end_all()


@pytest.fixture
def shared_lab(_lab_of_module: RunningLab) -> RunningLab:
    """A lab that runs, with one well replica of the CRM's good release."""

    async def make_well() -> None:
        await remote.deploy(_lab_of_module.dir, "1.0.0")
        await remote.scale(_lab_of_module.dir, 1)

    asyncio.run(make_well())
    assert {service.state for service in _lab_of_module.status().services} == {State.READY}
    return _lab_of_module
