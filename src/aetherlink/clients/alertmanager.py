"""Asks one Alertmanager how it is. Called by the source watch; reads only."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from aetherlink.clients.exchange import UNREADABLE_JSON, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, UnreachableError


@dataclass(frozen=True, slots=True)
class AlertmanagerStatus:
    """Its version, and how its cluster is: `ready`, `settling`, or `disabled` where gossip is off."""

    version: str
    cluster: str


class _Version(msgspec.Struct):
    version: str


class _Cluster(msgspec.Struct):
    status: str


class _Status(msgspec.Struct):
    versionInfo: _Version  # noqa: N815 - the name on the wire
    cluster: _Cluster


_STATUS = msgspec.json.Decoder(_Status)


class AlertmanagerClient:
    """One Alertmanager by its URL. `bearer` is sent as a token; `headers` with every request."""

    def __init__(
        self,
        url: str,
        options: ClientOptions,
        *,
        headers: Mapping[str, str] | None = None,
        bearer: str | None = None,
    ) -> None:
        credentials = {"authorization": f"Bearer {bearer}"} if bearer else {}
        self._exchange = Exchange("Alertmanager", url, options=options, headers={**(headers or {}), **credentials})

    @property
    def address(self) -> str:
        """The URL without credentials."""
        return self._exchange.address

    async def ready(self) -> None:
        """Returns when it says that it is ready; raises UnreachableError or AnswerError when it is not."""
        answer = await self._exchange.ask("GET", "/-/ready")
        if not answer.is_success:
            raise UnreachableError(
                f"Alertmanager at {self.address} is not ready: {answer.status} {answer.excerpt()}".rstrip()
            )

    async def status(self) -> AlertmanagerStatus:
        """Its version and its cluster's state. Raises UnreachableError or AnswerError."""
        answer = await self._exchange.ask("GET", "/api/v2/status")
        try:
            if answer.is_success:
                status = _STATUS.decode(answer.body)
                return AlertmanagerStatus(status.versionInfo.version, status.cluster.status)
        except UNREADABLE_JSON as error:
            raise AnswerError(
                f"GET /api/v2/status at {self.address}: not an Alertmanager's answer: {error}. "
                f"Is this its address? It began: {answer.excerpt()!r}"
            ) from error
        raise AnswerError(f"GET /api/v2/status at {self.address} answered {answer.status}: {answer.excerpt()}")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()
