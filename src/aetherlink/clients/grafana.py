"""Asks Grafana whether it is well. Reads only."""

import msgspec

from aetherlink.clients.exchange import UNREADABLE_JSON, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError


class GrafanaHealth(msgspec.Struct, frozen=True):
    """What it says of itself. `database` is ok where it is."""

    database: str
    version: str = ""


_HEALTH = msgspec.json.Decoder(GrafanaHealth)


class GrafanaClient:
    """One Grafana by its URL."""

    def __init__(self, url: str, options: ClientOptions) -> None:
        self._exchange = Exchange("Grafana", url, options=options)

    async def health(self) -> GrafanaHealth:
        """How it is, which it says to anybody. Raises UnreachableError, or AnswerError where it is no Grafana."""
        answer = await self._exchange.ask("GET", "/api/health")
        try:
            return _HEALTH.decode(answer.body)
        except UNREADABLE_JSON as problem:
            raise AnswerError(
                f"GET /api/health at {self._exchange.address} answered {answer.status}: {answer.excerpt()!r}. "
                "Is this the address of a Grafana, its path prefix included?"
            ) from problem

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()
