"""Containers, volumes and images of the tests: made through Docker's command line, removed by their own ids.

Names carry a random suffix, and nothing that was not made here is ever named in a command that removes.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

_DEADLINE_SECONDS = 60.0
_STOP_SECONDS = 10
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
# Ports are published on loopback by a forwarder, so an answer is an answer and no proxy of this machine takes part.
_WEB = {"timeout": 5.0, "trust_env": False}


def docker(*arguments: str | Path, seconds: float = _DEADLINE_SECONDS) -> str:
    """What the command prints. Raises AssertionError with the end of its words when it fails."""
    done = _docker(*arguments, seconds=seconds)
    assert done.returncode == 0, f"docker {' '.join(map(str, arguments))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


def _docker(*arguments: str | Path, seconds: float = _DEADLINE_SECONDS) -> subprocess.CompletedProcess[str]:
    # The Dockerfiles have to do with the builder that every Docker has.
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False, env=environment
    )


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the tests."""

    id: str

    @property
    def state(self) -> dict[str, Any]:
        """Docker's word on it: Running, ExitCode, Health and the like."""
        state: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", self.id))
        return state

    @property
    def is_healthy(self) -> bool:
        """Whether the image's own check passes. Fails at once when the container has ended."""
        return bool(self._running["Health"]["Status"] == "healthy")

    @property
    def _running(self) -> dict[str, Any]:
        state = self.state
        assert state["Running"], f"it ended with {state['ExitCode']}:\n{self.log}"
        return state

    @property
    def log(self) -> str:
        """What it has printed, on either stream."""
        done = _docker("logs", self.id)
        return done.stdout + done.stderr

    def python(self, program: str) -> str:
        """What a program prints that runs inside, as the container's own user."""
        return docker("exec", self.id, "python3", "-c", program)

    def url(self, port: int) -> str:
        """Where the port is published."""
        return f"http://{docker('port', self.id, f'{port}/tcp').splitlines()[0]}"

    def answers(self, port: int, path: str) -> bool:
        """Whether it answers with a success. Fails at once when the container has ended."""
        assert self._running
        try:
            return httpx.get(self.url(port) + path, **_WEB).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code: 137 when it had to be killed after 10 s."""
        docker("stop", "--time", str(_STOP_SECONDS), self.id)
        return int(self.state["ExitCode"])


@dataclass(frozen=True, slots=True)
class Containers:
    """Makes containers and volumes for one test and removes them after it, the newest first."""

    _stack: ExitStack = field(default_factory=ExitStack)

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["Containers"]:
        """For the length of a test."""
        containers = cls()
        with containers._stack:
            yield containers

    def start(self, image: str, *arguments: str, options: tuple[str, ...] = ()) -> Container:
        """A container of the image, named by chance, that runs in the background."""
        made = docker("create", "--name", f"aether-test-{secrets.token_hex(6)}", *options, image, *arguments)
        self._stack.callback(docker, "rm", "--force", "--volumes", made)
        docker("start", made)
        return Container(made)

    def volume(self) -> str:
        """The name of an empty volume."""
        made = docker("volume", "create", f"aether-test-{secrets.token_hex(6)}")
        self._stack.callback(docker, "volume", "rm", made)
        return made


@contextmanager
def imported(archive: Path) -> Iterator[str]:
    """An image of the archive's files; it goes in the end, and with it every image that was built on it."""
    image = docker("import", archive, f"aether-test-base:{secrets.token_hex(6)}")
    try:
        yield image
    finally:
        docker("image", "rm", "--force", "--no-prune", *reversed(_family(image)))


def build(folder: Path, name: str, *, base: str, target: str = "") -> str:
    """Build the folder's Dockerfile on the base, up to the target where one is named; the image's id.

    The network is the machine's own, so that pip reaches what the machine reaches.
    """
    tag = f"aether-test-{name}:{secrets.token_hex(6)}"
    reach = ["--network=host", *(f"--build-arg={name}" for name in _PROXIES if name in os.environ)]
    reach += [f"--target={target}"] if target else []
    docker("build", *reach, "--force-rm", f"--build-arg=BASE_IMAGE={base}", "--tag", tag, folder, seconds=500)
    return docker("image", "inspect", "--format", "{{.Id}}", tag)


def _family(image: str) -> list[str]:
    """The image and all that descends from it, parents first."""
    newer = docker("images", "--all", "--quiet", "--no-trunc", "--filter", f"since={image}").split()
    # Somebody else's image may go between the two questions: then it is missing in the answer, and that is all.
    told = _docker("image", "inspect", "--format", "{{.Id}} {{.Parent}}", *dict.fromkeys(newer)).stdout if newer else ""
    parents = dict(line.split(maxsplit=1) for line in told.splitlines() if " " in line.strip())
    family = [image]
    for one in family:
        family += [child for child, parent in parents.items() if parent == one]
    return family
