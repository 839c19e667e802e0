"""`aether lab ...` as a person types it, on one lab with its agent; nothing of the tests' own environment has a say."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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


def test_the_mode_of_the_environment_is_the_agents_and_is_told(terminal: Terminal) -> None:
    said, log = terminal.said.read_text(), (terminal.dir / "logs" / "agent.log").read_text()

    assert "in mode observe" in log
    assert "agent: AETHER_MODE=observe from your environment\n" in said
    assert "agent: not passed on from your environment: AETHER_TOKEN\n" in said
    assert SECRET not in said
