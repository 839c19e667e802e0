"""The lab's control API on its Unix socket: what runs there, and restart, scale, deploy.

Changes workloads: called by the lab's executor, and by the lab's own command line. Decides nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from aetherlink.clients.exchange import UNREADABLE_JSON, Answer, Exchange
from aetherlink.clients.options import MEBIBYTE, ClientOptions
from aetherlink.errors import (
    AnswerError,
    ConflictError,
    NotFoundError,
    NotSentError,
    RejectedError,
    SettingsError,
)

T = TypeVar("T")

_LONGEST_SOCKET_PATH = 107  # Linux keeps 108 bytes for it, one of them the end
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_IN_FLIGHT = 100  # more than the pipeline has workers: services that hang must not keep the others waiting
_OPTIONS = ClientOptions(max_bytes=MEBIBYTE, in_flight=_IN_FLIGHT)
# The lab answers at its own deadline; this much later nobody waits for it any more.
_GRACE = timedelta(seconds=1)


class ServiceState(StrEnum):
    """How a service, or one replica of it, is."""

    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    EXITED = "exited"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class LabReplica:
    """One process of a service."""

    index: int
    state: ServiceState
    pid: int | None = None
    port: int | None = None
    started_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class LabService:
    """One service of the lab. Only some have releases."""

    name: str
    state: ServiceState
    wanted: int
    replicas: tuple[LabReplica, ...]
    url: str | None = None
    log: str | None = None
    release: str | None = None
    previous_release: str | None = None


class _Services(msgspec.Struct):
    items: list[LabService]


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""


_SERVICE = msgspec.json.Decoder(LabService)
_SERVICES = msgspec.json.Decoder(_Services)
_PROBLEM = msgspec.json.Decoder(_Problem)


class LabControl:
    """The control API behind one socket. Raises SettingsError when the path cannot be a socket's."""

    def __init__(self, socket: Path) -> None:
        if len(str(socket).encode()) > _LONGEST_SOCKET_PATH:
            raise SettingsError(f"lab.control_socket is longer than {_LONGEST_SOCKET_PATH} bytes: {socket}")
        self._socket = socket
        self._exchange = Exchange("the lab", "http://lab", options=_OPTIONS, socket=socket)

    async def services(self, *, deadline: timedelta) -> list[LabService]:
        """Everything that the lab runs. Raises UnreachableError or AnswerError."""
        answer = await self._ask("GET", "/v1/services", deadline=deadline)
        return self._decode(_SERVICES, answer).items

    async def service(self, name: str, *, deadline: timedelta) -> LabService:
        """One service. Raises NotFoundError, UnreachableError or AnswerError."""
        try:
            return self._service(name, await self._ask("GET", _path(name), deadline=deadline))
        except ConflictError as error:  # nothing was assumed that could have changed: it makes no sense
            raise AnswerError(str(error)) from error

    async def restart(self, name: str, *, started_after: datetime, deadline: timedelta) -> LabService:
        """Every wanted replica one that started after that instant; answers once the service is ready.

        Raises, as all changes do: NotSentError when nothing arrived there; NotFoundError, ConflictError and
        RejectedError (of kind `deadline` when it is not ready in time) when the lab said so; DeadlineError,
        UnreachableError and AnswerError when nobody can tell what it did.
        """
        wish = {"started_after": started_after.isoformat(timespec="microseconds")}
        return await self._change(name, "restart", wish, deadline=deadline)

    async def scale(self, name: str, *, replicas: int, deadline: timedelta) -> LabService:
        """That many replicas; ConflictError outside the service's bounds."""
        return await self._change(name, "scale", {"replicas": replicas}, deadline=deadline)

    async def deploy(self, name: str, *, release: str, deadline: timedelta) -> LabService:
        """That release; ConflictError when the service has no such release."""
        return await self._change(name, "deploy", {"release": release}, deadline=deadline)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    async def _change(self, name: str, verb: str, wish: Mapping[str, object], *, deadline: timedelta) -> LabService:
        """The lab is told a shorter deadline than ours, so that it can still say how far it came."""
        body = msgspec.json.encode({**wish, "deadline_seconds": _seconds_for_the_lab(deadline)})
        return self._service(name, await self._ask("POST", _path(name, verb), deadline=deadline, content=body))

    def _service(self, name: str, answer: Answer) -> LabService:
        service = self._decode(_SERVICE, answer)
        if service.name != name:
            raise AnswerError(f"the lab was asked of {name} and answered of {service.name[:80]!r}")
        return service

    async def _ask(self, method: str, path: str, *, deadline: timedelta, content: bytes | None = None) -> Answer:
        try:
            answer = await self._exchange.ask(method, path, deadline=deadline, content=content)
        except NotSentError as error:
            raise NotSentError(
                f"{error}. Start the lab with `aether lab up`, or set lab.control_socket to its socket"
            ) from error
        if answer.is_success:
            return answer
        raise self._refusal(f"{method} {path}", answer)

    def _refusal(self, what: str, answer: Answer) -> Exception:
        message = f"the lab answered {what} with {answer.status}: {_problem_words(answer)}"
        match answer.status:
            case 404:
                return NotFoundError(message)
            case 409:
                return ConflictError(message)
            case 504:
                return RejectedError(message, status=504, kind="deadline")
            case status if 400 <= status < 500:
                return RejectedError(message, status=status)
            case _:
                return AnswerError(message)

    def _decode(self, decoder: msgspec.json.Decoder[T], answer: Answer) -> T:
        try:
            return decoder.decode(answer.body)
        except UNREADABLE_JSON as error:
            raise AnswerError(
                f"the lab at {self._exchange.address} answered something else than a service: {error}"
            ) from error


def _seconds_for_the_lab(deadline: timedelta) -> float:
    seconds = deadline.total_seconds()
    return round(max(seconds - _GRACE.total_seconds(), seconds / 2), 3)


def _path(name: str, verb: str = "") -> str:
    if not _NAME.fullmatch(name):
        raise NotFoundError(f"{name[:80]!r} cannot be the name of a service: small letters, digits and dashes only")
    return f"/v1/services/{name}" + (f"/{verb}" if verb else "")


def _problem_words(answer: Answer) -> str:
    try:
        problem = _PROBLEM.decode(answer.body)
    except UNREADABLE_JSON:
        return answer.excerpt()
    return (problem.detail or problem.title or answer.excerpt())[:500]
