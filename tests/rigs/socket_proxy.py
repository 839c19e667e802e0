"""The command `aether socket-proxy` as a process before the real daemon, and containers that it may and may not change.

What really happened is told by the daemon alone: its events, and what it shows of a container.
"""

import json
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rigs.agent_process import wait_until
from rigs.containers import docker
from rigs.warm_aether import WarmAether

WAITING = "import signal as s; s.pthread_sigmask(s.SIG_BLOCK, [s.SIGTERM]); s.sigwait([s.SIGTERM])"
DEAF = "import signal as s; s.signal(s.SIGTERM, s.SIG_IGN); s.pause()"


@dataclass(frozen=True)
class Releases:
    """Image ids: two releases of one program, and one that holds no program at all."""

    first: str
    second: str
    broken: str


def shown(name: str) -> dict[str, Any]:
    """The container as the daemon shows it."""
    [found] = json.loads(docker("inspect", "--type", "container", name))
    return found


def exists(name: str) -> bool:
    return bool(docker("ps", "--all", "--quiet", "--filter", f"name=^{name}$"))


@dataclass
class Made:
    """Makes containers of its own name; removes every one that bears it in the end, whoever made that."""

    image: str
    name: str = field(default_factory=lambda: f"aether-test-{secrets.token_hex(6)}")

    def run(self, *options: str, **more: Any) -> str:
        """The full id of a running container; it takes what `create` takes."""
        made = self.create(*options, **more)
        docker("start", made)
        return made

    def create(
        self,
        *options: str,
        image: str | None = None,
        name: str = "",
        program: str = WAITING,
        network: str = "none",
        is_labelled: bool = True,
    ) -> str:
        """The full id of a container; it is managed unless it is said, or an option says, otherwise."""
        says = any("aether.managed" in option for option in options)
        labels = [] if says or not is_labelled else ["--label=aether.managed=true"]
        common = [f"--network={network}", f"--name={name or self.name}", *labels, *options]
        return docker("create", *common, image or self.image, "python3", "-c", program)

    def replicas(self, service: str, count: int) -> list[str]:
        """So many containers as compose would have made them."""
        return [
            self.run(*self.labels_of_compose(service, each), name=f"{self.name}-{each}") for each in range(1, count + 1)
        ]

    def labels_of_compose(self, service: str, number: int) -> list[str]:
        """Options that give a container what compose labels it with."""
        labels = {"project": self.name, "service": service, "container-number": number, "oneoff": "False"}
        return [f"--label=com.docker.compose.{key}={value}" for key, value in labels.items()]

    def remove_all(self) -> None:
        there = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"name={self.name}").split()
        mounts = [mount for one in there for mount in shown(one)["Mounts"] if mount["Type"] == "volume"]
        for one in there:
            docker("rm", "--force", "--volumes", one)
        left = docker("volume", "ls", "--quiet").split()
        for volume in {mount["Name"] for mount in mounts} & {*left}:  # a successor names its volumes, and keeps them
            docker("volume", "rm", volume)


@dataclass
class Proxy:
    """The process, its socket, and what it has logged."""

    folder: Path
    process: WarmAether

    @property
    def socket(self) -> Path:
        return self.folder / "proxy.sock"

    @property
    def listens(self) -> bool:
        assert self.process.poll() is None, self.log
        with socket.socket(socket.AF_UNIX) as knocking:
            return knocking.connect_ex(str(self.socket)) == 0

    @property
    def log(self) -> str:
        return (self.folder / "proxy.log").read_text()

    @property
    def remembered(self) -> dict[str, Any]:
        path = self.folder / "socket-proxy.json"
        return json.loads(path.read_text()) if path.exists() else {"images": {}, "swap": None}

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def docker_socket() -> Path:
    """Where the daemon of the tests listens."""
    return Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))


@contextmanager
def running_proxy(folder: Path, **options: object) -> Iterator[Proxy]:
    """Until the end of the block; by SIGTERM, which it has to obey."""
    given = {"listen": f"unix://{folder}/proxy.sock", "daemon": str(docker_socket()), "look_every": "1s"}
    settings = {"data_dir": str(folder), "socket_proxy": {**given, **options}}
    (folder / "aether.yaml").write_text(json.dumps(settings))
    command = ["socket-proxy", "--config", str(folder / "aether.yaml")]
    process = WarmAether(command, os.environ, folder, out=Path("/dev/null"), err=folder / "proxy.log")
    proxy = Proxy(folder, process)
    try:
        wait_until(lambda: proxy.listens, "the proxy listens")
        yield proxy
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0, proxy.log
