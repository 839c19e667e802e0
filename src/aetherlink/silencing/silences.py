"""Sets a silence for the alert of an action, takes it away afterwards, and leaves none behind.

A silence is set first and written down afterwards: one that nobody wrote down, for a crash in between, ends by itself
in Alertmanager. What was written down and is not needed any more is taken away, at the next look after a crash too.
No action waits for any of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from aetherlink.errors import AetherError, UnreachableError
from aetherlink.lib.periodic import Periodic
from aetherlink.model.actions import Action, ActionState
from aetherlink.model.alerts import Alert
from aetherlink.model.ids import ActionId, SourceName
from aetherlink.model.silences import OwnSilence
from aetherlink.ports import Clock, Store, Transaction
from aetherlink.silencing.metrics import SilenceEvent, SilenceMetrics

MARGIN = timedelta(minutes=1)
"""So much longer than action and verification may take."""

MOST_AT_ONCE = 100
"""So many may be on their way to be set or taken away; beyond that no silence is set."""

CREATED_BY = "aetherlink"
_EVERY = timedelta(minutes=1)
_GIVEN_UP = timedelta(hours=1)  # past its end: Alertmanager has ended it, however its clock goes
_REMEMBERED = timedelta(minutes=2)  # a list of alerts that names it may still be on its way

_log = logging.getLogger("aetherlink.silencing")


class SilenceClient(Protocol):
    """One Alertmanager, as far as silences go. Both raise AetherError."""

    @property
    def address(self) -> str: ...

    async def set_silence(
        self, matchers: Mapping[str, str], *, starts_at: datetime, ends_at: datetime, comment: str, created_by: str
    ) -> str: ...

    async def expire_silence(self, silence_id: str) -> None: ...


class Silences:
    """See ports.Silencer. `load` before anything asks for `ids`; `start` and `stop` bound its life."""

    def __init__(
        self,
        store: Store,
        alertmanagers: Mapping[SourceName, Sequence[SilenceClient]],
        *,
        clock: Clock,
        metrics: SilenceMetrics,
        action_deadline: timedelta,
    ) -> None:
        self._store = store
        self._alertmanagers = alertmanagers
        self._clock = clock
        self._metrics = metrics
        self._action_deadline = action_deadline
        self._ids: dict[str, datetime | None] = {}  # None: it stands; else when it was taken away
        self._lifted: set[ActionId] = set()
        self._tasks: dict[ActionId, asyncio.Task[None]] = {}
        self._loop = Periodic("own silences", self.look, every=_EVERY, log=_log)

    @property
    def ids(self) -> Collection[str]:
        """Those that stand, or did a moment ago, always as of now: by them alone no alert counts as suppressed."""
        return self._ids.keys()

    async def load(self) -> None:
        """Know what an earlier life has set. Raises StoreError."""
        stored = await self._store.read(lambda transaction: transaction.own_silences.all())
        self._ids |= dict.fromkeys((one.id for one in stored), None)

    def start(self) -> None:
        """Take away what is left over, now and every minute."""
        self._loop.start()

    async def stop(self) -> None:
        """End; what is on its way is cut off, and is found at the next start."""
        await self._loop.stop()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def silence(self, action: Action, alert: Alert) -> None:
        """See ports.Silencer."""
        if len(self._tasks) >= MOST_AT_ONCE:
            self._failed(f"the alert of action {action.id} is not silenced", "too many silences are on their way")
            return
        self._after(action.id, partial(self._set, action, alert))

    async def lift(self, action_id: ActionId) -> None:
        """See ports.Silencer."""
        if action_id in self._tasks or self._has_one():
            self._lifted.add(action_id)
            self._after(action_id, partial(self._take_away_of, action_id))

    async def look(self) -> None:
        """Take away what nobody needs any more. Raises StoreError, OverloadedError."""
        now = self._clock.now()
        for one in await self._store.read(lambda transaction: self._left_over(transaction, now)):
            await self._take_away(one)
        for key in [key for key, at in self._ids.items() if at is not None and at + _REMEMBERED <= now]:
            del self._ids[key]
        stored = await self._store.read(lambda transaction: {one.action_id for one in transaction.own_silences.all()})
        self._lifted &= stored | self._tasks.keys()

    def _has_one(self) -> bool:
        return any(at is None for at in self._ids.values())

    def _after(self, action_id: ActionId, work: Callable[[], Awaitable[None]]) -> None:
        """Do it once what is on its way for the same action is done."""
        before = self._tasks.get(action_id)

        async def run() -> None:
            if before is not None:
                await asyncio.gather(before, return_exceptions=True)
            await work()

        task = asyncio.create_task(run(), name=f"silence of {action_id}")
        self._tasks[action_id] = task
        task.add_done_callback(lambda done: self._forget_task(action_id, done))

    def _forget_task(self, action_id: ActionId, done: asyncio.Task[None]) -> None:
        if self._tasks.get(action_id) is done:
            del self._tasks[action_id]
        if not done.cancelled() and (problem := done.exception()) is not None:
            _log.error("a silence of action %s: %r", action_id, problem)

    async def _set(self, action: Action, alert: Alert) -> None:
        now = self._clock.now()
        ends_at = now + self._action_deadline + _verification(action) + MARGIN
        try:
            client, silence_id = await self._set_somewhere(action, alert, now, ends_at)
            self._ids[silence_id] = None
            row = OwnSilence(silence_id, alert.source, client.address, action.id, ends_at)
            await self._store.write(lambda transaction: transaction.own_silences.put(row))
        except AetherError as problem:
            self._failed(f"the alert of action {action.id} is not silenced", str(problem))
        else:
            self._metrics.count(SilenceEvent.SET)

    async def _set_somewhere(
        self, action: Action, alert: Alert, now: datetime, ends_at: datetime
    ) -> tuple[SilenceClient, str]:
        """In the first that answers: those of a cluster tell each other."""
        problem: AetherError = UnreachableError(f"source {alert.source} has no Alertmanager")
        for client in self._alertmanagers.get(alert.source, ()):
            try:
                return client, await client.set_silence(
                    alert.labels,
                    starts_at=now,
                    ends_at=ends_at,
                    comment=f"{action.plan.words}, action {action.id}",
                    created_by=CREATED_BY,
                )
            except UnreachableError as error:
                problem = error
        raise problem

    async def _take_away_of(self, action_id: ActionId) -> None:
        try:
            stored = await self._store.read(lambda transaction: transaction.own_silences.all())
            for one in stored:
                if one.action_id == action_id:
                    await self._take_away(one)
        except AetherError as problem:
            self._failed(f"the silence of action {action_id} is taken away later", str(problem))

    async def _take_away(self, one: OwnSilence) -> None:
        """From the Alertmanager that has it; what cannot be reached is tried again at every look."""
        if await self._expired(one):
            await self._store.write(lambda transaction: transaction.own_silences.forget(one.id))
            self._ids[one.id] = self._clock.now()
            self._metrics.count(SilenceEvent.LIFTED)

    async def _expired(self, one: OwnSilence) -> bool:
        clients = self._alertmanagers.get(one.source, ())
        where = [client for client in clients if client.address == one.alertmanager] or clients
        problem = "its source has no Alertmanager any more"
        for client in where:
            try:
                await client.expire_silence(one.id)
            except AetherError as error:
                problem = str(error)
            else:
                return True
        is_given_up = one.ends_at + _GIVEN_UP <= self._clock.now()
        if not is_given_up:
            self._failed(f"silence {one.id} of action {one.action_id} stays until {one.ends_at:%H:%M:%S} UTC", problem)
        return is_given_up

    def _left_over(self, transaction: Transaction, now: datetime) -> list[OwnSilence]:
        return [one for one in transaction.own_silences.all() if self._is_left_over(transaction, one, now)]

    def _is_left_over(self, transaction: Transaction, one: OwnSilence, now: datetime) -> bool:
        if one.ends_at <= now or one.action_id in self._lifted:
            return True
        action = transaction.actions.get(one.action_id)
        if action is None or action.state is ActionState.REFUSED:
            return True
        return action.finished_at is not None and action.finished_at + _verification(action) + MARGIN <= now

    def _failed(self, what: str, why: str) -> None:
        self._metrics.count(SilenceEvent.FAILED)
        _log.warning("%s: %s", what, why)


def _verification(action: Action) -> timedelta:
    """How long it may take: a target that is still on its way up gets as much time once more."""
    return 2 * timedelta(seconds=action.plan.verify_within_seconds)
