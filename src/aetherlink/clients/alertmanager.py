"""Asks one Alertmanager how it is and what it holds. Called by the source watch and by reconciliation; reads only."""

import asyncio

from aetherlink.clients.connection import Connection
from aetherlink.clients.exchange import Answer, Exchange
from aetherlink.clients.listing import AlertmanagerState, ListedAlert, read_alerts, read_receivers, read_state
from aetherlink.clients.options import MEBIBYTE, ClientOptions
from aetherlink.errors import AnswerError, RejectedError, UnreachableError
from aetherlink.model.ids import Fingerprint
from aetherlink.ports import Clock

_EVERY_ALERT = "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true"
_LARGE = 256 * 1024


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

    async def alerts(
        self, *, receiver: str | None = None, max_bytes: int = 64 * MEBIBYTE, max_alerts: int = 100_000
    ) -> dict[Fingerprint, ListedAlert]:
        """Every alert that it holds for this receiver (for any when None), the suppressed ones too: all, or an error.

        Raises UnreachableError or AnswerError; AnswerError also when it has no such receiver.
        """
        if receiver is not None:
            await self._check_receiver(receiver)
        answer = await self._get(_EVERY_ALERT, max_bytes=max_bytes)
        if len(answer.body) < _LARGE:
            return self._read_alerts(answer, receiver, max_alerts)
        return await asyncio.to_thread(self._read_alerts, answer, receiver, max_alerts)

    async def state(self, clock: Clock) -> AlertmanagerState:
        """How long it has been up, and whether its cluster is settled. Raises UnreachableError or AnswerError."""
        answer = await self._get("/api/v2/status")
        try:
            return read_state(answer.body, date=answer.date, now=clock.now())
        except AnswerError as problem:
            raise self._unusable(answer, problem) from problem

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    async def _check_receiver(self, name: str) -> None:
        answer = await self._get("/api/v2/receivers")
        try:
            names = read_receivers(answer.body)
        except AnswerError as problem:
            raise self._unusable(answer, problem) from problem
        if name not in names:
            raise AnswerError(
                f"Alertmanager at {self.address} has no receiver {name!r}: set `receiver` of this source to the one "
                "that delivers to the agent"
            )

    async def _get(self, path: str, *, max_bytes: int | None = None) -> Answer:
        answer = await self._exchange.ask("GET", path, max_bytes=max_bytes)
        if answer.is_success:
            return answer
        message = f"Alertmanager at {self.address} answered GET {path.partition('?')[0]} with {answer.status}"
        if answer.status in (401, 403):
            raise RejectedError(
                f"{message}: set bearer_token_file, basic_auth or headers of this source",
                status=answer.status,
                kind="credentials",
            )
        if answer.status >= 500:
            raise UnreachableError(f"{message}: {answer.excerpt()}")
        raise AnswerError(f"{message}: {answer.excerpt()!r}. Is this the address of an Alertmanager?")

    def _read_alerts(self, answer: Answer, receiver: str | None, most: int) -> dict[Fingerprint, ListedAlert]:
        try:
            return read_alerts(answer.body, receiver=receiver, most=most)
        except AnswerError as problem:
            raise self._unusable(answer, problem) from problem

    def _unusable(self, answer: Answer, problem: AnswerError) -> AnswerError:
        return AnswerError(
            f"Alertmanager at {self.address}: {problem} (it answered {answer.status}, "
            f"{answer.content_type or 'no content type'})"
        )
