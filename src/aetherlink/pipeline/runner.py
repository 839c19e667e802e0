"""Runs the stages: finds incidents whose timer is due, works on the most urgent first, several at a time.

State decides, events only wake: a wake-up that is lost costs at most one poll, and a restart simply finds what is due.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from aetherlink.errors import AetherError, ConflictError
from aetherlink.lib.clock_steps import ClockSteps
from aetherlink.lib.periodic import Periodic
from aetherlink.model import lifecycle
from aetherlink.model.actions import WRONG_FACT, Action, ActionState, Verdict
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident, IncidentStatus, Stage
from aetherlink.model.lifecycle import State
from aetherlink.model.playbooks import Playbook
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import patience, strangers
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.stages import STAGES
from aetherlink.pipeline.step import Case, Continue, Finish, Step, Wait, World
from aetherlink.ports import Transaction

_log = logging.getLogger("aetherlink.pipeline")

_FINISHED = ActionState.FINISHED
_RUNNING = ActionState.RUNNING
_POLL = timedelta(seconds=5)
_RETRY = timedelta(seconds=5)
_BREATH = timedelta(milliseconds=10)  # between two looks: who is woken a thousand times a second looks a hundred times
_AFTER_A_TOUCH = timedelta(seconds=1)
_IN_A_STORM = timedelta(seconds=5)  # alerts join at every moment then: the rest wants room too
_FEW = 10  # alerts that fire: more of them are a storm
_MOST_FRESH = 100  # alerts looked at for a playbook at a time
_MOST_NAMED = 50
_AGED = timedelta(seconds=30)  # who has waited for longer is taken next, however urgent the others are


@dataclass(frozen=True, slots=True)
class _View:
    """What one look at the store showed."""

    due: list[IncidentId]
    oldest: list[IncidentId]
    next_wake: datetime | None
    by_severity: dict[str, int]
    is_paused: bool


class Runner:
    """See ports.Waker; `start` and `stop` bound its life."""

    def __init__(self, world: World, metrics: PipelineMetrics) -> None:
        self._world = world
        self._metrics = metrics
        self._loop = Periodic("pipeline", self._dispatch, every=_RETRY, log=_log, breath=_BREATH)
        self._busy: dict[IncidentId, asyncio.Task[None]] = {}
        self._resting: dict[IncidentId, float] = {}
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
        running = list(self._busy.values())
        if running:
            _, late = await asyncio.wait(running, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _dispatch(self) -> timedelta:
        """Start what is due and has room; how long to wait for the next timer."""
        now = self._world.clock.now()
        await self._heed_the_clock(now)
        room = self._world.options.workers - len(self._busy)
        limit = room + len(self._busy) + len(self._resting)
        view = await self._world.store.read(partial(_look, now=now, limit=limit))
        self._metrics.incidents_open(view.by_severity)
        self._metrics.paused(is_so=view.is_paused or self._world.restraints.outside_pause() is not None)
        for incident_id in self._taken(view, room):
            task = asyncio.create_task(self._work(incident_id), name=f"incident {incident_id}")
            self._busy[incident_id] = task
        if view.next_wake is None or view.next_wake <= now:  # what is due and not started is woken by another's end
            return _POLL
        return min(_POLL, view.next_wake - now)

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

    def _taken(self, view: _View, room: int) -> list[IncidentId]:
        """The most urgent ones; and, where there is room for more than one, the one that has waited too long."""
        urgent = [each for each in view.due if self._is_free(each)]
        aged = next((each for each in view.oldest if self._is_free(each)), None)
        if aged is None or room < 2 or aged in urgent[:room]:
            return urgent[:room]
        return [*urgent[: room - 1], aged]

    def _is_free(self, incident_id: IncidentId) -> bool:
        until = self._resting.get(incident_id)
        if until is not None and until > self._world.clock.monotonic():
            return False
        self._resting.pop(incident_id, None)
        return incident_id not in self._busy

    async def _work(self, incident_id: IncidentId) -> None:
        try:
            await advance(self._world, incident_id, self._metrics)
        except Exception as problem:  # noqa: BLE001 - the named boundary of the pipeline: one incident stops no other
            expected = isinstance(problem, AetherError)
            _log.error("incident %s: %s: %s", incident_id, type(problem).__name__, problem, exc_info=not expected)
            self._metrics.stage_failed(type(problem).__name__)
            self._resting[incident_id] = self._world.clock.monotonic() + _RETRY.total_seconds()
        finally:
            del self._busy[incident_id]
            self._loop.wake()


async def advance(world: World, incident_id: IncidentId, metrics: PipelineMetrics) -> None:
    """Run the incident's stages until one waits or finishes."""
    while True:
        case = await world.store.read(lambda transaction: _load(transaction, world, incident_id))
        if case is None or case.incident.stage is Stage.DONE:
            return
        begun = world.clock.monotonic()
        step = await patience.kept(world, case, await STAGES[case.incident.stage](world, case))
        now = world.clock.now()
        if not await world.store.write(partial(_store, case=case, step=step, now=now)):
            return
        metrics.stage_took(case.incident.stage, world.clock.monotonic() - begun)
        _say(case.incident, step)
        _count(metrics, case, step, now)
        if step.action is not None and _is_told_of(case.incident.stage, step.action):
            metrics.action_stored(step.action)
        if not isinstance(step.move, Continue) or step.move.at is not None:
            return


def _count(metrics: PipelineMetrics, case: Case, step: Step, now: datetime) -> None:
    """A verdict that was found just now, and how long it took from the opening to what repaired it."""
    verdict = None if step.action is None else step.action.verdict
    if verdict is None or case.incident.stage is not Stage.VERIFY:
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
        by_severity=transaction.incidents.open_by_severity(),
        is_paused=transaction.pauses.in_force(now) is not None,
    )


def _load(transaction: Transaction, world: World, incident_id: IncidentId) -> Case | None:
    incident = transaction.incidents.get(incident_id)
    if incident is None or incident.status is not IncidentStatus.OPEN:
        return None
    action = None if incident.action_id is None else transaction.actions.get(incident.action_id)
    alerts, known, after = transaction.alerts, world.known_names, incident.planned_through
    newest = alerts.last_of(incident_id)
    fresh = alerts.actionable(incident_id, limit=_MOST_FRESH, after=after, names=known) if newest > after else []
    healed = patience.healed_at(world, action)
    others: list[str] = []
    if newest > after and known is not None and strangers.matter(incident):
        others = alerts.names_of(incident_id, limit=_MOST_NAMED, after=after, but=known, began_after=healed)
    planned = None if incident.plan is None else alerts.get(incident.plan.alert_id)
    return Case(
        incident,
        action,
        fresh=tuple(fresh),
        strangers=tuple(others),
        newest=newest if len(fresh) < _MOST_FRESH else fresh[-1].id,
        planned=planned if planned is not None and planned.may_be_acted_on else None,
        healed_at=healed,
    )


def _store(transaction: Transaction, case: Case, step: Step, now: datetime) -> bool:
    """The step applied to the incident as it is now: alerts may have come while the stage ran.

    False when a person has closed it meanwhile, or denied what it waited for: then the step does not matter any more.
    """
    stored = transaction.incidents.get(case.incident.id)
    if stored is not None and lifecycle.state_of(stored) is State.CLOSED:
        return False
    if stored is not None and _is_refused_meanwhile(transaction, case, stored):
        return False
    if stored is None or stored.stage is not case.incident.stage:
        raise ConflictError(f"incident {case.incident.id} was moved by somebody else while a stage ran")
    was_touched = stored.version != case.incident.version
    if was_touched and isinstance(step.move, Finish):  # perhaps something fires again: look once more before closing
        step = Step(Wait())
    again = now + _pause(stored) if was_touched else None
    for action in (step.retired, step.action):
        if action is not None:
            transaction.actions.put(_with_what_people_said(transaction, action))
    changed = replace(
        stored,
        plan=step.plan or stored.plan,
        planned_through=stored.planned_through if step.planned_through is None else step.planned_through,
        action_id=stored.action_id if step.action is None else step.action.id,
        verified_since=step.verified_since,
        escalated_at=now if step.escalated else stored.escalated_at,
        hands_off=stored.hands_off or step.hands_off,
        updated_at=now,
    )
    braked = _braked(transaction, step, now)
    if braked and not step.escalated:
        changed = replace(changed, escalated_at=now)
    moved, entries = _moved(changed, step, now=now, again=again), step.entries + braked
    if lifecycle.state_of(changed) is State.CLOSING and (step.action is None or step.action.state is not _RUNNING):
        moved, more = _closed(transaction, changed, now)
        entries += more
    if not transaction.incidents.update(moved, entries):
        raise ConflictError(f"incident {case.incident.id} was changed by somebody else in the same transaction")
    return True


def _is_refused_meanwhile(transaction: Transaction, case: Case, stored: Incident) -> bool:
    """Whether a person has denied the action, or taken it back, while a stage looked."""
    if case.incident.stage is not Stage.APPROVE or stored.stage is Stage.APPROVE or case.action is None:
        return False
    action = transaction.actions.get(case.action.id)
    return action is not None and action.state is ActionState.REFUSED


def _with_what_people_said(transaction: Transaction, action: Action) -> Action:
    """The action with the `wrong`, or with the yes, that a person may have said of it while a stage ran."""
    if action.state not in (_FINISHED, ActionState.WAITING_APPROVAL):
        return action
    stored = transaction.actions.get(action.id)
    if action.state is ActionState.WAITING_APPROVAL:
        return action if stored is None else _with_grants_of(stored, action)
    if stored is None or WRONG_FACT not in stored.facts or WRONG_FACT in action.facts:
        return action
    return replace(action, facts={**action.facts, WRONG_FACT: stored.facts[WRONG_FACT]})


def _with_grants_of(stored: Action, action: Action) -> Action:
    """The action with what was granted meanwhile to the very request that it still is."""
    then, now = stored.approval, action.approval
    is_same = then is not None and now is not None and then.plan_hash == now.plan_hash
    return replace(action, approval=then) if is_same else action


def _braked(transaction: Transaction, step: Step, now: datetime) -> tuple[Entry, ...]:
    """The brakes set, and what is said of those that were not set before."""
    return tuple(
        Entry(EventKind.BRAKED, now, f"a person has to look: {brake.words}", {"scope": brake.scope})
        for brake in step.brakes
        if transaction.brakes.put(brake)
    )


def _pause(incident: Incident) -> timedelta:
    """How long what was touched while a stage ran is left alone."""
    if incident.firing == 0:
        return timedelta(0)
    return _AFTER_A_TOUCH if incident.firing <= _FEW else _IN_A_STORM


def _closed(transaction: Transaction, incident: Incident, now: datetime) -> tuple[Incident, tuple[Entry, ...]]:
    """What a person wanted closed when its action has ended: closed, unless an alert has fired anew since then."""
    if not transaction.alerts.actionable(incident.id, after=incident.planned_through, limit=1):
        return lifecycle.settled(incident, at=now), ()
    entry = Entry(EventKind.REOPENED, now, "opened again: an alert fired anew while it was being closed")
    return lifecycle.reopened(incident, at=now), (entry,)


def _moved(incident: Incident, step: Step, *, now: datetime, again: datetime | None) -> Incident:
    """With `again` it is looked at then at the latest: it was touched meanwhile."""
    match step.move:
        case Continue(stage, at):
            return replace(incident, stage=stage, wake_at=_earlier(at or now, again))
        case Wait(until):
            return replace(incident, wake_at=_earlier(until, again))
        case Finish():
            return lifecycle.settled(incident, at=now)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(filter(None, (one, other)), default=None)


def _say(incident: Incident, step: Step) -> None:
    for entry in step.entries:
        _log.info("incident %s: %s", incident.id, entry.text)
