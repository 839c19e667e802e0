"""Webhooks that are too large to be read are an incident: what they said is heard of late, or not at all.

It closes by itself once none has come for an hour. A flood of them writes one line a minute.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from aetherlink.incidents.condition import REOPEN_WINDOW, Condition, seen_by_itself
from aetherlink.incidents.identity import Kind
from aetherlink.lib.periodic import Periodic
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident, IncidentStatus
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Ids, Store, Transaction

_QUIET = timedelta(hours=1)  # after so long without one it is over
_BETWEEN = timedelta(minutes=1)  # two lines of one source
_BREATH = timedelta(seconds=1)  # between two looks in a flood

_log = logging.getLogger("aetherlink.incidents")


class _Refused(NamedTuple):
    """The last one that nobody was told of yet, and how many there were."""

    length: int | None
    sender: str
    at: datetime
    number: int


class Oversized:
    """See ports.OversizedSink; `start` and `stop` bound its life."""

    def __init__(
        self,
        store: Store,
        *,
        ids: Ids,
        clock: Clock,
        sources: Sequence[SourceName],
        max_body_bytes: int,
        reopen_window: timedelta = REOPEN_WINDOW,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._sources = sources
        self._limit = max_body_bytes
        self._reopen_window = reopen_window
        self._noted: dict[SourceName, datetime] = {}
        self._waiting: dict[SourceName, _Refused] = {}
        self._loop = Periodic("oversized webhooks", self.look, every=_BETWEEN + _BREATH, log=_log, breath=_BREATH)

    def start(self) -> None:
        """Look from time to time whether it is over."""
        self._loop.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._loop.stop()

    def refused(self, source: SourceName, *, length: int | None, sender: str) -> None:
        """There was one: it is told of at the next look, which is at once."""
        waiting = self._waiting.get(source)
        self._waiting[source] = _Refused(length, sender, self._clock.now(), 1 + (waiting.number if waiting else 0))
        self._loop.wake()

    async def look(self) -> None:
        """Tell of what was refused, and close the incidents of the sources that have sent none for long enough."""
        now = self._clock.now()
        for source, refused in list(self._waiting.items()):
            noted = self._noted.get(source)
            if noted is None or now - noted >= _BETWEEN:
                said = self._entry(refused)
                await self._store.write(partial(self._note, source=source, said=said))
                self._noted[source] = now
                self._told(source, refused)
        text = f"no webhook was too large for {_QUIET.total_seconds() / 60:g} min"
        over = Entry(EventKind.RESOLVED, now, text)
        for source in await self._store.read(lambda transaction: self._quiet(transaction, now)):
            await self._store.write(partial(_condition(source).ends, said=over))

    def _told(self, source: SourceName, refused: "_Refused") -> None:
        """What came while it was written waits for the next line."""
        waiting = self._waiting.pop(source)
        if waiting.number > refused.number:
            self._waiting[source] = waiting._replace(number=waiting.number - refused.number)

    def _quiet(self, transaction: Transaction, now: datetime) -> list[SourceName]:
        found = {source: _latest(transaction, source) for source in self._sources}
        open_ones = {source: one for source, one in found.items() if one and one.status is IncidentStatus.OPEN}
        return [source for source, one in open_ones.items() if one.updated_at + _QUIET <= now]

    def _note(self, transaction: Transaction, source: SourceName, said: Entry) -> None:
        if _condition(source).begins(transaction, self._ids, said, reopen_window=self._reopen_window) is not None:
            return
        incident = _latest(transaction, source)
        if incident is not None and incident.status is IncidentStatus.OPEN:
            transaction.incidents.update(replace(incident, updated_at=said.at), [replace(said, kind=EventKind.NOTE)])

    def _entry(self, refused: _Refused) -> Entry:
        size = f"more than {self._limit} bytes" if refused.length is None else f"{refused.length} bytes"
        more = f"; with it {refused.number} since the line before" if refused.number > 1 else ""
        text = f"a webhook of {size} from {refused.sender} was not read: intake.max_body_bytes is {self._limit}{more}"
        facts = {
            "bytes": refused.length,
            "sender": refused.sender,
            "count": refused.number,
            "max_body_bytes": self._limit,
        }
        return Entry(EventKind.OPENED, refused.at, text, facts)


def _latest(transaction: Transaction, source: SourceName) -> Incident | None:
    return transaction.incidents.latest_by_key(_condition(source).key)


def _condition(source: SourceName) -> Condition:
    return seen_by_itself(Kind.OVERSIZED, source, f"webhooks of source {source} are too large to be read")
