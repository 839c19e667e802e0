"""Asks Grafana whether it is well, who we are there and what we may do; finds, makes and changes annotations.

Written for the HTTP API of Grafana 8 to 12. Must not know what an annotation is about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from aetherlink.clients.connection import Connection
from aetherlink.clients.exchange import UNREADABLE_JSON, Answer, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, RejectedError

T = TypeVar("T")

MOST_FOUND = 1000
_LONGEST_WORDS = 200
_NOT_ALLOWED = 403
_GONE = 404


class GrafanaHealth(msgspec.Struct, frozen=True):
    """What it says of itself. `database` is ok where it is."""

    database: str
    version: str = ""


class Annotation(msgspec.Struct, frozen=True, rename="camel"):
    """One that is there. Times are milliseconds since 1970; without a dashboard it is the organisation's."""

    id: int
    time: int = 0
    time_end: int = 0
    tags: tuple[str, ...] | None = None
    dashboard_id: int | None = 0
    dashboard_uid: str | None = msgspec.field(default=None, name="dashboardUID")
    panel_id: int | None = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where annotations belong: a dashboard with its number and uid, one panel of it; nothing: the organisation."""

    dashboard_id: int = 0
    dashboard_uid: str = ""
    panel_id: int = 0

    def holds(self, one: Annotation) -> bool:
        """Whether the annotation belongs exactly there. The number is another one once the dashboard was made anew."""
        is_there = one.dashboard_uid == self.dashboard_uid if one.dashboard_uid else self._has_number(one)
        return is_there and (one.panel_id or 0) == self.panel_id

    def _has_number(self, one: Annotation) -> bool:
        return (one.dashboard_id or 0) == self.dashboard_id


@dataclass(frozen=True, slots=True)
class Marking:
    """An annotation as it is to be. Without `time_end` it is a point."""

    time: int
    text: str
    tags: Sequence[str]
    time_end: int | None = None

    @property
    def body(self) -> dict[str, object]:
        """As it is sent."""
        end = {} if self.time_end is None else {"timeEnd": self.time_end}
        return {"time": self.time, **end, "text": self.text, "tags": list(self.tags)}


class _Made(msgspec.Struct, frozen=True):
    id: int


class _Org(msgspec.Struct, frozen=True):
    id: int
    name: str


class _DashboardOf(msgspec.Struct, frozen=True):
    id: int


class _Found(msgspec.Struct, frozen=True):
    dashboard: _DashboardOf


class _Words(msgspec.Struct, frozen=True):
    message: str = ""


class GrafanaClient:
    """One Grafana by its URL. `secrets` are never repeated, whatever the other side says.

    Every question raises UnreachableError, AnswerError where the answer is not Grafana's, and RejectedError.
    """

    def __init__(
        self, url: str, options: ClientOptions, connection: Connection | None = None, secrets: Sequence[str] = ()
    ) -> None:
        self._exchange = Exchange("Grafana", url, options=options, connection=connection)
        self._secrets = tuple(secret for secret in secrets if secret)

    @property
    def address(self) -> str:
        """Where it is, without anything secret."""
        return self._exchange.address

    async def health(self) -> GrafanaHealth:
        """How it is, which it says to anybody. Raises UnreachableError, or AnswerError where it is no Grafana."""
        answer = await self._exchange.ask("GET", "/api/health")
        try:
            return msgspec.json.decode(answer.body, type=GrafanaHealth)
        except UNREADABLE_JSON as problem:
            raise AnswerError(
                f"GET /api/health at {self._exchange.address} answered {answer.status}: {answer.excerpt()!r}. "
                "Is this the address of a Grafana, its path prefix included?"
            ) from problem

    async def organisation(self, *, deadline: timedelta | None = None) -> str:
        """The organisation that this account works in, in words."""
        try:
            org = await self._ask("GET", "/api/org", _Org, deadline=deadline)
        except RejectedError as problem:
            if problem.status == _NOT_ALLOWED:  # an account of few rights may be good for annotations all the same
                return "an organisation that the account may not see"
            raise
        return f"organisation {org.name[:100]!r} ({org.id})"

    async def rights(self, *, deadline: timedelta | None = None) -> Mapping[str, Sequence[str]] | None:
        """What this account may do, each with its scopes; None where this Grafana does not tell (before 9)."""
        path = "/api/access-control/user/permissions"
        try:
            return await self._ask("GET", path, dict[str, list[str]], deadline=deadline)
        except RejectedError as problem:
            if problem.status == _GONE:
                return None
            raise

    async def dashboard_id(self, uid: str, *, deadline: timedelta | None = None) -> int:
        """The number of the dashboard of this uid, which is what Grafana 8 knows it by."""
        path = f"/api/dashboards/uid/{quote(uid, safe='')}"
        return (await self._ask("GET", path, _Found, deadline=deadline)).dashboard.id

    async def find(self, tags: Sequence[str], place: Place, *, deadline: timedelta | None = None) -> list[Annotation]:
        """The annotations of the place that have all of these tags, the oldest first."""
        query = [("tags", tag) for tag in tags] + [("limit", str(MOST_FOUND))]
        path = f"/api/annotations?{urlencode(query, quote_via=quote, safe='')}"
        found = await self._ask("GET", path, list[Annotation], deadline=deadline)
        return sorted((one for one in found if place.holds(one)), key=lambda one: one.id)

    async def create(self, marking: Marking, place: Place, *, deadline: timedelta | None = None) -> int:
        """Make it; its id."""
        where: dict[str, object] = {}
        if place.dashboard_uid:
            where = {"dashboardUID": place.dashboard_uid, "dashboardId": place.dashboard_id}
        if place.panel_id:
            where["panelId"] = place.panel_id
        made = await self._ask("POST", "/api/annotations", _Made, body={**marking.body, **where}, deadline=deadline)
        return made.id

    async def change(self, number: int, marking: Marking, *, deadline: timedelta | None = None) -> bool:
        """Let it be so; whether it is there at all."""
        return await self._is_there("PATCH", number, marking.body, deadline)

    async def remove(self, number: int, *, deadline: timedelta | None = None) -> bool:
        """Take it away; whether it was there."""
        return await self._is_there("DELETE", number, None, deadline)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    async def _is_there(
        self, method: str, number: int, body: Mapping[str, object] | None, deadline: timedelta | None
    ) -> bool:
        try:
            await self._ask(method, f"/api/annotations/{number}", _Words, body=body, deadline=deadline)
        except RejectedError as problem:
            if problem.status == _GONE:
                return False
            raise
        return True

    async def _ask(
        self,
        method: str,
        path: str,
        form: type[T],
        *,
        body: Mapping[str, object] | None = None,
        deadline: timedelta | None = None,
    ) -> T:
        content = None if body is None else msgspec.json.encode(body)
        answer = await self._exchange.ask(method, path, content=content, deadline=deadline)
        what = f"{method} {path.partition('?')[0]} at {self.address} answered {answer.status}"
        if not answer.is_success:
            raise RejectedError(f"{what}{self._words(answer)}", status=answer.status, retry_after=answer.retry_after)
        try:
            return msgspec.json.decode(answer.body, type=form)
        except UNREADABLE_JSON as problem:
            raise AnswerError(f"{what}, and not as Grafana does. Is this the address of a Grafana?") from problem

    def _words(self, answer: Answer) -> str:
        """Grafana's own, which say what right is missing; nothing where they repeat a secret."""
        try:
            words = msgspec.json.decode(answer.body, type=_Words).message
        except UNREADABLE_JSON:
            return ""
        line = "".join(letter if letter.isprintable() else " " for letter in words[:_LONGEST_WORDS])
        return f": {line}" if line and not any(secret in words for secret in self._secrets) else ""
