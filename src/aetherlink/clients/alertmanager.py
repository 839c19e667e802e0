"""Asks one Alertmanager how it is and what it holds, and sets silences in it.

Called by the source watch and by reconciliation, which read only; silences are for the room `silencing`.
"""

import asyncio
import re
from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec

from aetherlink.clients.connection import Connection
from aetherlink.clients.exchange import Answer, Exchange
from aetherlink.clients.listing import (
    AlertmanagerState,
    ListedAlert,
    is_expired,
    read_alerts,
    read_receivers,
    read_silence_id,
    read_state,
)
from aetherlink.clients.options import MEBIBYTE, ClientOptions
from aetherlink.errors import AnswerError, BadRequestError, RejectedError, UnreachableError
from aetherlink.model.ids import Fingerprint
from aetherlink.ports import Clock

_EVERY_ALERT = "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true"
_LARGE = 256 * 1024
_NOT_FOUND = 404
_MOST_MATCHERS = 200
_LONGEST_COMMENT = 500
_SILENCE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


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
        self,
        *,
        receiver: str | None = None,
        max_bytes: int = 64 * MEBIBYTE,
        max_alerts: int = 100_000,
        own_silences: Collection[str] = (),
    ) -> dict[Fingerprint, ListedAlert]:
        """Every alert that it holds for this receiver (for any when None), the suppressed ones too: all, or an error.

        One that nothing but our own silences suppress counts as not suppressed.
        Raises UnreachableError or AnswerError; AnswerError also when it has no such receiver.
        """
        if receiver is not None:
            await self._check_receiver(receiver)
        answer = await self._get(_EVERY_ALERT, max_bytes=max_bytes)
        if len(answer.body) < _LARGE:
            return self._read_alerts(answer, receiver, max_alerts, own_silences)
        return await asyncio.to_thread(self._read_alerts, answer, receiver, max_alerts, own_silences)

    async def state(self, clock: Clock) -> AlertmanagerState:
        """How long it has been up, and whether its cluster is settled. Raises UnreachableError or AnswerError."""
        answer = await self._get("/api/v2/status")
        try:
            return read_state(answer.body, date=answer.date, now=clock.now())
        except AnswerError as problem:
            raise self._unusable(answer, problem) from problem

    async def set_silence(
        self,
        matchers: Mapping[str, str],
        *,
        starts_at: datetime,
        ends_at: datetime,
        comment: str,
        created_by: str,
    ) -> str:
        """Silence what has exactly these labels; the id of the silence. It ends by itself at `ends_at`.

        Raises BadRequestError for matchers that would match anything, UnreachableError, RejectedError or AnswerError.
        """
        if not any(matchers.values()) or len(matchers) > _MOST_MATCHERS:
            raise BadRequestError(f"a silence needs 1 to {_MOST_MATCHERS} labels, one of them with a value")
        exact = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in sorted(matchers.items())
        ]
        body = {
            "matchers": exact,
            "startsAt": starts_at,
            "endsAt": ends_at,
            "comment": comment[:_LONGEST_COMMENT],
            "createdBy": created_by,
        }
        answer = await self._asked("POST", "/api/v2/silences", content=msgspec.json.encode(body))
        try:
            silence_id = read_silence_id(answer.body)
        except AnswerError as problem:
            raise self._unusable(answer, problem) from problem
        return self._checked_id(silence_id)

    async def expire_silence(self, silence_id: str) -> None:
        """End the silence; one that is over, or that nobody knows any more, stays so.

        Raises UnreachableError, RejectedError or AnswerError.
        """
        path = f"/api/v2/silence/{self._checked_id(silence_id)}"
        answer = await self._exchange.ask("DELETE", path)
        if answer.is_success or answer.status == _NOT_FOUND or await self._is_over(path):
            return
        self._check("DELETE", path, answer)

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

    async def _is_over(self, path: str) -> bool:
        """Whether the silence has ended: to end it again is an error to Alertmanager."""
        answer = await self._exchange.ask("GET", path)
        return answer.status == _NOT_FOUND or (answer.is_success and is_expired(answer.body))

    def _checked_id(self, silence_id: str) -> str:
        if _SILENCE_ID.fullmatch(silence_id) is None:
            raise AnswerError(f"{silence_id[:80]!r} is no id of a silence of Alertmanager at {self.address}")
        return silence_id

    async def _get(self, path: str, *, max_bytes: int | None = None) -> Answer:
        return await self._asked("GET", path, max_bytes=max_bytes)

    async def _asked(
        self, method: str, path: str, *, content: bytes | None = None, max_bytes: int | None = None
    ) -> Answer:
        answer = await self._exchange.ask(method, path, content=content, max_bytes=max_bytes)
        self._check(method, path, answer)
        return answer

    def _check(self, method: str, path: str, answer: Answer) -> None:
        if answer.is_success:
            return
        message = f"Alertmanager at {self.address} answered {method} {path.partition('?')[0]} with {answer.status}"
        if answer.status in (401, 403):
            raise RejectedError(
                f"{message}: set bearer_token_file, basic_auth or headers of this source",
                status=answer.status,
                kind="credentials",
            )
        if answer.status >= 500:
            raise UnreachableError(f"{message}: {answer.excerpt()}")
        raise AnswerError(f"{message}: {answer.excerpt()!r}. Is this the address of an Alertmanager?")

    def _read_alerts(
        self, answer: Answer, receiver: str | None, most: int, own_silences: Collection[str]
    ) -> dict[Fingerprint, ListedAlert]:
        try:
            return read_alerts(answer.body, receiver=receiver, most=most, own_silences=own_silences)
        except AnswerError as problem:
            raise self._unusable(answer, problem) from problem

    def _unusable(self, answer: Answer, problem: AnswerError) -> AnswerError:
        return AnswerError(
            f"Alertmanager at {self.address}: {problem} (it answered {answer.status}, "
            f"{answer.content_type or 'no content type'})"
        )
