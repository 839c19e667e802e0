"""Runs the stages: finds incidents whose timer is due, works on the most urgent first, several at a time.

State decides, events only wake: a wake-up that is lost costs at most one poll, and a restart simply finds what is due.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from aetherlink.errors import AetherError
from aetherlink.lib.clock_steps import ClockSteps
from aetherlink.lib.periodic import Periodic
from aetherlink.model.actions import Action, ActionState, Verdict
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Due, Stage
from aetherlink.model.playbooks import Playbook
from aetherlink.model.promotions import Promotion
from aetherlink.pipeline import patience, record
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.stages import STAGES
from aetherlink.pipeline.step import Case, Continue, Step, Taken, World
from aetherlink.pipeline.turns import Turns
from aetherlink.ports import Transaction

_log = logging.getLogger("aetherlink.pipeline")

_FINISHED = ActionState.FINISHED
_POLL = timedelta(seconds=5)
_RETRY = timedelta(seconds=5)
_BREATH = timedelta(milliseconds=10)  # between two looks: who is woken a thousand times a second looks a hundred times
_IN_A_LOOK = 32  # more than there are workers: whoever is done goes on without another look
_BESIDE_OTHERS = timedelta(milliseconds=50)  # who is more urgent than those that wait is seen so soon
_COUNTED_FOR = 1.0  # seconds: to count thousands of open incidents at every look would be most of the look
_AGED = timedelta(seconds=30)  # who has waited for longer is taken next, however urgent the others are


@dataclass(frozen=True, slots=True)
class _View:
    """What one look at the store showed."""

    due: list[Due]
    oldest: list[Due]
    next_wake: datetime | None


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the metrics tell: how many incidents are open by severity, whether a pause holds, what is promoted."""

    by_severity: dict[str, int]
    is_paused: bool
    promotions: list[Promotion]


class Runner:
    """See ports.Waker; `start` and `stop` bound its life."""

    def __init__(self, world: World, metrics: PipelineMetrics) -> None:
        self._world = world
        self._metrics = metrics
        self._loop = Periodic("pipeline", self._dispatch, every=_RETRY, log=_log, breath=_BREATH)
        self._tasks: dict[IncidentId, asyncio.Task[None]] = {}
        self._turns = Turns(world.options.workers)
        self._count_at = 0.0
        self._clock_steps = ClockSteps()

    def use(self, playbooks: tuple[Playbook, ...]) -> None:
        """These playbooks from now on; an incident that is being worked on keeps to those that it began with."""
        self._world = replace(self._world, playbooks=playbooks)

    def wake(self) -> None:
        """Look at the store now."""
        self._loop.wake()

    def start(self) -> None:
        """Start looking."""
        self._loop.start()

    @property
    def is_alive(self) -> bool:
        """Whether it looks."""
        return self._loop.is_alive

    async def stop(self, *, grace: timedelta) -> None:
        """Take nothing new, let what runs end within the grace, cancel the rest: stored intents say how far it came."""
        await self._loop.stop()
        running = list(self._tasks.values())
        if running:
            _, late = await asyncio.wait(running, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _dispatch(self) -> timedelta:
        """Start what is due and has room; how long to wait for the next timer."""
        now, clock = self._world.clock.now(), self._world.clock
        await self._heed_the_clock(now)
        limit = _IN_A_LOOK + self._turns.unknown
        view = await self._world.store.read(partial(_look, now=now, limit=limit))
        if clock.monotonic() >= self._count_at:
            self._count_at = clock.monotonic() + _COUNTED_FOR
            await self._count(now)
        self._turns.offer(view.due, view.oldest, clock.monotonic())
        self._fill()
        if self._turns.is_awaited:
            return _BESIDE_OTHERS
        if view.next_wake is None or view.next_wake <= now:  # what is due and not started is woken by another's end
            return _POLL
        return min(_POLL, view.next_wake - now)

    async def _count(self, now: datetime) -> None:
        counts = await self._world.store.read(partial(_counted, now=now))
        self._metrics.incidents_open(counts.by_severity)
        self._metrics.paused(is_so=counts.is_paused or self._world.restraints.outside_pause() is not None)
        playbooks = {playbook.name: playbook for playbook in self._world.playbooks}
        self._metrics.promoted([one.state_for(playbooks.get(one.playbook)) for one in counts.promotions])

    def _fill(self) -> None:
        """Put to work who has a turn."""
        while (incident_id := self._turns.take(self._world.clock.monotonic())) is not None:
            self._tasks[incident_id] = asyncio.create_task(self._work(incident_id), name=f"incident {incident_id}")

    async def _heed_the_clock(self, now: datetime) -> None:
        """After a step back timers would sleep until the old time comes again. Should the write fail, it is tried anew.

        A stage that runs meanwhile may store a timer of the old time: it finds the incident touched, and looks again.
        """
        step = self._clock_steps.seen(now, self._world.clock.monotonic())
        if not step:
            return
        woken = 0
        if step < timedelta(0):
            woken = await self._world.store.write(lambda transaction: transaction.incidents.wake_all(now))
        self._clock_steps.take(step)
        self._metrics.clock_set(step)
        _log.warning("the wall clock was set by %+.1f s: %d sleeping incidents are woken", step.total_seconds(), woken)

    async def _work(self, incident_id: IncidentId) -> None:
        try:
            await advance(self._world, incident_id, self._metrics)
        except Exception as problem:  # noqa: BLE001 - the named boundary of the pipeline: one incident stops no other
            expected = isinstance(problem, AetherError)
            _log.error("incident %s: %s: %s", incident_id, type(problem).__name__, problem, exc_info=not expected)
            self._metrics.stage_failed(type(problem).__name__)
            self._turns.rest(incident_id, self._world.clock.monotonic() + _RETRY.total_seconds())
        finally:
            del self._tasks[incident_id]
            self._turns.done(incident_id)
            self._go_on()

    def _go_on(self) -> None:
        """Whoever is known to wait is next; where nobody is, the store is looked at."""
        if not self._loop.is_alive:
            return
        self._fill()
        if len(self._tasks) < self._world.options.workers:
            self._loop.wake()


async def advance(world: World, incident_id: IncidentId, metrics: PipelineMetrics) -> None:
    """Run the incident's stages until one waits or finishes."""
    load = partial(record.load, world=world, incident_id=incident_id)
    case = await world.store.read(load)
    while case is not None and case.incident.stage is not Stage.DONE:
        taken = await _taken(world, case, metrics)
        case.unsaved.append(taken)
        following = record.following(case, taken.step, taken.at)
        if following is None:
            if not await record.write(world, case, _stored) or not _goes_on(taken.step):
                return
            following = await world.store.read(load)
        case = following


async def _taken(world: World, case: Case, metrics: PipelineMetrics) -> Taken:
    """What the stage of the case has found."""
    begun = world.clock.monotonic()
    step = await patience.kept(world, case, await STAGES[case.incident.stage](world, case))
    now, took = world.clock.now(), world.clock.monotonic() - begun
    return Taken(case, step, now, partial(_tell, metrics, case, step, now, took))


def _tell(metrics: PipelineMetrics, case: Case, step: Step, now: datetime, took: float) -> None:
    for entry in step.entries:
        _log.info("incident %s: %s", case.incident.id, entry.text)
    metrics.stage_took(case.incident.stage, took)
    _count(metrics, case, step, now)
    if step.action is not None and _is_told_of(case.incident.stage, step.action):
        metrics.action_stored(step.action)


def _stored(_transaction: Transaction) -> bool:
    """That nobody was quicker."""
    return True


def _goes_on(step: Step) -> bool:
    return isinstance(step.move, Continue) and step.move.at is None


def _count(metrics: PipelineMetrics, case: Case, step: Step, now: datetime) -> None:
    """A verdict that was found just now, and how long it took from the opening to what repaired it."""
    verdict = None if step.action is None else step.action.verdict
    is_repair = step.action is not None and step.action.plan.is_repair
    if verdict is None or case.incident.stage is not Stage.VERIFY or not is_repair:
        return
    metrics.judged(verdict)
    if verdict is Verdict.RECOVERED:
        metrics.recovered_after(max(now - case.incident.opened_at, timedelta(0)))  # a clock may be set back


def _is_told_of(stage: Stage, action: Action) -> bool:
    """Whether the action was decided or has ended just now: the stages after that add facts to it only."""
    return stage in (Stage.DECIDE, Stage.UNDO) or (stage is Stage.ACT and action.state is _FINISHED)


def _look(transaction: Transaction, now: datetime, limit: int) -> _View:
    return _View(
        due=transaction.incidents.due(now, limit=limit),
        oldest=transaction.incidents.longest_due(now - _AGED, limit=limit),
        next_wake=transaction.incidents.next_wake(),
    )


def _counted(transaction: Transaction, now: datetime) -> _Counts:
    return _Counts(
        by_severity=transaction.incidents.open_by_severity(),
        is_paused=transaction.pauses.in_force(now) is not None,
        promotions=transaction.promotions.all(),
    )
