"""Containers of a compose project on a real Docker daemon, and the daemon's own record of what happened to them."""

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rigs.agent_process import wait_until
from rigs.containers import Container, Containers, docker

SERVES = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(0)); signal.pause()"
IGNORES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
CRASHES = "import sys; sys.exit(7)"


@dataclass(frozen=True, slots=True)
class Witness:
    """The daemon's own event stream, through a connection that the product has no part in."""

    since: str = field(default_factory=lambda: docker("info", "--format", "{{.SystemTime}}"))

    def actions(self, container: str) -> list[str]:
        """What happened to the container since, in its order; health checks left out."""
        until = docker("info", "--format", "{{.SystemTime}}")
        told = docker(
            *("events", "--since", self.since, "--until", until, "--format", "{{json .}}"),
            *("--filter", f"container={container}", "--filter", "type=container"),
        )
        actions = [json.loads(line)["Action"] for line in told.splitlines()]
        return [action for action in actions if not action.startswith(("exec_", "health_status"))]


@contextmanager
def witnessed(container: str, log: Path) -> Iterator[list[str]]:
    """The same heard as it happens, for a daemon forgets: filled in the end of the block, when the container runs."""
    heard: list[str] = []
    command = ["docker", "events", "--since", docker("info", "--format", "{{.SystemTime}}")]
    filters = ["--filter", f"container={container}", "--filter", "type=container"]
    with log.open("w") as output:
        listening = subprocess.Popen([*command, *filters, "--format", "{{.Action}}"], stdout=output)
    try:
        yield heard
        last = secrets.token_hex(8)
        docker("exec", container, "python3", "-c", f"'{last}'")
        wait_until(lambda: last in log.read_text(), "the witness has heard everything")
    finally:
        listening.terminate()
        listening.wait(10)
    actions = log.read_text().splitlines()
    heard += [action for action in actions if not action.startswith(("exec_", "health_status"))]


@dataclass(frozen=True, slots=True)
class Stack:
    """A compose project of its own name, as Docker's labels have it."""

    image: str
    made: Containers
    project: str = field(default_factory=lambda: f"test{secrets.token_hex(6)}")

    def replica(self, number: int, *options: str, program: str = SERVES) -> Container:
        """A replica of the service `crm`, which runs."""
        labels = {
            "com.docker.compose.project": self.project,
            "com.docker.compose.service": "crm",
            "com.docker.compose.container-number": str(number),
            "com.docker.compose.oneoff": "False",
        }
        return self.alone(*options, program=program, labels=labels)

    def alone(self, *options: str, program: str = SERVES, labels: dict[str, str] | None = None) -> Container:
        """A container of no project."""
        told = [word for key, value in (labels or {}).items() for word in ("--label", f"{key}={value}")]
        return self.made.start(self.image, "python3", "-c", program, options=("--network", "none", *told, *options))


def healthy(container: Container) -> Container:
    """It, once its own check passes: before that a signal may come too early for its program."""
    ends = time.monotonic() + 30
    while not container.is_healthy:
        assert time.monotonic() < ends
        time.sleep(0.05)
    return container


def name_of(container: Container) -> str:
    """The name that Docker has for it."""
    return docker("inspect", "--format", "{{.Name}}", container.id).removeprefix("/")


def started_at(container: Container) -> str:
    """Docker's word on it, to the nanosecond."""
    return str(container.state["StartedAt"])
