"""The pipeline on a real store, with a moved clock and thin fakes of the outside (aetherlink.testing)."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.agent_record import AgentRecord
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.incidents.reception import Reception
from aetherlink.model.actions import Action, ActionState, Target
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import Fingerprint, PlaybookName, SourceName, TargetName
from aetherlink.model.incidents import Incident
from aetherlink.model.playbooks import Playbook
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline import record
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.runner import advance
from aetherlink.pipeline.step import World
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.policy.decide import decide
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock, MemoryExecutor, ScriptedProbe
from rigs.reception import build_reception

API = TargetName("crm-api")


class NoWaker:
    """Nobody has to be woken: the test runs the stages itself."""

    def wake(self) -> None:
        """Nothing."""


@dataclass
class Rig:
    """Everything that a test of the pipeline touches."""

    world: World
    store: SqlStore
    clock: ManualClock
    probe: ScriptedProbe
    executor: MemoryExecutor
    reception: Reception
    metrics: PipelineMetrics
    database: Path

    async def hear(
        self, name: str = "CrmApiDown", /, *, firing: bool = True, minutes: float = 0, **labels: str
    ) -> None:
        """Alertmanager says this."""
        labels = {
            "alertname": name,
            "service": "crm",
            "severity": "critical",
            "job": "peakpro_crm",
            "instance": "crm:8000",
            **labels,
        }
        status = AlertStatus.FIRING if firing else AlertStatus.RESOLVED
        starts_at = self.clock.now() if minutes == 0 and firing else self.clock.now() + timedelta(minutes=minutes)
        print_of = Fingerprint("/".join(labels.values()))
        alert = Alert(SourceName("lab"), print_of, status, starts_at, None, labels, {"summary": "it is down"})
        await self.reception.receive([alert])

    async def run(self) -> None:
        """Work on every incident that is due now."""
        for incident_id, _ in await self.store.read(lambda tx: tx.incidents.due(self.clock.now(), limit=10)):
            await advance(self.world, incident_id, self.metrics)

    async def run_for(self, seconds: float) -> None:
        """Let time pass, from timer to timer."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while True:
            await self.run()
            due = await self.store.read(lambda tx: tx.incidents.next_wake())
            until = end if due is None else min(end, max(due, self.clock.now() + timedelta(seconds=1)))
            if until <= self.clock.now():
                return
            self.clock.move((until - self.clock.now()).total_seconds())

    async def incident(self) -> Incident:
        """The only incident."""
        [incident], _ = await self.store.read(lambda tx: tx.incidents.page(limit=10, before=None))
        return incident

    async def actions(self) -> list[Action]:
        """Every action, oldest first."""
        found, _ = await self.store.read(lambda tx: tx.actions.page(limit=100, before=None))
        return found[::-1]

    async def kinds(self) -> list[EventKind]:
        """The timeline of the only incident."""
        incident = await self.incident()
        entries = await self.store.read(lambda tx: tx.incidents.timeline(incident.id, limit=100, after=0))
        return [stored.entry.kind for stored in entries]

    def approvals(self) -> ApprovalCommands:
        """What people say to its actions; who asked for one may approve it too."""
        return ApprovalCommands(
            self.store,
            clock=self.clock,
            waker=NoWaker(),
            record=AgentRecord(ids=self.world.ids, source=SourceName("lab")),
            requester_may_approve=True,
        )

    async def asked(self) -> Action:
        """A repair that waits for a person."""
        self.change(modes={PlaybookName("restart-crm-api"): Mode.APPROVE})
        await self.hear()
        await self.run()
        [action] = await self.actions()
        assert action.state is ActionState.WAITING_APPROVAL
        assert action.approval is not None
        return action

    def change(self, **world: object) -> None:
        """Another world from now on."""
        self.world = replace(self.world, **world)  # type: ignore[arg-type] - fields are named by the test


def with_step(playbook: Playbook, **changes: object) -> Playbook:
    """The playbook with its first step changed."""
    first, *others = playbook.steps
    return replace(playbook, steps=(replace(first, **changes), *others))  # type: ignore[arg-type] - as above


def build_rig(store: SqlStore, clock: ManualClock, ids: CountingIds, *, database: Path) -> Rig:
    """A world with one target and the built-in playbooks, all of it allowed to act."""
    probe = ScriptedProbe(clock)
    executor = MemoryExecutor(clock, [API])
    options = PipelineOptions(verify_interval=timedelta(seconds=1), redecide_interval=timedelta(seconds=1))
    world = World(
        store=store,
        probe=probe,
        executors={"memory": executor},
        targets={API: Target(API, "memory", "crm", minimum=1, maximum=4)},
        playbooks=_builtin_playbooks(),
        decide=decide,
        ceiling=Mode.AUTO,
        modes={PlaybookName("restart-crm-api"): Mode.AUTO},
        clock=clock,
        ids=ids,
        options=options,
    )
    reception = build_reception(store, clock=clock, ids=ids, waker=NoWaker())
    return Rig(world, store, clock, probe, executor, reception, PipelineMetrics(CollectorRegistry()), database)


@cache
def _builtin_playbooks() -> tuple[Playbook, ...]:
    return tuple(playbook for playbook in load_playbooks(None) if playbook.name == "restart-crm-api")


def store_each_stage_alone(patch: pytest.MonkeyPatch) -> None:
    """No stage follows another one at once: what was decided is stored before it is carried out."""
    patch.setattr(record, "_FOLLOWING", {})
