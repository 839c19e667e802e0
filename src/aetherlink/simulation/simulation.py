"""One simulated world, step by step: an event happens, the agent does what it can at that instant, all is checked.

Everything is drawn from the seed, so a run is the same whenever it is run again on the same code.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from random import Random
from typing import Any, Self

from aetherlink.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    OverloadedError,
    StoreError,
    UnfitError,
)
from aetherlink.model.alerts import Alert
from aetherlink.model.ids import IncidentId
from aetherlink.model.ledger import Way
from aetherlink.pipeline.runner import advance
from aetherlink.simulation.alertmanager import SimulatedAlertmanager
from aetherlink.simulation.clockwork import CountedIds, SimulatedClock, SimulatedLoop
from aetherlink.simulation.crashes import CrashError
from aetherlink.simulation.eyes_and_hands import Sight
from aetherlink.simulation.invariants import INVARIANTS, Invariant
from aetherlink.simulation.memory_store import MemoryTransaction, Tables
from aetherlink.simulation.persons import PERSONS, Scene
from aetherlink.simulation.process import Outside, Process
from aetherlink.simulation.setup import Event, Setup, drawn
from aetherlink.simulation.truth import Truth
from aetherlink.simulation.witness import Settings, Witness

_REST = 5.0  # seconds, after a stage that failed, as the runner has it
_WORKERS = 8
_LATE = 1.0  # seconds that pass at most while something is due
_MOST_BROKEN = 3
_REMEMBERED = 30
_DOWN = 30.0  # seconds, at most, until a dead agent is started again
_MOST_PLACES = 12
_EXPECTED = (ConflictError, StoreError, OverloadedError)
_EXPECTED_BY_PEOPLE = (*_EXPECTED, BadRequestError, ForbiddenError, GoneError, NotFoundError)


@dataclass(frozen=True, slots=True)
class Violation:
    """What was not so, after which step of which seed, and what had happened lately."""

    seed: int
    step: int
    invariant: str
    message: str
    lately: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"seed {self.seed}, step {self.step}: {self.invariant}: {self.message}"


class Simulation:
    """A world. Use it as a context: it holds an event loop. With `double_wakes` two work on one incident at a time."""

    def __init__(
        self,
        seed: int,
        *,
        setup: Setup | None = None,
        invariants: Sequence[Invariant] = INVARIANTS,
        double_wakes: bool = False,
    ) -> None:
        self.seed = seed
        self.steps = 0
        self._dice = Random(seed)  # noqa: S311 - it has to be foretold
        self._invariants = invariants
        self._double_wakes = double_wakes
        self._setup = setup or drawn(self._dice)
        self._clock = SimulatedClock()
        self._loop = SimulatedLoop(self._clock)
        self._loop.set_exception_handler(self._on_exception)
        self._truth = Truth(tuple(self._setup.targets.values()), self._clock.now())
        self._alertmanager = SimulatedAlertmanager(self._setup, self._truth, self._dice)
        settings = self._settings()
        tables = Tables()
        self.witness = Witness(tables, self._clock, settings, self._clock.now())
        self._outside = Outside(
            self._loop, tables, self._truth, self._clock, CountedIds(), self._dice, self._setup, self.witness
        )
        self._sight = Sight.CLEAR
        self._wait: float | None = None
        self._on_their_way = 0  # alerts of deliveries that are not over
        self._lately: deque[str] = deque(maxlen=_REMEMBERED)
        self._happens: Mapping[Event, Callable[[], None]] = {
            Event.TIME: self._time_passes,
            Event.STAGE: self._stages_run,
            Event.WEBHOOK: self._webhook_arrives,
            Event.RECONCILE: self._alertmanager_is_asked,
            Event.BREAK: self._target_breaks,
            Event.HEAL: self._target_heals,
            Event.BLIP: lambda: self._alertmanager.blip(self._clock.now()),
            Event.SILENCE: self._alertmanager.toggle_silence,
            Event.SIGHT: self._sight_changes,
            Event.PERSON: self._person_acts,
            Event.TROUBLE: self._store_fails,
            Event.CRASH: self._agent_dies,
        }
        self._events = list(self._setup.weights)
        self._cumulative = list(accumulate(self._setup.weights.values()))
        self._process = self._born(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()
        self._loop.run_until_idle()
        self._loop.close()

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self._clock.now()

    def run(self, steps: int) -> list[Violation]:
        """So many steps, or up to the first that something is wrong after."""
        for _ in range(steps):
            found = self.step()
            if found:
                return found
        return []

    def step(self) -> list[Violation]:
        """One event, and everything that follows from it at this instant. What is wrong then."""
        self.steps += 1
        event = self._chosen()
        self._lately.append(f"{self._clock.now():%H:%M:%S.%f} {event.value}")
        self._happens[event]()
        self._settle()
        found = [
            Violation(self.seed, self.steps, each.__name__, message, tuple(self._lately))
            for each in self._invariants
            for message in each(self.witness)
        ]
        self.witness.forget_step()
        return found

    # --- what happens

    def _chosen(self) -> Event:
        [event] = self._dice.choices(self._events, cum_weights=self._cumulative)
        if event is Event.WEBHOOK and not self._alertmanager.has_mail:
            event = Event.STAGE
        if event is Event.STAGE and not self._due():
            return Event.TIME
        return event

    def _time_passes(self) -> None:
        now, dice = self._clock.now(), self._dice
        seconds = self._until_next(now)
        if dice.random() < 0.1:
            seconds *= dice.random()
        if self._due():
            seconds = min(seconds, dice.random() * _LATE)
        self._clock.move(seconds)
        self._alertmanager.evaluate(self._clock.now())

    def _until_next(self, now: datetime) -> float:
        opened = self._outside.tables.incidents
        wakes = [
            wake
            for incident_id in opened.open.values()
            if incident_id not in self._process.busy and (wake := opened.rows[incident_id].wake_at) is not None
        ]
        change = self._alertmanager.next_change(now)
        instants = [*wakes, change] if change is not None else wakes
        ahead = [(each - now).total_seconds() for each in instants if each > now]
        ahead += [over - at for over in self._process.resting.values() if over > (at := self._clock.monotonic())]
        return min([self._setup.longest_jump.total_seconds(), *ahead, *([] if self._wait is None else [self._wait])])

    def _due(self) -> list[IncidentId]:
        process, now = self._process, self._clock.monotonic()
        if len(process.busy) >= _WORKERS:
            return []
        rows = MemoryTransaction(self._outside.tables, may_write=False)
        due = rows.incidents.due(self._clock.now(), limit=2 * _WORKERS)
        return [each.id for each in due if each.id not in process.busy and process.resting.get(each.id, 0.0) <= now]

    def _stages_run(self) -> None:
        due = self._due()
        incident_id = due[0] if self._dice.random() < 0.5 else self._dice.choice(due)
        for _ in range(2 if self._double_wakes else 1):
            work = advance(self._process.world, incident_id, self._process.pipeline_metrics)
            self._process.busy[incident_id] = self._process.begin(work)

    def _webhook_arrives(self) -> None:
        self._process.begin(self._deliver(self._alertmanager.webhook(), Way.WEBHOOK))

    def _alertmanager_is_asked(self) -> None:
        self._alertmanager.repeat(self._clock.now())
        active = self._alertmanager.active(self._clock.now())
        if active:
            self._process.begin(self._deliver(active, Way.RECONCILE))

    async def _deliver(self, alerts: list[Alert], way: Way) -> None:
        mail, count, reception = self.witness.mail, len(alerts), self._process.reception
        self._on_their_way += count
        try:
            await self._process.is_started()
            await reception.receive(alerts, way=way)
        except (StoreError, OverloadedError):
            mail.in_doubt += count
            if way is Way.WEBHOOK:
                self._alertmanager.put_back(alerts)
        else:
            mail.acknowledged += count
            mail.unsettled += count
            for _ in range(3):  # a commit on its way without them, one that fails, and the one that counts the repeats
                await reception.flush()
            mail.unsettled -= count
        self._on_their_way -= count

    def _target_breaks(self) -> None:
        if len(self._truth.broken) >= _MOST_BROKEN:
            self._target_heals()
        else:
            target, trouble = self._dice.choice(list(self._truth.seen)), self._dice.choice(self._setup.troubles)
            self._truth.set(target, trouble.metric, self._clock.now(), wrong=True)
            self._alertmanager.evaluate(self._clock.now())

    def _target_heals(self) -> None:
        broken = self._truth.broken
        if broken:
            target, metric = self._dice.choice(broken)
            self._truth.set(target, metric, self._clock.now(), wrong=False)
            self._alertmanager.evaluate(self._clock.now())

    def _sight_changes(self) -> None:
        self._sight = Sight.CLEAR if self._dice.random() < 0.6 else self._dice.choice(list(Sight))
        self._process.probe.sight = self._sight

    def _person_acts(self) -> None:
        person = self._dice.choice(PERSONS)
        self._lately.append(f"  somebody {person.__name__}")
        self._process.begin(_asked(person(Scene(self._process, self._clock, self._dice))))

    def _store_fails(self) -> None:
        store = self._process.store
        store.fails_before, store.fails_after = (True, False) if self._dice.random() < 0.5 else (False, True)

    def _agent_dies(self) -> None:
        if self._dice.random() < 0.3:
            self._process.mortality.is_dead = True
        else:
            self._process.mortality.left = self._dice.randrange(_MOST_PLACES)

    # --- what follows

    def _settle(self) -> None:
        self._wait = self._loop.run_until_idle()
        self._look_at_tasks()
        if self._process.mortality.is_dead:
            self._buried()
            self._process = self._born(self._settings())
        self.witness.mail.is_settled = self._on_their_way == 0

    def _look_at_tasks(self) -> None:
        process = self._process
        for task in [each for each in process.tasks if each.done()]:
            del process.tasks[task]
            incident_id = next((key for key, each in process.busy.items() if each is task), None)
            if incident_id is not None:
                del process.busy[incident_id]
            if not task.cancelled() and (problem := task.exception()) is not None:
                self._failed(problem, incident_id)

    def _failed(self, problem: BaseException, incident_id: IncidentId | None) -> None:
        if isinstance(problem, CrashError):
            return
        if isinstance(problem, UnfitError) or not isinstance(problem, _EXPECTED):
            self.witness.problems.append(f"{type(problem).__name__}: {problem}")
        elif incident_id is not None:
            self._process.resting[incident_id] = self._clock.monotonic() + _REST

    def _buried(self) -> None:
        """Nothing of it goes on. Whatever was on its way may be stored or not."""
        self._process.end()
        self._loop.run_until_idle()
        self._look_at_tasks()
        mail = self.witness.mail
        mail.in_doubt += self._on_their_way + mail.unsettled
        mail.unsettled = self._on_their_way = 0
        self._lately.append("  it is dead")

    def _born(self, settings: Settings) -> Process:
        if self.steps:
            self._clock.move(self._dice.random() * _DOWN)
            self.witness.reborn(settings)
        process = Process(self._outside, settings)
        process.probe.sight = self._sight
        process.starting = process.begin(process.reception.start())
        return process

    def _settings(self) -> Settings:
        """Somebody may have changed them between two lives."""
        targets = dict(self._setup.targets)
        if len(targets) > 1 and self._dice.random() < 0.15:
            del targets[self._dice.choice(list(targets))]
        modes = {playbook.name: playbook.mode for playbook in self._setup.playbooks}
        ceiling = self._dice.choice(self._setup.ceilings)
        setup = self._setup
        return Settings(ceiling, targets, modes, setup.restraints, setup.consent, setup.is_rolling)

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problem = context.get("exception")
        if not isinstance(problem, CrashError | asyncio.CancelledError | StoreError):
            self.witness.problems.append(f"{context.get('message')}: {problem!r}")


async def _asked(work: Any) -> None:
    """What people are told when it cannot be done is no bug."""
    try:
        await work
    except _EXPECTED_BY_PEOPLE as problem:
        if isinstance(problem, UnfitError):
            raise
