"""Asks the address of a dead man's switch, which is a secret: whoever knows it can speak for the agent."""

from datetime import timedelta
from urllib.parse import urlsplit

from aetherlink.clients.exchange import Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AetherError, AnswerError, UnreachableError

_DEADLINE = timedelta(seconds=10)


class DeadmanClient:
    """One address. Raises SettingsError for one that cannot be used. No message shows more of it than the host."""

    def __init__(self, url: str, options: ClientOptions) -> None:
        parts = urlsplit(url)
        self._path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path
        self._exchange = Exchange("the dead man's switch", f"{parts.scheme}://{parts.netloc}", options=options)

    async def ping(self) -> None:
        """Say that the agent is well. Raises UnreachableError or AnswerError."""
        try:
            answer = await self._exchange.ask("GET", self._path, deadline=_DEADLINE)
        except UnreachableError as problem:
            raise UnreachableError(self._shown(problem)) from None
        except AnswerError as problem:
            raise AnswerError(self._shown(problem)) from None
        if not answer.is_success:
            raise AnswerError(f"the dead man's switch at {self._exchange.address} answered {answer.status}")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    def _shown(self, problem: AetherError) -> str:
        words = str(problem)
        for part in (self._path, self._path.partition("?")[0].rstrip("/")):
            words = words.replace(part, "/...") if part else words
        return f"the dead man's switch: {words}"
