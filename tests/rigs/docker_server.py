"""A thin Docker daemon on a real Unix socket: what the executor asks of one, answered as dockerd 20.10 does.

Its containers are numbers, not processes; tests/images/test_docker_executor.py holds the same suite against a real one.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rigs.accepted import Accepting
from rigs.bad_docker import body_length
from rigs.event_stream import left

_NEVER = "0001-01-01T00:00:00Z"
OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
_MIB = 2**20
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeContainer:
    """One container; `events` are what the daemon remembers of its end."""

    id: str
    name: str
    labels: dict[str, str]
    status: str = "running"
    started_at: datetime | None = _LONG_AGO
    finished_at: datetime | None = None
    exit_code: int = 0
    policy: str = "no"
    most_restarts: int = 0
    restarts: int = 0
    health: str = ""
    error: str = ""
    is_out_of_memory: bool = False
    stop_timeout: int | None = None
    image: str = OLD
    memory: int = 128 * _MIB
    swap: int = 256 * _MIB
    nano_cpus: int = 10**9
    aliases: tuple[str, ...] = ()
    image_name: str = "acme/crm:2"
    hostname: str = "3f2a1b4c5d6e"
    network: str = "net"
    events: list[str] = field(default_factory=list)
    address: str = ""

    def start(self) -> None:
        self.status, self.started_at, self.events = "running", datetime.now(UTC), []

    def end(self, code: int, *events: str) -> None:
        """Come to an end, of which the daemon remembers this."""
        self.status, self.exit_code, self.finished_at = "exited", code, datetime.now(UTC)
        self.events = [*events]

    @property
    def inspected(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "Status": self.status,
            "Running": self.status in ("running", "paused"),
            "StartedAt": _instant(self.started_at),
            "FinishedAt": _instant(self.finished_at),
            "ExitCode": self.exit_code,
            "OOMKilled": self.is_out_of_memory,
            "Error": self.error,
        }
        if self.health:
            state["Health"] = {"Status": self.health, "FailingStreak": 0, "Log": []}
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Image": self.image,
            "RestartCount": self.restarts,
            "State": state,
            "Config": {
                "Image": self.image_name,
                "Hostname": self.hostname,
                "Labels": self.labels,
                "StopTimeout": self.stop_timeout,
            },
            "HostConfig": {
                "RestartPolicy": {"Name": self.policy, "MaximumRetryCount": self.most_restarts},
                "Memory": self.memory,
                "MemorySwap": self.swap,
                "NanoCpus": self.nano_cpus,
            },
            "NetworkSettings": {
                "Networks": {
                    self.network: {"Aliases": [*self.aliases], "DNSNames": None, "IPAddress": "172.20.0.5"},
                }
            },
        }


@dataclass
class DockerServer(Accepting):
    """The daemon: `asked` has every request line, `changes` those that change something, `told` lies over an answer.

    With `images`, the newest last, it is the socket proxy before one, which knows that these have run.
    """

    socket: Path
    containers: list[FakeContainer] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)
    told: dict[str, tuple[int, Any]] = field(default_factory=dict)
    api_version: str = "1.41"
    min_api_version: str = "1.12"
    tells_events: bool = True
    images: list[str] | None = None
    most_replicas: int = 10
    count: int = -1

    def add(self, name: str, labels: dict[str, str], **state: Any) -> FakeContainer:
        made = FakeContainer(self._new_id(), name, labels, **state)
        self.containers.append(made)
        return made

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.socket)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            method, url, _ = head.split(b"\r\n")[0].decode().split(" ")
            said = await reader.readexactly(body_length(head))
            self.asked.append((method, url))
            if url.startswith("/events?") and "until=" not in url and self.tells_events:
                writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")  # and nothing happens
                await left(reader, writer)
                return
            status, answer = self._answer(method, url, json.loads(said or b"{}"))
            body = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
            head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()

    def _answer(self, method: str, url: str, said: Any) -> tuple[int, Any]:
        parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
        if parts.path == "/version":
            return 200, {"ApiVersion": self.api_version, "MinAPIVersion": self.min_api_version}
        if parts.path.startswith("/aether/v1/"):
            path = parts.path.removeprefix("/aether/v1/")
            return self.told[path] if path in self.told else self._made(method, path.split("/"), said)
        version, _, path = parts.path.removeprefix("/v").partition("/")
        if problem := self._unspoken(version):
            return 400, {"message": problem}
        return self.told[path] if path in self.told else self._done(method, path.split("/"), query, said)

    def _made(self, method: str, path: list[str], said: Any) -> tuple[int, Any]:
        """The proxy's own verbs."""
        match method, path:
            case _ if self.images is None:
                return 404, {"message": "page not found"}
            case "GET", ["containers", identity, "releases"] if found := self._find(identity):
                before = next((one for one in reversed(self.images) if one != found.image), None)
                return 200, {"Image": found.image, "Before": before, "MaxReplicas": self.most_replicas}
            case "POST", ["containers", identity, "replace"] if found := self._find(identity):
                return self._replaced(found, said["image"])
            case "POST", ["services", "peakpro", "crm", "replicas"]:
                return self._grown(said)
        return 404, {"message": f"not found: {path}"}

    def _replaced(self, found: FakeContainer, image: str) -> tuple[int, Any]:
        if self.images is None or image not in self.images:
            return 403, {"message": f"aether socket-proxy: the image {image} is not known to have run"}
        self.changes.append(("replace", found.name))
        made = replace(found, id=self._new_id(), image=image, labels={**found.labels, "aether.replaces": found.id})
        if found.status != "running":
            made.status, made.started_at, made.finished_at = "created", None, None
        else:
            made.start()
        self.containers = [made if one is found else one for one in self.containers]
        return 201, {"Id": made.id, "Replaced": found.id, "Image": image}

    def _grown(self, said: Any) -> tuple[int, Any]:
        if said["seen"] != len(self.containers) or any(one.status != "running" for one in self.containers):
            return 409, {"message": "aether socket-proxy: there are others, or some that rest"}
        number = len(self.containers) + 1
        self.changes.append(("replicas", f"peakpro-crm-{number}"))
        made = self.add(f"peakpro-crm-{number}", compose_labels("crm", number), image=self.containers[0].image)
        made.start()
        return 201, {"Ids": [made.id]}

    def _new_id(self) -> str:
        self.count += 1
        return f"{self.count + 10:064x}"

    def _done(self, method: str, path: list[str], query: dict[str, list[str]], said: Any) -> tuple[int, Any]:
        match method, path:
            case "GET", ["containers", "json"]:
                return 200, self._listed(json.loads(query.get("filters", ["{}"])[0]))
            case "GET", ["events"]:
                return self._events(json.loads(query["filters"][0])) if self.tells_events else (403, None)
            case "GET", ["containers", identity, "json"] if found := self._find(identity):
                return 200, found.inspected
            case "POST", ["containers", identity, "update"] if found := self._find(identity):
                self.changes.append(("update", found.name))
                found.memory = said.get("Memory", found.memory)
                found.swap = said.get("MemorySwap", found.swap)
                found.nano_cpus = said.get("NanoCpus", found.nano_cpus)
                return 200, {"Warnings": []}
            case "POST", ["containers", identity, verb] if found := self._find(identity):
                self.changes.append((verb, found.name))
                return self._change(found, verb), None
        return 404, {"message": f"not found: {path}"}

    def _unspoken(self, version: str) -> str:
        if not version:  # then it is the daemon's own
            return ""
        asked = _numbers(version)
        if asked > _numbers(self.api_version):
            return f"client version {version} is too new. Maximum supported API version is {self.api_version}"
        if asked < _numbers(self.min_api_version):
            return f"client version {version} is too old. Minimum supported API version is {self.min_api_version}"
        return ""

    def _listed(self, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        labels = dict(one.partition("=")[::2] for one in filters.get("label", []))
        return [
            {
                "Id": one.id,
                "Names": [f"/{one.name}"],
                "Labels": one.labels,
                "State": one.status,
                "NetworkSettings": {"Networks": {"peakpro_default": {"IPAddress": one.address}}},
            }
            for one in self.containers
            if labels.items() <= one.labels.items()
        ]

    def _events(self, filters: dict[str, list[str]]) -> tuple[int, bytes]:
        found = self._find(filters["container"][0])
        actions = [one for one in (found.events if found else []) if one in filters["event"]]
        return 200, b"".join(json.dumps({"Type": "container", "Action": one}).encode() + b"\n" for one in actions)

    def _change(self, found: FakeContainer, verb: str) -> int:
        match verb:
            case "restart":
                found.start()
            case "start" if found.status != "running":
                found.start()
            case "stop" if found.status == "running":
                found.end(143, "die", "stop")
            case _:
                return 304
        return 204

    def _find(self, identity: str) -> FakeContainer | None:
        return next((one for one in self.containers if one.id == identity), None)


def compose_labels(service: str, number: int) -> dict[str, str]:
    """Those of a replica in the project peakpro."""
    return {
        "com.docker.compose.project": "peakpro",
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(number),
        "com.docker.compose.oneoff": "False",
    }


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _instant(instant: datetime | None) -> str:
    return _NEVER if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


@contextlib.asynccontextmanager
async def docker_server() -> AsyncIterator[DockerServer]:
    """A daemon with the service `crm` of the project `peakpro`: one replica runs, one was stopped, long ago."""
    with tempfile.TemporaryDirectory(prefix="docker-") as folder:
        made = DockerServer(Path(folder) / "docker.sock")
        made.add("peakpro-crm-1", compose_labels("crm", 1))
        stopped = made.add("peakpro-crm-2", compose_labels("crm", 2))
        stopped.status, stopped.finished_at, stopped.exit_code = "exited", _LONG_AGO + timedelta(hours=1), 143
        await made.start()
        try:
            yield made
        finally:
            await made.stop()
