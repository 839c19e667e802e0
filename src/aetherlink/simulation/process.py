"""The agent as one process: the real reception, pipeline and commands on rows that outlive it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from aetherlink.agent_record import AgentRecord
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.commands import Commands
from aetherlink.errors import StoreError
from aetherlink.incident_commands import IncidentCommands
from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.incidents.options import GroupingOptions, LabelOptions, ReceptionOptions
from aetherlink.incidents.reception import Reception
from aetherlink.model.ids import IncidentId
from aetherlink.pause_commands import PauseCommands
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.step import World
from aetherlink.policy.decide import decide
from aetherlink.ports import Transaction
from aetherlink.simulation.clockwork import CountedIds, SimulatedClock
from aetherlink.simulation.crashes import Mortality
from aetherlink.simulation.eyes_and_hands import SimulatedExecutor, SimulatedProbe
from aetherlink.simulation.memory_store import Changed, MemoryStore, Tables
from aetherlink.simulation.setup import EXECUTOR, SOURCE, VIPS, Setup
from aetherlink.simulation.truth import Truth
from aetherlink.simulation.witness import Settings, Witness

T = TypeVar("T")

_LONGEST_WAIT = 1.5  # seconds that a transaction may wait for its turn


class _NoWaker:
    """The simulation looks for itself what is due."""

    def wake(self) -> None:
        """Nothing."""


class ProcessStore(MemoryStore):
    """The store as one process has it: it may wait, it may fail, and the process may die at it."""

    def __init__(self, tables: Tables, mortality: Mortality, dice: Random, *, lag: float, witness: Witness) -> None:
        super().__init__(tables)
        self._mortality = mortality
        self._dice = dice
        self._lag = lag
        self._witness = witness
        self.fails_before = self.fails_after = False

    async def write(self, work: Callable[[Transaction], T], *, is_brief: bool = False) -> T:
        """See ports.Store."""
        await self._wait()
        return await super().write(work, is_brief=is_brief)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """See ports.Store."""
        await self._wait()
        return await super().read(work)

    async def _wait(self) -> None:
        if self._dice.random() < self._lag:
            await asyncio.sleep(self._dice.random() * _LONGEST_WAIT)

    def before_commit(self) -> None:
        """The process may die with nothing stored, or the store may refuse."""
        self._mortality.pass_by()
        if self.fails_before:
            self.fails_before = False
            raise StoreError("the store could not write: the disk is full")

    def after_commit(self, changed: Changed) -> None:
        """The process may die with everything stored, or the answer may be lost."""
        self._witness.committed(changed)
        self._mortality.pass_by()
        if self.fails_after:
            self.fails_after = False
            raise StoreError("the store could not write: the connection is gone")


@dataclass(slots=True)
class Outside:
    """What there is whether the agent lives or not."""

    loop: asyncio.AbstractEventLoop
    tables: Tables
    truth: Truth
    clock: SimulatedClock
    ids: CountedIds
    dice: Random
    setup: Setup
    witness: Witness


class Process:
    """One life of the agent. `tasks` are its pieces of work; `busy` the incidents that one of them works on."""

    def __init__(self, outside: Outside, settings: Settings) -> None:
        self._loop = outside.loop
        self.mortality = Mortality()
        self.starting: asyncio.Task[Any] | None = None
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in their order, so that every run is the same
        self.busy: dict[IncidentId, asyncio.Task[Any]] = {}
        self.resting: dict[IncidentId, float] = {}
        lag, dice, clock = outside.setup.lag, outside.dice, outside.clock
        self.store = ProcessStore(outside.tables, self.mortality, dice, lag=lag, witness=outside.witness)
        self.probe = SimulatedProbe(outside.truth, clock, dice, lag=lag, told=outside.witness.told)
        self.world = _world(self, outside, settings)
        self.pipeline_metrics, metrics = _metrics()
        self.reception = _reception(self.store, outside, metrics)
        self.incident_commands = IncidentCommands(self.store, clock=clock, waker=_NoWaker())
        self.approval_commands = ApprovalCommands(
            self.store,
            clock=clock,
            waker=_NoWaker(),
            record=AgentRecord(ids=outside.ids, source=SOURCE),
            requester_may_approve=outside.setup.requester_may_approve,
        )
        self.pause_commands = PauseCommands(
            self.store,
            clock=clock,
            waker=_NoWaker(),
            record=AgentRecord(ids=outside.ids, source=SOURCE),
            known=lambda: {"target": self.world.targets, "playbook": (), "source": (SOURCE,)},
        )
        self.commands = Commands(
            self.store,
            self.world.decide,
            self.world.briefing,
            clock=clock,
            ids=outside.ids,
            waker=_NoWaker(),
            actions={},
            source=SOURCE,
            per_hour=3,
            is_vip=_mapping().is_vip,
            count=self.pipeline_metrics.action_stored,
        )

    async def is_started(self) -> None:
        """Nobody is heard before it knows what was counted."""
        if self.starting is not None and not self.starting.done():
            await asyncio.wait([self.starting])

    def begin(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        """Work on it beside everything else."""
        task = self._loop.create_task(work)
        self.tasks[task] = None
        return task

    def end(self) -> None:
        """It is dead: nothing of it goes on."""
        self.mortality.is_dead = True
        for task in self.tasks:
            task.cancel()


def _world(process: Process, outside: Outside, settings: Settings) -> World:
    """What the stages may use: the one place where the simulation makes it."""
    setup = outside.setup
    executor = SimulatedExecutor(
        outside.truth,
        outside.clock,
        outside.dice,
        process.mortality,
        lag=setup.lag,
        slips=setup.bad_hands,
        is_rolling=setup.is_rolling,
        called=outside.witness.called,
        saw=outside.witness.saw,
    )
    return World(
        store=process.store,
        probe=process.probe,
        executors={EXECUTOR: executor},
        targets=settings.targets,
        playbooks=setup.playbooks,
        decide=decide,
        ceiling=settings.ceiling,
        clock=outside.clock,
        ids=outside.ids,
        options=_options(),
        modes=settings.modes,
        restraints=setup.restraints,
        consent=setup.consent,
    )


def _reception(store: ProcessStore, outside: Outside, metrics: AlertMetrics) -> Reception:
    return Reception(
        store,
        store.standings,
        _mapping(),
        grouping=GroupingOptions(),
        options=ReceptionOptions(),
        clock=outside.clock,
        ids=outside.ids,
        waker=_NoWaker(),
        metrics=metrics,
    )


@cache
def _mapping() -> LabelMapping:
    return LabelMapping(LabelOptions(), VIPS, grouping=GroupingOptions())


@cache
def _metrics() -> tuple[PipelineMetrics, AlertMetrics]:
    """The same for every process: nothing is decided by them, and to make them takes as long as a hundred steps."""
    registry = CollectorRegistry()
    return PipelineMetrics(registry), AlertMetrics(registry)


@cache
def _options() -> PipelineOptions:
    return PipelineOptions(verify_interval=timedelta(seconds=5), redecide_interval=timedelta(seconds=30))
