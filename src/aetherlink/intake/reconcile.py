"""Asks every Alertmanager of one source, at every interval, for all that fires, and reports what no webhook said.

Alertmanager tells a webhook of an alert until it was told once, and of its end at most for as long as it retries: what
fires or ends while nobody listens is never told again. The work is the same whether little or much has changed.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.listing import ListedAlert
from aetherlink.errors import AetherError
from aetherlink.intake.comparison import Comparison, Findings, Kind, Poll, PollStatus, Told
from aetherlink.intake.reconcile_metrics import ReconcileMetrics
from aetherlink.intake.reconcile_options import ReconcileOptions
from aetherlink.lib.periodic import Periodic
from aetherlink.model.alerts import Alert, AlertStatus, Standing
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.ledger import Way
from aetherlink.ports import AlertSink, Clock, HeartbeatEar, Standings, Store, Transaction

T = TypeVar("T")

_AT_ONCE = 2_000
"""So many reports go into one commit: webhooks have to get their turn."""
_BREATH = timedelta(seconds=5)
"""Between two polls, however often one is asked for."""

_log = logging.getLogger("aetherlink.reconcile")


@dataclass(frozen=True, slots=True)
class Watched:
    """A source: its Alertmanagers, and the receiver by which they deliver to the agent (None: any counts)."""

    name: SourceName
    alertmanagers: Sequence[AlertmanagerClient]
    receiver: str | None = None


class Reconciler:
    """One source's; `start` and `stop` bound its life. `own_silences` are the agent's, and no suppression."""

    def __init__(
        self,
        source: Watched,
        options: ReconcileOptions,
        *,
        comparison: Comparison,
        standings: Standings,
        sink: AlertSink,
        store: Store,
        heartbeats: HeartbeatEar,
        clock: Clock,
        metrics: ReconcileMetrics,
        own_silences: Collection[str] = (),
    ) -> None:
        self._source = source
        self._options = options
        self._comparison = comparison
        self._standings = standings
        self._sink = sink
        self._store = store
        self._heartbeats = heartbeats
        self._clock = clock
        self._metrics = metrics
        self._own_silences = own_silences
        every = options.interval
        self._loop = Periodic(f"reconcile {source.name}", self._look, every=every, log=_log, breath=min(every, _BREATH))
        self._problems: dict[str, str] = {}
        self._doubt = ""

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or was switched off by its setting."""
        return not self._options.enabled or self._loop.is_alive

    def start(self) -> None:
        """Ask now, then at every interval, unless it is switched off."""
        if not self._options.enabled:
            _log.info("Reconciliation of source %s is switched off (reconcile.enabled)", self._source.name)
            return
        self._loop.start()

    async def stop(self) -> None:
        """Stop asking."""
        await self._loop.stop()

    def soon(self) -> None:
        """Ask before the interval is over: something is known to be missing."""
        self._loop.wake()

    def listed_at(self, fingerprint: Fingerprint) -> datetime | None:
        """When the Alertmanagers that answered last were asked, if one of them lists the alert."""
        return self._comparison.listed_at(fingerprint)

    async def poll(self) -> PollStatus:
        """Ask every Alertmanager once and report what differs from what is known.

        Raises StoreError or OverloadedError when it could not be stored; the next poll finds it again.
        """
        asked_at = self._clock.now()
        answers = await asyncio.gather(*(self._ask(each) for each in self._source.alertmanagers))
        told = [answer for answer in answers if isinstance(answer, Told)]
        status = _status(len(told), len(answers))
        self._metrics.polled(self._source.name, status, asked_at)
        if told:
            poll = Poll(asked_at, told, is_whole=status is PollStatus.OK)
            findings = await asyncio.to_thread(self._compare, poll)
            self._listen(findings, asked_at)
            await self._report(findings, asked_at)
        return status

    async def _look(self) -> None:
        try:
            await self.poll()
        except AetherError as problem:
            self._say("the store", f"what was found could not be stored: {problem}")
        else:
            self._say("the store", "")

    async def _ask(self, alertmanager: AlertmanagerClient) -> Told | None:
        """Its state is asked last: one that lost its alerts by a restart meanwhile then shows that it is young."""
        options, party = self._options, f"Alertmanager at {alertmanager.address}"
        try:
            alerts = await alertmanager.alerts(
                receiver=self._source.receiver,
                max_bytes=options.max_bytes,
                max_alerts=options.max_alerts,
                own_silences=self._own_silences,
            )
            told = Told(alerts, await alertmanager.state(self._clock))
        except AetherError as problem:
            self._say(party, str(problem))
            return None
        self._say(party, "")
        return told

    def _say(self, party: str, problem: str) -> None:
        """Once for each change, not for each poll."""
        before = self._problems.get(party, "")
        self._problems[party] = problem
        if problem and not before:
            _log.warning("source %s cannot be reconciled: %s", self._source.name, problem)
        elif before and not problem:
            _log.info("source %s is reconciled again: %s is well", self._source.name, party)

    def _compare(self, poll: Poll) -> Findings:
        source, standings = self._source.name, self._standings
        return self._comparison.look(poll, standings.firing(source), lambda key: standings.of(source, key))

    def _listen(self, findings: Findings, asked_at: datetime) -> None:
        source = self._source.name
        if findings.has_heartbeat:
            self._heartbeats.heard(source, asked_at)
        elif findings.has_heartbeat is False:
            self._heartbeats.missed(source)
        if findings.doubt and findings.doubt != self._doubt:
            _log.warning("source %s lists far fewer alerts than stand: none is closed, for %s", source, findings.doubt)
        self._doubt = findings.doubt

    async def _report(self, findings: Findings, asked_at: datetime) -> None:
        for kind, listed in findings.listed.items():
            for part in _parts(listed):
                await self._tell(kind, [_fires(self._source.name, alert, asked_at) for alert in part])
        for ghosts in _parts(findings.ghosts):
            await self._tell(Kind.GHOST, await self._store.read(partial(_ended, ghosts, asked_at)))

    async def _tell(self, kind: Kind, alerts: Sequence[Alert]) -> None:
        await self._sink.receive(alerts, way=Way.RECONCILE)
        self._metrics.found(self._source.name, kind, len(alerts))
        _log.info("source %s: reconciliation found %d alerts: %s", self._source.name, len(alerts), kind.value)


def _status(well: int, asked: int) -> PollStatus:
    if well == asked:
        return PollStatus.OK
    return PollStatus.PARTIAL if well else PollStatus.ERROR


def _parts(found: Sequence[T]) -> Iterator[Sequence[T]]:
    return (found[start : start + _AT_ONCE] for start in range(0, len(found), _AT_ONCE))


def _fires(source: SourceName, alert: ListedAlert, asked_at: datetime) -> Alert:
    return Alert(
        source=source,
        fingerprint=alert.fingerprint,
        status=AlertStatus.FIRING,
        starts_at=alert.starts_at,
        ends_at=None,
        labels=alert.labels,
        annotations=alert.annotations,
        suppressed=alert.suppressed,
        seen_at=asked_at,
    )


def _ended(ghosts: Sequence[Standing], asked_at: datetime, transaction: Transaction) -> list[Alert]:
    """The stored episodes as over. What was known last may be later than our question by the sender's clock."""
    pairs = ((ghost, transaction.alerts.get(ghost.id)) for ghost in ghosts)
    return [
        replace(stored.alert, status=AlertStatus.RESOLVED, ends_at=max(asked_at, ghost.since), seen_at=None)
        for ghost, stored in pairs
        if stored is not None
    ]
