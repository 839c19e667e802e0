"""Asks one Alertmanager how it is. Called by the source watch; reads only."""

from collections.abc import Mapping

from aetherlink.clients.exchange import Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import UnreachableError


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

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()
