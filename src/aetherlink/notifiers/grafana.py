"""Tells Grafana: each incident is one region on its graphs, with a point for each thing that was done.

Grafana knows no key by which a repeat would be noticed, so what was made is found again by its tags: whenever something
is to be made, it is looked for first.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherlink.clients import grafana_account
from aetherlink.clients.grafana import Annotation, GrafanaClient, Marking, Place
from aetherlink.clients.grafana_options import GrafanaOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, RejectedError, UndeliveredError, UnreachableError
from aetherlink.lib.retry_after import seconds_until
from aetherlink.model.deliveries import Digest, Failure, Letter
from aetherlink.notifiers import grafana_markings, statuses
from aetherlink.notifiers.grafana_markings import REGION
from aetherlink.notifiers.opened import Opened

_ABSENT = 404
_REGION, _FROM, _AGAIN = "region", "from", "again"


def opened(settings: GrafanaOptions, clients: ClientOptions) -> Opened:
    """The notifier of one Grafana. Raises SettingsError."""
    client = grafana_account.opened(settings, clients)
    return Opened(GrafanaNotifier(client, settings.dashboard_uid or "", settings.panel_id or 0), client.aclose)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is there of an incident: the region, and each point by its mark."""

    region: Annotation | None
    marks: frozenset[str]


class GrafanaNotifier:
    """See ports.Notifier. A reference holds the region's id, where it began, and whether to look for twins `again`."""

    collapses = False  # a digest is no record: in a storm, too, each incident is on the graphs

    def __init__(self, client: GrafanaClient, dashboard_uid: str = "", panel_id: int = 0) -> None:
        self._client = client
        self._dashboard_uid = dashboard_uid
        self._panel_id = panel_id
        self._place: Place | None = None

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:
        """Make or change the region, make the points that are not there."""
        try:
            return await self._told(letter, _Rest(deadline))
        except (UnreachableError, AnswerError) as problem:
            raise _undelivered(problem, letter.at) from problem

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:  # noqa: ARG002 - the port's
        """Nothing: Grafana was told of each incident of it."""
        return digest.reference

    async def check(self, *, deadline: timedelta) -> str:
        """The organisation, and whether the dashboard is there. Raises UndeliveredError."""
        rest = _Rest(deadline)
        try:
            whose = await self._client.organisation(deadline=rest.left)
            place = await self._where(rest)
        except (UnreachableError, AnswerError) as problem:
            raise _undelivered(problem, None) from problem
        on = f", dashboard {place.dashboard_uid}" if place.dashboard_uid else ""
        return f"{whose}{on} at {self._client.address}"

    async def _told(self, letter: Letter, rest: "_Rest") -> Mapping[str, str]:
        place = await self._where(rest)
        given, new = letter.reference, list(grafana_markings.points(letter))
        known = None
        if _REGION not in given or _AGAIN in given or letter.is_unsure or new:
            known = await self._known(letter, place, rest)
        number, began = await self._region(letter, known, place, rest)
        for mark, marking in new:
            if known is None or mark not in known.marks:
                await self._client.create(marking, place, deadline=rest.left)
        is_doubtful = letter.is_unsure and (known is None or known.region is None or bool(new))
        return {_REGION: str(number), _FROM: str(began), **({_AGAIN: "yes"} if is_doubtful else {})}

    async def _region(self, letter: Letter, known: _Known | None, place: Place, rest: "_Rest") -> tuple[int, int]:
        """Change the region, or make it; its id and where it begins."""
        number, marking = _as_known(letter, known)
        if number is not None and await self._client.change(number, marking, deadline=rest.left):
            return number, marking.time
        if known is None:  # somebody took it away, or another database was put in the place of the one that had it
            found = (await self._known(letter, place, rest)).region
            if found is not None and await self._client.change(found.id, marking, deadline=rest.left):
                return found.id, marking.time
        return await self._client.create(marking, place, deadline=rest.left), marking.time

    async def _known(self, letter: Letter, place: Place, rest: "_Rest") -> _Known:
        """What is there; of twins, made by a request that was given up and came late, the older stays."""
        found = await self._client.find(grafana_markings.tags_of_all(letter.incident), place, deadline=rest.left)
        first = dict[str, Annotation]()
        for one in found:
            if (mark := _mark_of(one)) is not None and first.setdefault(mark, one) is not one:
                await self._remove(one.id, rest)
        return _Known(first.pop(REGION, None), frozenset(first))

    async def _remove(self, number: int, rest: "_Rest") -> None:
        try:
            await self._client.remove(number, deadline=rest.left)
        except RejectedError:
            return  # an account may be good for writing and not for taking away

    async def _where(self, rest: "_Rest") -> Place:
        if self._place is None:
            uid = self._dashboard_uid
            number = await self._client.dashboard_id(uid, deadline=rest.left) if uid else 0
            self._place = Place(number, uid, self._panel_id)
        return self._place


class _Rest:
    """What is left of the time for one letter, which takes several requests."""

    def __init__(self, deadline: timedelta) -> None:
        self._clock = asyncio.get_running_loop().time
        self._ends_at = self._clock() + deadline.total_seconds()

    @property
    def left(self) -> timedelta:
        """From now on; never nothing, which would stand for the deadline of all clients."""
        return timedelta(seconds=max(self._ends_at - self._clock(), 0.001))


def _as_known(letter: Letter, known: _Known | None) -> tuple[int | None, Marking]:
    """The region's id, where there is one, and how it is to be."""
    if known is not None and known.region is not None:
        return known.region.id, grafana_markings.region(letter, known.region.time)
    given = letter.reference
    marking = grafana_markings.region(letter, _number(given.get(_FROM)))
    return (_number(given.get(_REGION)) if known is None else None), marking


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _mark_of(one: Annotation) -> str | None:
    tags = one.tags or ()
    return REGION if REGION in tags else next((tag for tag in tags if tag.startswith("entry:")), None)


def _undelivered(problem: UnreachableError | AnswerError, at: datetime | None) -> UndeliveredError:
    """What the problem says of the letter; `at` is now, for a time at which Grafana wants the next request."""
    if isinstance(problem, UnreachableError):
        return statuses.undelivered(problem)
    if not isinstance(problem, RejectedError):  # no Grafana, or one behind a login: no fault of the letter
        return UndeliveredError(str(problem), failure=Failure.SERVER, is_unsure=True)
    if problem.status == _ABSENT:  # no such dashboard for this account, or another service: no fault of the letter
        return UndeliveredError(str(problem), failure=Failure.AUTH)
    wait = None if at is None else seconds_until(problem.retry_after, at)
    return statuses.refusal(problem.status, str(problem), wait=wait)
