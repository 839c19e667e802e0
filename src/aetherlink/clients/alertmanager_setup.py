"""Asks one Alertmanager how it is set up, and hands it an alert. Called by the doctor only.

What it hands over goes to people: the caller has to have been told to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from aetherlink.clients.connection import Connection
from aetherlink.clients.exchange import UNREADABLE_JSON, Answer, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, RejectedError, UnreachableError


class _Peer(msgspec.Struct):
    name: str = ""


class _Cluster(msgspec.Struct):
    status: str
    peers: list[_Peer] | None = None


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Config(msgspec.Struct):
    original: str


class _Status(msgspec.Struct):
    cluster: _Cluster
    config: _Config
    versionInfo: _Version = _Version()  # noqa: N815 - its name on the wire


_STATUS = msgspec.json.Decoder(_Status)


@dataclass(frozen=True, slots=True)
class AlertmanagerState:
    """What it says of itself. `config` is its whole file, as YAML with secrets left out by itself.

    `cluster` is ready, settling or disabled; `peers` counts it as well. `now` is its own clock, in whole seconds cut
    off, None where it does not say.
    """

    version: str
    config: str
    cluster: str
    peers: int
    now: datetime | None


class AlertmanagerSetup:
    """One Alertmanager by its URL. All methods raise UnreachableError, RejectedError or AnswerError."""

    def __init__(self, url: str, options: ClientOptions, connection: Connection | None = None) -> None:
        self._exchange = Exchange("Alertmanager", url, options=options, connection=connection)

    @property
    def address(self) -> str:
        """The URL without credentials."""
        return self._exchange.address

    async def state(self) -> AlertmanagerState:
        """How it is set up now."""
        answer = await self._exchange.ask("GET", "/api/v2/status")
        self._check("GET /api/v2/status", answer)
        try:
            status = _STATUS.decode(answer.body)
            now = parsedate_to_datetime(answer.date) if answer.date else None
        except (*UNREADABLE_JSON, ValueError) as problem:
            raise AnswerError(f"the status of Alertmanager at {self.address} cannot be read: {problem}") from problem
        cluster = status.cluster
        return AlertmanagerState(
            status.versionInfo.version, status.config.original, cluster.status, len(cluster.peers or ()), now
        )

    async def send(
        self, labels: Mapping[str, str], annotations: Mapping[str, str], *, starts_at: datetime, ends_at: datetime
    ) -> None:
        """Hand it an alert, as Prometheus would. The same labels with a new end are the same alert."""
        alert = {"labels": labels, "annotations": annotations, "startsAt": starts_at, "endsAt": ends_at}
        answer = await self._exchange.ask("POST", "/api/v2/alerts", content=msgspec.json.encode([alert]))
        self._check("POST /api/v2/alerts", answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    def _check(self, what: str, answer: Answer) -> None:
        if answer.is_success:
            return
        message = f"Alertmanager at {self.address} answered {what} with {answer.status}: {answer.excerpt()}"
        if answer.status in (401, 403):
            raise RejectedError(message, status=answer.status, kind="credentials")
        raise (UnreachableError if answer.status >= 500 else AnswerError)(message)
