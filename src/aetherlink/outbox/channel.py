"""One channel: looks what is new, and tells it, one message after another, until it was heard or is given up."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from aetherlink.errors import NotFoundError, UndeliveredError
from aetherlink.lib.periodic import Periodic
from aetherlink.model.dashboards import Dashboard
from aetherlink.model.deliveries import FARTHEST, LOWEST_PRIORITY, Delivery, DeliveryState, Digest, Failure, Letter
from aetherlink.model.ids import ChannelName
from aetherlink.outbox import storm
from aetherlink.outbox.collecting import AT_ONCE, Collecting
from aetherlink.outbox.letters import digest_of, letter_of
from aetherlink.outbox.metrics import OutboxMetrics
from aetherlink.outbox.pace import Pace, rest_after
from aetherlink.outbox.plan import VIP_CRITICAL, ChannelPlan, RequestPlan
from aetherlink.outbox.requests import pass_on_unheard
from aetherlink.outbox.routes import Routing
from aetherlink.ports import Clock, Ids, Notifier, Store, Transaction

_log = logging.getLogger("aetherlink.outbox")

_POLL = timedelta(seconds=1)
_RETRY = timedelta(seconds=5)
_AT_A_LOOK = 100
_GRACE = timedelta(seconds=2)  # for a notifier that does not keep to its deadline
_OF_THE_LETTER = frozenset({Failure.REFUSED})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all channels share. `newest` is the number of the last timeline entry, from memory.

    `link` is the address that messages lead to, `dashboard` where graphs are, `jitter` gives numbers from 0 to 1, and
    `wake` lets a channel look now.
    """

    store: Store
    clock: Clock
    ids: Ids
    routing: Routing
    requests: RequestPlan
    metrics: OutboxMetrics
    newest: Callable[[], int]
    jitter: Callable[[], float]
    wake: Callable[[ChannelName], None]
    link: str = ""
    dashboard: Dashboard | None = None


class Channel:
    """`start` and `stop` bound its life."""

    def __init__(self, plan: ChannelPlan, notifier: Notifier, around: Surroundings) -> None:
        self._plan = plan
        self._notifier = notifier
        self._around = around
        self._collecting = Collecting(plan.name, around.routing)
        self._pace = Pace(plan.spacing, around.jitter)
        self._looked_at = -1
        self._problem = ""
        self._failed_at = float("-inf")
        self._last_look = around.clock.monotonic()
        self._loop = Periodic(f"channel {plan.name}", self.look, every=_RETRY, log=_log)

    async def begin(self) -> None:
        """A channel that is new is told of what is stored from now on. Before anything else is stored."""
        newest = self._around.newest()
        await self._around.store.write(partial(self._collecting.begin, newest=newest))

    def start(self) -> None:
        """Start looking."""
        self._last_look = self._around.clock.monotonic()
        self._loop.start()

    async def stop(self) -> None:
        """Stop; what is being told is cut off, and is looked for before it is told again."""
        await self._loop.stop()

    def wake(self) -> None:
        """Look now."""
        self._loop.wake()

    @property
    def is_alive(self) -> bool:
        """Whether it looks."""
        return self._loop.is_alive

    @property
    def seconds_since_look(self) -> float:
        """How long ago it looked last: one attempt and a rest at most, where it is well."""
        return self._around.clock.monotonic() - self._last_look

    @property
    def problem(self) -> str:
        """Why nothing can be told; empty while that works, and where nothing was tried lately for it is quiet."""
        clock = self._around.clock
        is_old = clock.monotonic() - self._failed_at > FARTHEST.total_seconds()
        return "" if is_old and self._plan.is_quiet(clock.now()) else self._problem

    async def look(self) -> timedelta:
        """Tell what is due, one message; how long to wait for the next look."""
        clock = self._around.clock
        self._last_look = clock.monotonic()
        await self._collect()
        await self._pass_on()
        if wait := self._pace.waits(clock.monotonic()):
            return min(_POLL, timedelta(seconds=wait))
        due = await self._due()
        if not due:
            return _POLL
        await self._tell(due[0])
        return min(_POLL, timedelta(seconds=self._pace.waits(clock.monotonic())))

    async def _collect(self) -> None:
        """Only where anything was stored since the last look."""
        around = self._around
        while self._looked_at < (newest := around.newest()):
            found = await around.store.write(partial(self._collecting.run, now=around.clock.now()))
            self._last_look = around.clock.monotonic()  # who was away for weeks has much to file
            if found < AT_ONCE:
                self._looked_at = newest

    async def _pass_on(self) -> None:
        """Let other channels say what could not be said here in time; hardly ever is there anything to write."""
        requests, now = self._around.requests, self._around.clock.now()
        name, late = self._plan.name, now - requests.within
        unheard = await self._around.store.read(lambda rows: rows.deliveries.unheard_requests(name, late, limit=1))
        if not unheard:
            return
        for each in await self._around.store.write(partial(pass_on_unheard, channel=name, plan=requests, now=now)):
            self._around.wake(each)

    async def _due(self) -> list[Delivery]:
        """What is due, the most urgent first; what is new in a storm is in a digest afterwards."""
        store, now = self._around.store, self._around.clock.now()
        lowest = VIP_CRITICAL if self._plan.is_quiet(now) else LOWEST_PRIORITY
        due = await store.read(partial(self._looked_up, now=now, lowest=lowest))
        above = self._plan.digest_above
        while self._notifier.collapses and (many := storm.too_many(due, above)):
            above = 0  # the rest of them belongs to the same storm
            await store.write(partial(storm.gather, found=many, plan=self._plan, ids=self._around.ids, now=now))
            due = await store.read(partial(self._looked_up, now=now, lowest=lowest))
        return due

    def _looked_up(self, transaction: Transaction, now: datetime, lowest: int) -> list[Delivery]:
        limit = _AT_A_LOOK if self._notifier.collapses else 1
        return transaction.deliveries.due(self._plan.name, now, limit=limit, lowest_priority=lowest)

    async def _tell(self, delivery: Delivery) -> None:
        """One attempt: what is about to be done is stored before, and what came of it after."""
        store, clock = self._around.store, self._around.clock
        begun = await store.write(partial(self._begun, subject=delivery.subject))
        if begun is None:
            return
        message, through = begun
        self._pace.spoke(clock.monotonic())
        try:
            reference = await self._said(message)
        except UndeliveredError as problem:
            await self._failed(delivery, problem)
        else:
            self._pace.succeeded()
            self._problem = ""
            self._around.metrics.told(self._plan.name)
            await store.write(partial(self._heard, subject=delivery.subject, through=through, reference=reference))

    async def _said(self, message: Letter | Digest) -> Mapping[str, str]:
        """Raises UndeliveredError."""
        deadline = self._plan.deadline
        try:
            async with asyncio.timeout((deadline + _GRACE).total_seconds()):
                if isinstance(message, Letter):
                    return await self._notifier.tell(message, deadline=deadline)
                return await self._notifier.sum_up(message, deadline=deadline)
        except UndeliveredError:
            raise
        except TimeoutError as late:
            words = f"no answer within {deadline.total_seconds():g} s"
            raise UndeliveredError(words, failure=Failure.DEADLINE, is_unsure=True) from late
        except Exception as problem:  # the named boundary of a channel: a broken one stops no other
            _log.exception("channel %s: the notifier is broken", self._plan.name)
            words = f"the notifier is broken: {type(problem).__name__}"
            raise UndeliveredError(words, failure=Failure.BROKEN, is_unsure=True) from problem

    def _begun(self, transaction: Transaction, subject: str) -> tuple[Letter | Digest, int] | None:
        """What is told now, and through what of it is told; None where that is gone."""
        stored = transaction.deliveries.get(subject, self._plan.name)
        if stored is None:
            return None
        begun = replace(stored, state=DeliveryState.SENDING, is_unsure=stored.is_doubtful, attempts=stored.attempts + 1)
        make = digest_of if stored.is_digest else partial(letter_of, dashboard=self._around.dashboard)
        try:
            message = make(transaction, begun, at=self._around.clock.now(), link=self._around.link)
        except NotFoundError:
            transaction.deliveries.put(replace(stored, state=DeliveryState.TOLD, due_at=None, asks=0))
            return None
        if isinstance(message, Digest) and not message.incidents and stored.is_unheard_of:
            transaction.deliveries.put(replace(stored, state=DeliveryState.TOLD, told=stored.wanted, due_at=None))
            return None  # another one tells of all that it was to tell of
        transaction.deliveries.put(begun)
        return message, begun.wanted

    def _heard(self, transaction: Transaction, subject: str, through: int, reference: Mapping[str, str]) -> None:
        stored = transaction.deliveries.get(subject, self._plan.name)
        if stored is None:
            return
        more = stored.wanted > through
        transaction.deliveries.put(
            replace(
                stored,
                state=DeliveryState.WAITING if more else DeliveryState.TOLD,
                told=through,
                since=self._around.clock.now() if more else stored.since,
                due_at=stored.due_at if more else None,
                asks=stored.asks if stored.asks > through else 0,
                reference=dict(reference),
                attempts=0,
                is_unsure=False,
                failure="",
                problem="",
            )
        )

    async def _failed(self, delivery: Delivery, problem: UndeliveredError) -> None:
        around, name = self._around, self._plan.name
        around.metrics.failed(name, problem.failure)
        if problem.failure not in _OF_THE_LETTER:
            self._pace.failed(around.clock.monotonic(), problem.wait)
            if self._problem != str(problem):
                _log.warning("channel %s: %s", name, problem)
            self._problem, self._failed_at = str(problem), around.clock.monotonic()
        stored = await around.store.write(partial(self._put_off, subject=delivery.subject, problem=problem))
        if stored is not None and stored.state is DeliveryState.DEAD:
            _log.error("channel %s: %s is given up: %s", name, delivery.subject, problem)

    def _put_off(self, transaction: Transaction, subject: str, problem: UndeliveredError) -> Delivery | None:
        """Tried again later, or given up."""
        stored = transaction.deliveries.get(subject, self._plan.name)
        if stored is None:
            return None
        now = self._around.clock.now()
        is_late = now - stored.since > self._plan.keep_trying
        is_over = problem.failure in _OF_THE_LETTER or is_late
        rest = timedelta(seconds=rest_after(stored.attempts, self._around.jitter))
        failed = replace(
            stored,
            state=DeliveryState.DEAD if is_over else DeliveryState.WAITING,
            due_at=None if is_over else now + rest,
            is_unsure=problem.is_unsure or stored.is_unsure,
            failure=Failure.EXPIRED if is_late else problem.failure,
            problem=str(problem),
        )
        transaction.deliveries.put(failed)
        return failed
