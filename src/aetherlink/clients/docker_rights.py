"""Asks Docker, or a proxy before it, what it would let through. Changes nothing, whatever it answers.

Every call that could change something is for a container that cannot be, or carries a body that is no JSON: a daemon
that hears it refuses it before it does anything, and a proxy that lets nothing of the kind through refuses it before
the daemon hears it. Which of both it was tells what is let through.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from aetherlink.clients.exchange import UNREADABLE_JSON, Answer, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError

_BROKEN = b"{"  # no daemon makes anything of this
_QUIET = quote('{"event": ["die"]}')  # of the past: it ends at once
_OPTIONS = ClientOptions(deadline=timedelta(seconds=5), in_flight=4)
_MISSED = ("no such", "no container")  # Docker's words for it, Podman's and the socket proxy's


@dataclass(frozen=True, slots=True)
class Probe:
    """A call that cannot change anything. `{absent}` in the path is a container that is not there."""

    method: str
    path: str
    body: bytes | None = None


NEEDED: Mapping[str, Probe] = MappingProxyType(
    {
        "inspect": Probe("GET", "/containers/{absent}/json"),
        "restart": Probe("POST", "/containers/{absent}/restart"),
        "start": Probe("POST", "/containers/{absent}/start"),
        "stop": Probe("POST", "/containers/{absent}/stop"),
    }
)
"""What the executor cannot do without, by the name of the right."""

USEFUL: Mapping[str, Probe] = MappingProxyType(
    {
        "change limits": Probe("POST", "/containers/{absent}/update", b'{"Memory": 67108864}'),
        "hear how they ended": Probe("GET", f"/events?until=1&filters={_QUIET}"),
    }
)
"""What it also asks for, and goes on without."""

EXCESSIVE: Mapping[str, Probe] = MappingProxyType(
    {
        "create containers": Probe("POST", "/containers/create?name=/", _BROKEN),
        "run commands in containers": Probe("POST", "/containers/{absent}/exec", _BROKEN),
        "remove containers": Probe("DELETE", "/containers/{absent}"),
        "read files out of containers": Probe("GET", "/containers/{absent}/archive?path=/"),
        "make volumes": Probe("POST", "/volumes/create", _BROKEN),
    }
)
"""What nobody should give it: with the first of them alone one is root on that machine."""


class _Version(msgspec.Struct):
    ApiVersion: str
    Version: str = ""


class _Message(msgspec.Struct):
    message: str = ""


@dataclass(frozen=True, slots=True)
class DockerVersion:
    """Of the daemon; `api` is the newest that it speaks."""

    api: str
    engine: str


class DockerRights:
    """What listens at `unix:///path` or `tcp://host:port`. All methods raise UnreachableError or AnswerError."""

    def __init__(self, host: str) -> None:
        self.is_socket = host.startswith("unix://")
        path = Path(host.removeprefix("unix://")) if self.is_socket else None
        url = "http://docker" if self.is_socket else f"http://{host.removeprefix('tcp://')}"
        self._exchange = Exchange("Docker", url, options=_OPTIONS, socket=path)
        self._absent = f"aether-doctor-{secrets.token_hex(12)}"

    @property
    def address(self) -> str:
        """Where it is."""
        return self._exchange.address

    async def version(self) -> DockerVersion:
        """Which daemon it is."""
        answer = await self._exchange.ask("GET", "/version")
        try:
            found = msgspec.json.decode(answer.body, type=_Version)
        except UNREADABLE_JSON as problem:
            raise AnswerError(
                f"GET /version at {self.address} answered {answer.status}: {answer.excerpt()!r}: is this Docker, or a "
                "proxy that lets /version through?"
            ) from problem
        return DockerVersion(found.ApiVersion, found.Version)

    async def may_list(self) -> bool:
        """Whether it lists containers."""
        return (await self._exchange.ask("GET", "/containers/json?limit=1")).is_success

    async def lets_through(self, probe: Probe) -> bool:
        """Whether the call reaches the daemon."""
        path = probe.path.replace("{absent}", self._absent)
        return _was_heard(await self._exchange.ask(probe.method, path, content=probe.body))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()


def _was_heard(answer: Answer) -> bool:
    """A daemon misses the container, or cannot read the body; anything that says no says it otherwise."""
    if answer.status == 404:
        return any(words in _message(answer).lower() for words in _MISSED)
    return answer.is_success or answer.status in (400, 409, 415, 500)


def _message(answer: Answer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=_Message).message
    except UNREADABLE_JSON:
        return ""
