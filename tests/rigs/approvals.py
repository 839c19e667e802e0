"""Actions that wait for approval, as the pipeline leaves them: stored, at the stage approve, with what was shown."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from aetherlink.agent_record import AgentRecord
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.model.actions import Action, ActionState, Approval, Observation, Plan, Target, Verb
from aetherlink.model.approvals import hash_of, shown_of
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, SourceName, TargetName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Store, Transaction
from aetherlink.testing import CountingIds

API = Target(TargetName("crm-api"), "memory", "crm", minimum=1, maximum=4)
PLAN = Plan(Verb.RESTART, API.name, playbook=PlaybookName("restart-crm-api"))
LAB = SourceName("lab")
PATIENCE = timedelta(minutes=30)
ASKED = Decision(Effect.NEEDS_APPROVAL, "mode_allows", "the mode is approve")


class CountingWaker:
    """Says how often it was woken."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        """Once more."""
        self.wakes += 1


def approval_of(plan: Plan, *, at: datetime, needed: int = 1) -> Approval:
    """The request as it is made for a target that does not run."""
    seen, undo = Observation(0, 1, None), "a restart cannot be undone"
    shown = shown_of(plan, API, seen, evidence="up is 0", undo=undo, needed=needed, asked_at=at, seal="")
    return Approval(hash_of(shown), at, at + PATIENCE, shown, needed)


@dataclass
class Desk:
    """A store with what waits in it, and the commands for it."""

    store: Store
    clock: Clock
    ids: CountingIds
    waker: CountingWaker = field(default_factory=CountingWaker)

    def commands(self, *, requester_may_approve: bool = True) -> ApprovalCommands:
        """The commands under test."""
        return ApprovalCommands(
            self.store,
            clock=self.clock,
            waker=self.waker,
            record=AgentRecord(ids=self.ids, source=LAB),
            requester_may_approve=requester_may_approve,
        )

    async def asked(self, *, needed: int = 1, by: str = "playbook:restart-crm-api", **changes: object) -> Action:
        """An action that waits for so many people, with its incident."""
        now = self.clock.now()
        plan = changes.pop("plan", PLAN)
        approval = approval_of(plan, at=now, needed=needed)
        action = Action(
            ActionId(self.ids.new("act")),
            plan,
            "it is down",
            by,
            ASKED,
            ActionState.WAITING_APPROVAL,
            now,
            incident_id=IncidentId(self.ids.new("inc")),
            approval=approval,
        )
        action = replace(action, **changes)
        await self.store.write(lambda tx: _keep(tx, action))
        return action

    async def put(self, action: Action) -> Action:
        """The action is like this from now on."""
        await self.store.write(lambda tx: tx.actions.put(action))
        return action

    async def action(self, action_id: ActionId) -> Action:
        """The action as it is stored."""
        found = await self.store.read(lambda tx: tx.actions.get(action_id))
        assert found is not None
        return found

    async def incident(self, action: Action) -> Incident:
        """Its incident as it is stored."""
        found = await self.store.read(lambda tx: tx.incidents.get(action.incident_id))
        assert found is not None
        return found

    async def change_incident(self, action: Action, **changes: object) -> None:
        """The incident is like this from now on."""
        incident = replace(await self.incident(action), **changes)
        assert await self.store.write(lambda tx: tx.incidents.update(incident, []))

    async def entries(self, incident_id: IncidentId | None) -> list[Entry]:
        """What its timeline says after it was opened."""
        found = await self.store.read(lambda tx: tx.incidents.timeline(incident_id, limit=500, after=0))
        return [stored.entry for stored in found if stored.entry.kind is not EventKind.OPENED]


def _keep(transaction: Transaction, action: Action) -> None:
    transaction.actions.put(action)
    if action.incident_id is None:
        return
    incident = Incident(
        id=action.incident_id,
        key=f"key of {action.id}",
        origin=Origin.ALERT if action.plan.playbook else Origin.REQUEST,
        source=LAB,
        title="it is down",
        tenant=action.plan.tenant,
        service="crm",
        severity=Severity.CRITICAL,
        vip=False,
        status=IncidentStatus.OPEN,
        stage=Stage.APPROVE,
        opened_at=action.created_at,
        updated_at=action.created_at,
        action_id=action.id,
        wake_at=action.created_at + timedelta(hours=1),
        firing=1 if action.plan.playbook else 0,
    )
    transaction.incidents.insert(incident, [Entry(EventKind.OPENED, action.created_at, "opened")])
