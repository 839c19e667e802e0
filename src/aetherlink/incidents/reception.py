"""Where alerts go once they are decoded: gathered while the store writes, filed in one transaction, then told of.

Nobody is answered before the commit that holds his alerts. What is known already needs no commit: repeats are answered
at once, and counted in the ledger with the next commit, or a moment later by one of their own.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain

from aetherlink.errors import AetherError, OverloadedError, StoreError, UnfitError
from aetherlink.incidents.filing import Filed, Filing
from aetherlink.incidents.mapping import LabelMapping, Meaning
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.incidents.options import GroupingOptions, ReceptionOptions
from aetherlink.incidents.repeats import Counts, Repeats
from aetherlink.lib import logs
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.journal import JournalBody
from aetherlink.model.ledger import Ledger, LedgerOutcome, Way
from aetherlink.ports import Clock, HeartbeatEar, Ids, Standings, Store, Transaction, Waker

_MOST_IN_ONE_COMMIT = 20_000  # alerts
_TURNS = 8  # of the loop: whoever was answered a moment ago sends his next one within them, and shares the commit
_MOST_IN_BRIEF = 2_000  # alerts: so many take some 20 ms
_LONGEST_SUMMARY = 500  # characters, in a line of the log
_REPEATS_WAIT = 0.1  # seconds until repeats alone are worth a commit
_STOPPED = "the agent stopped before this was stored: send it again"

_log = logging.getLogger("aetherlink.incidents")


@dataclass(slots=True)
class _Waiting:
    """What one sender waits for."""

    alerts: Sequence[Alert]
    repeats: Sequence[Alert]
    way: Way
    body: JournalBody | None
    answer: asyncio.Future[None]

    def settle(self, problem: BaseException | None = None) -> None:
        if self.answer.done():  # the sender went away; what was committed stays committed
            return
        if problem is None:
            self.answer.set_result(None)
        else:
            self.answer.set_exception(problem)


@dataclass(frozen=True, slots=True)
class _Done:
    """What a commit came to."""

    filed: list[Filed]
    counts: Counts
    is_urgent: bool


class Reception:
    """See ports.AlertSink. `heartbeats` is told of every heartbeat."""

    def __init__(
        self,
        store: Store,
        standings: Standings,
        mapping: LabelMapping,
        *,
        grouping: GroupingOptions,
        options: ReceptionOptions,
        clock: Clock,
        ids: Ids,
        waker: Waker,
        metrics: AlertMetrics,
        heartbeats: HeartbeatEar | None = None,
    ) -> None:
        self._store = store
        self._standings = standings
        self._mapping = mapping
        self._grouping = grouping
        self._options = options
        self._clock = clock
        self._ids = ids
        self._waker = waker
        self._metrics = metrics
        self._heartbeats = heartbeats
        self._queue: deque[_Waiting] = deque()
        self._waiting_alerts = 0
        self._waiting_bytes = 0
        self._repeats = Repeats()
        self._is_in_doubt = False  # a commit failed, and perhaps only its answer was lost
        self._writing: asyncio.Task[None] | None = None
        self._flush: asyncio.TimerHandle | None = None

    async def receive(
        self, alerts: Sequence[Alert], *, way: Way = Way.WEBHOOK, body: JournalBody | None = None
    ) -> None:
        """Returns once every alert is durable; see ports.AlertSink for what it raises."""
        is_old = self._standings.is_old_news
        news: list[Alert] = []
        repeats: list[Alert] = []
        for alert in alerts:
            (repeats if is_old(alert) else news).append(alert)
        if not news:
            if repeats:
                self._note_repeats(repeats, way)
            return
        waiting = _Waiting(news, repeats, way, body, asyncio.get_running_loop().create_future())
        self._admit(waiting)
        self._write_soon()
        await waiting.answer

    async def ledger(self) -> Ledger:
        """The totals, with everything in them that was answered so far."""
        await self.flush()
        return await self._store.read(lambda rows: rows.ledger.totals())

    async def start(self) -> None:
        """Read what was counted before the start."""
        self._know(await self._store.read(lambda rows: rows.ledger.totals()))

    async def flush(self) -> None:
        """Returns once nothing waits any more, and what was stored is told of."""
        if self._repeats or self._is_in_doubt:
            self._write_soon()
        if self._writing is not None:
            await asyncio.shield(self._writing)
        await asyncio.sleep(0)

    def _admit(self, waiting: _Waiting) -> None:
        """Raises OverloadedError above the bounds; one alone is always let in."""
        alerts = self._waiting_alerts + len(waiting.alerts)
        held = self._waiting_bytes + _bytes(waiting)
        if self._queue and (alerts > self._options.queue_alerts or held > self._options.queue_bytes):
            raise OverloadedError(f"{self._waiting_alerts} alerts wait for the store: try again")
        self._waiting_alerts, self._waiting_bytes = alerts, held
        self._queue.append(waiting)

    def _write_soon(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="reception")

    async def _write(self) -> None:
        while self._queue or self._repeats or self._is_in_doubt:
            batch: list[_Waiting] = []
            try:
                goes_on = await self._write_some(batch)
            except BaseException:
                self._is_in_doubt = True
                _refuse([*batch, *self._take_all()], StoreError(_STOPPED))
                raise
            if not goes_on:
                return

    async def _write_some(self, batch: list[_Waiting]) -> bool:
        """Write what waits now, which goes into `batch`. Whether there may be more to write at once."""
        repeats: Counts = Counter()
        try:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            batch += self._take()
            await self._end_doubt()
            repeats = self._repeats.take()
            done = await self._store.write(partial(self._file, batch, repeats), is_brief=_is_brief(batch))
        except UnfitError as problem:
            self._repeats.put_back(repeats)
            await self._write_each_alone(batch, problem)
            return bool(batch)
        except AetherError as problem:
            self._doubt(repeats)
            asyncio.get_running_loop().call_soon(_refuse, batch, problem)
            return bool(self._queue)  # nobody waits: what was repeated is counted with the next commit that succeeds
        except BaseException:
            self._doubt(repeats)
            raise
        self._answer(batch, done)
        return True

    def _doubt(self, repeats: Counts) -> None:
        self._repeats.doubt(repeats)
        self._is_in_doubt = True

    async def _end_doubt(self) -> None:
        """Learn what is stored; as a write, for that waits its turn behind one that nobody waits for any more."""
        if self._is_in_doubt:
            self._know(await self._store.write(lambda transaction: transaction.ledger.totals()))
            self._is_in_doubt = False

    def _know(self, ledger: Ledger) -> None:
        self._repeats.settle(ledger)
        self._metrics.stored(ledger)

    async def _write_each_alone(self, batch: Sequence[_Waiting], problem: UnfitError) -> None:
        """One of them cannot be stored: it must not take the others with it."""
        if len(batch) <= 1:
            _refuse(batch, problem)
            return
        for waiting in batch:
            try:
                done = await self._store.write(partial(self._file, [waiting], Counter()))
            except AetherError as its_problem:
                waiting.settle(its_problem)
                self._is_in_doubt = True
            else:
                self._answer([waiting], done)

    def _take(self) -> list[_Waiting]:
        """What is written next: VIP tenants first when not all of it fits into one commit."""
        if self._waiting_alerts > _MOST_IN_ONE_COMMIT:
            self._queue = deque(sorted(self._queue, key=self._is_patient))
        batch: list[_Waiting] = []
        alerts = 0
        while self._queue and (not batch or alerts + len(self._queue[0].alerts) <= _MOST_IN_ONE_COMMIT):
            waiting = self._queue.popleft()
            batch.append(waiting)
            alerts += len(waiting.alerts)
            self._waiting_bytes -= _bytes(waiting)
        self._waiting_alerts -= alerts
        return batch

    def _take_all(self) -> list[_Waiting]:
        everything = list(self._queue)
        self._queue.clear()
        self._waiting_alerts = self._waiting_bytes = 0
        return everything

    def _is_patient(self, waiting: _Waiting) -> bool:
        return not any(self._mapping.meaning(alert).vip for alert in waiting.alerts)

    def _file(self, batch: Sequence[_Waiting], repeats: Counts, transaction: Transaction) -> _Done:
        filing = Filing(transaction, self._mapping, self._grouping, self._ids, self._clock.now())
        filed = filing.file_all([waiting.alerts for waiting in batch])
        counts = Counter(repeats)
        for waiting, its in zip(batch, filed, strict=True):
            its.outcomes[LedgerOutcome.DUPLICATE] += len(waiting.repeats)
            for outcome, count in its.outcomes.items():
                if count:
                    counts[waiting.way, outcome] += count
        transaction.ledger.add(counts)
        bodies = [waiting.body for waiting in batch if waiting.body is not None]
        if bodies:
            transaction.journal.add(bodies)
        return _Done(filed, counts, is_urgent=filing.is_urgent)

    def _answer(self, batch: Sequence[_Waiting], done: _Done) -> None:
        """Answer first; then tell of it."""
        for waiting in batch:
            waiting.settle()
        self._repeats.committed(done.counts)
        self._metrics.filed(done.counts)
        if done.is_urgent:
            self._waker.wake()
        asyncio.get_running_loop().call_soon(self._tell, batch, done)

    def _tell(self, batch: Sequence[_Waiting], done: _Done) -> None:
        self._count(
            chain.from_iterable(waiting.alerts for waiting in batch),
            chain.from_iterable(its.meanings for its in done.filed),
        )
        for waiting in batch:
            if waiting.repeats:
                self._note(waiting.repeats)
        lines = [_line(alert, meaning) for its in done.filed for alert, meaning in its.news]
        if lines:
            logs.info_lines(_log, lines)

    def _note_repeats(self, repeats: Sequence[Alert], way: Way) -> None:
        self._repeats.add(way, len(repeats))
        self._note(repeats)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_REPEATS_WAIT, self._flush_repeats)

    def _flush_repeats(self) -> None:
        self._flush = None
        if self._repeats:
            self._write_soon()

    def _note(self, alerts: Sequence[Alert]) -> None:
        self._count(alerts, [self._mapping.meaning(alert) for alert in alerts])

    def _count(self, alerts: Iterable[Alert], meanings: Iterable[Meaning]) -> None:
        """Many alerts share one meaning."""
        by_meaning = Counter(meanings)
        counted: Counter[tuple[str, str]] = Counter()
        for meaning, count in by_meaning.items():
            counted[meaning.name, meaning.counted_severity] += count
        self._metrics.received(counted)
        if any(meaning.is_heartbeat for meaning in by_meaning):
            self._hear(alerts)

    def _hear(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            if self._heartbeats is not None and self._mapping.is_heartbeat(alert):
                self._pass_on(alert, self._heartbeats)

    def _pass_on(self, alert: Alert, heartbeats: HeartbeatEar) -> None:
        """An end counts only while it is the latest that is known: a late repeat of one says nothing."""
        known = self._standings.of(alert.source, alert.fingerprint)
        if alert.status is AlertStatus.FIRING:
            heartbeats.heard(alert.source, self._clock.now())
        elif known is not None and known.status is AlertStatus.RESOLVED:
            heartbeats.stopped(alert.source)


def _line(alert: Alert, meaning: Meaning) -> str:
    summary = alert.annotations.get("summary", "")[:_LONGEST_SUMMARY]
    line = f"{meaning.log_head} | summary='{summary}' | startsAt={_rfc3339(alert.starts_at)}"
    return line if alert.status is AlertStatus.FIRING else f"{line} | status={alert.status.value}"


def _refuse(batch: Sequence[_Waiting], problem: AetherError) -> None:
    for waiting in batch:
        waiting.settle(problem)


def _is_brief(batch: Sequence[_Waiting]) -> bool:
    return sum(len(waiting.alerts) for waiting in batch) <= _MOST_IN_BRIEF


def _bytes(waiting: _Waiting) -> int:
    return 0 if waiting.body is None else len(waiting.body.body)


@lru_cache(maxsize=1024)
def _rfc3339(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
