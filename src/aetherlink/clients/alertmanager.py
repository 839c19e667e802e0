"""Asks one Alertmanager how it is. Called by the source watch; reads only."""

from aetherlink.clients.connection import Connection
from aetherlink.clients.exchange import Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import UnreachableError


class AlertmanagerClient:
    """One Alertmanager by its URL."""

    def __init__(self, url: str, options: ClientOptions, connection: Connection | None = None) -> None:
        self._exchange = Exchange("Alertmanager", url, options=options, connection=connection)

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

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()
