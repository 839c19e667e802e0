"""`aether lab ...` as a person types it, on one lab with its agent; nothing of the tests' own environment has a say."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from aetherlink.lab import remote
from aetherlink.lab.layout import Layout
from aetherlink.lab.record import LabRecord, read

PROJECT = Path(__file__).parents[3]
AETHER = Path(sys.executable).with_name("aether")
SECRET = "must-not-be-shown"


@dataclass
class Terminal:
    """The folder of a lab, and the environment in which its commands are typed."""

    dir: Path
    said: Path
    environment: dict[str, str]

    def aether(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [AETHER, *words, "--dir", str(self.dir)],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def record(self) -> LabRecord:
        found = read(Layout(self.dir))
        assert found is not None
        return found

    def row(self, service: str) -> list[str]:
        """What `aether lab status` says of the service."""
        [line] = [line for line in self.aether("lab", "status").stdout.splitlines() if line.startswith(service)]
        return line.split()


def eventually(holds: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {holds}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    root = tmp_path_factory.mktemp("typed")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AETHER_")}
    found = Terminal(root / "lab", root / "said.log", {**clean, "AETHER_MODE": "observe", "AETHER_TOKEN": SECRET})
    with found.said.open("wb") as output:
        command = [AETHER, "lab", "up", "--free-ports", "--dir", str(found.dir)]
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=PROJECT, env=found.environment)
    try:
        eventually(lambda: "ready after" in found.said.read_text() or process.poll() is not None, 60)
        assert process.poll() is None, found.said.read_text()
        yield found
    finally:
        process.terminate()
        process.wait(30)
        asyncio.run(remote.purge(found.dir))


def test_the_mode_of_the_environment_is_the_agents_and_is_told(terminal: Terminal) -> None:
    said, log = terminal.said.read_text(), (terminal.dir / "logs" / "agent.log").read_text()

    assert "in mode observe" in log
    assert "agent: AETHER_MODE=observe from your environment\n" in said
    assert "agent: not passed on from your environment: AETHER_TOKEN\n" in said
    assert SECRET not in said


def test_targets_have_names_that_stay_when_ports_move(terminal: Terminal) -> None:
    def known() -> set[tuple[str, str]]:
        url = f"{terminal.record().urls['prometheus']}/api/v1/query"
        found = httpx.get(url, params={"query": "up"}).json()["data"]["result"]
        return {(sample["metric"]["job"], sample["metric"]["instance"]) for sample in found}

    named = {("peakpro_crm", "crm-1"), ("aether_agent", "agent")}
    named |= {("prometheus", "prometheus"), ("alertmanager", "alertmanager")}

    eventually(lambda: known() == named)


def test_the_status_fits_a_terminal_and_says_where_the_logs_are(terminal: Terminal) -> None:
    done = terminal.aether("lab", "status")

    assert done.returncode == 0, done.stdout
    assert f"logs: {terminal.dir / 'logs'}" in done.stdout.splitlines()
    assert max(len(line) for line in done.stdout.splitlines() if not line.startswith("logs:")) < 100


def test_a_service_that_ends_by_itself_is_told_and_shown_and_can_be_restarted(terminal: Terminal) -> None:
    [pid] = [child.pid for child in terminal.record().children if child.service == "agent"]
    os.kill(pid, signal.SIGKILL)
    log = terminal.dir / "logs" / "agent.log"
    line = f"agent ended (signal 9); see {log}; `aether lab restart agent` starts it again\n"
    eventually(lambda: line in terminal.said.read_text())

    broken = terminal.aether("lab", "status")
    shown = terminal.row("agent")
    restarted = terminal.aether("lab", "restart", "agent")

    assert broken.returncode == 1
    assert shown[1:3] == ["exited", "0/1"]
    assert (restarted.returncode, restarted.stdout) == (0, "agent was restarted and is ready\n")
    assert terminal.row("agent")[1:3] == ["ready", "1/1"]
    assert terminal.aether("lab", "status").returncode == 0


def test_what_was_asked_for_is_no_surprise(terminal: Terminal) -> None:
    before = len(terminal.said.read_text())

    asyncio.run(remote.kill(terminal.dir, "crm"))
    eventually(lambda: terminal.row("crm")[1] == "exited")
    terminal.aether("lab", "restart", "crm")
    terminal.aether("lab", "restart", "crm")

    assert terminal.said.read_text()[before:] == "crm was killed, as asked\n"


def test_the_bad_release_says_what_to_expect_and_how_to_go_back(terminal: Terminal) -> None:
    bad = terminal.aether("lab", "deploy", "1.1.0").stdout.splitlines()
    good = terminal.aether("lab", "deploy", "1.0.0").stdout.splitlines()

    assert bad[0] == "crm runs 1.1.0; before it ran 1.0.0"
    assert "`aether lab deploy 1.0.0`" in bad[1]
    assert good == ["crm runs 1.0.0; before it ran 1.1.0"]


def test_a_service_that_no_lab_has_is_refused_with_those_that_there_are(terminal: Terminal) -> None:
    done = terminal.aether("lab", "restart", "nobody")

    assert done.returncode != 0
    assert "it has postgres, prometheus" in done.stderr
