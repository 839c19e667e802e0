"""Asks one Prometheus how it is set up: its version, its rules, the Alertmanagers that it tells. Reads only."""

from typing import TypeVar

import msgspec

from aetherlink.clients.connection import Connection
from aetherlink.clients.exchange import UNREADABLE_JSON, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, UnreachableError

T = TypeVar("T")


class Rule(msgspec.Struct, frozen=True):
    """One rule as it is loaded. `type` is alerting or recording; `health` is ok, err, or unknown before it ran."""

    name: str
    type: str = ""
    labels: dict[str, str] = {}
    health: str = ""
    lastError: str = ""  # noqa: N815 - its name on the wire

    @property
    def is_alerting(self) -> bool:
        """Whether it makes alerts."""
        return self.type == "alerting"


class _Group(msgspec.Struct):
    rules: list[Rule] = []


class _Groups(msgspec.Struct):
    groups: list[_Group] = []


class _Manager(msgspec.Struct):
    url: str


class _Managers(msgspec.Struct):
    activeAlertmanagers: list[_Manager] = []  # noqa: N815 - its name on the wire


class _Build(msgspec.Struct):
    version: str = ""


class _Envelope(msgspec.Struct):
    status: str
    data: msgspec.Raw
    error: str = ""


_ENVELOPE = msgspec.json.Decoder(_Envelope)


class PrometheusSetup:
    """One Prometheus by its URL. All methods raise UnreachableError, or AnswerError where it has no such page."""

    def __init__(self, url: str, options: ClientOptions, connection: Connection | None = None) -> None:
        self._exchange = Exchange("Prometheus", url, options=options, connection=connection)

    @property
    def address(self) -> str:
        """The URL without credentials."""
        return self._exchange.address

    async def version(self) -> str:
        """As it says itself; empty where it does not."""
        return (await self._data("/api/v1/status/buildinfo", _Build)).version

    async def rules(self) -> list[Rule]:
        """Every rule that it has loaded."""
        found = await self._data("/api/v1/rules", _Groups)
        return [rule for group in found.groups for rule in group.rules]

    async def alertmanagers(self) -> list[str]:
        """The addresses to which it sends its alerts."""
        found = await self._data("/api/v1/alertmanagers", _Managers)
        return [one.url for one in found.activeAlertmanagers]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    async def _data(self, path: str, kind: type[T]) -> T:
        answer = await self._exchange.ask("GET", path)
        what = f"GET {path} at {self.address} answered {answer.status}"
        if answer.status in (502, 503, 504):
            raise UnreachableError(f"{what}: {answer.excerpt()}")
        if not answer.is_success:
            raise AnswerError(f"{what}: {answer.excerpt()!r}")
        try:
            return msgspec.json.decode(_ENVELOPE.decode(answer.body).data, type=kind)
        except UNREADABLE_JSON as problem:
            raise AnswerError(f"{what}, and it cannot be read: {str(problem)[:300]}") from problem
