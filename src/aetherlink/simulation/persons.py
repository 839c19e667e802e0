"""What people do, at any moment and in any order, through the real commands. PERSONS is the list."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from aetherlink.commands import ActionRequest
from aetherlink.model.actions import Action, ActionState, Grant
from aetherlink.model.approvals import granted
from aetherlink.model.ids import IncidentId
from aetherlink.ports import Transaction
from aetherlink.simulation.clockwork import SimulatedClock
from aetherlink.simulation.process import Process

Person = Callable[["Scene"], Awaitable[object]]

_NAMES = ("ann", "bob")
_LONGEST_PAUSE = 600.0  # seconds


class Scene:
    """What a person has before him."""

    def __init__(self, process: Process, clock: SimulatedClock, dice: Random) -> None:
        self.process = process
        self.clock = clock
        self.dice = dice
        self.by = dice.choice(_NAMES)

    @property
    def incident(self) -> IncidentId:
        """Any incident that is open, or one that is not there."""
        opened = sorted(self.process.store.tables.incidents.open.values())
        return self.dice.choice(opened) if opened else IncidentId("inc-none")

    @property
    def asked(self) -> Action | None:
        """An action that people are asked for."""
        rows = self.process.store.tables.records.actions.rows.values()
        waiting = [each for each in rows if each.state is ActionState.WAITING_APPROVAL]
        return self.dice.choice(waiting) if waiting else None


async def pauses(scene: Scene) -> None:
    """For a while, or until somebody resumes."""
    seconds = scene.dice.choice((None, *[scene.dice.random() * _LONGEST_PAUSE + 1] * 3))
    until = None if seconds is None else scene.clock.now() + timedelta(seconds=seconds)
    await scene.process.commands.pause("a look at it", until=until, principal=scene.by)


async def resumes(scene: Scene) -> None:
    """Whether it was paused or not."""
    await scene.process.commands.resume(principal=scene.by)


async def asks_for_an_action(scene: Scene) -> None:
    """Of anything, for anything, sometimes twice under one key."""
    dice = scene.dice
    name = dice.choice(("restart", "scale", "rollback"))
    service = dice.choice(("crm-api", "billing", "search", "mail", "nowhere"))
    replicas = dice.choice((0, 1, 2, 3, 4)) if name == "scale" else None
    request = ActionRequest(name, "it looks bad", service=service, replicas=replicas)
    key = None if dice.random() < 0.5 else f"{name}/{service}/{replicas}/{scene.clock.now():%Y%m%d%H}"
    await scene.process.commands.request_action(request, principal=scene.by, idempotency_key=key)


async def acknowledges(scene: Scene) -> None:
    """An incident."""
    await scene.process.incident_commands.acknowledge(scene.incident, by=scene.by)


async def closes(scene: Scene) -> None:
    """An incident, whatever fires or runs."""
    await scene.process.incident_commands.close(scene.incident, reason="it is over", by=scene.by)


async def notes(scene: Scene) -> None:
    """Something about an incident."""
    await scene.process.incident_commands.add_note(scene.incident, "seen", by=scene.by)


async def approves(scene: Scene) -> None:
    """What waits for it, as it was shown then or a while ago; or what is not to be approved any more."""
    asked = scene.asked

    def approve(transaction: Transaction) -> None:
        action = None if asked is None else transaction.actions.get(asked.id)
        if action is None or asked is None or asked.approval is None or action.approval is None:
            return
        if action.state is ActionState.WAITING_APPROVAL and action.approval.plan_hash == asked.approval.plan_hash:
            more = granted(action.approval, Grant(scene.by, scene.clock.now()))
            transaction.actions.put(replace(action, approval=more))
            _wake(transaction, action, scene.clock.now())

    await scene.process.store.write(approve)


def _wake(transaction: Transaction, action: Action, now: datetime) -> None:
    incident = None if action.incident_id is None else transaction.incidents.get(action.incident_id)
    if incident is not None:
        transaction.incidents.update(replace(incident, wake_at=now), [])


async def lets_go(scene: Scene) -> None:
    """Of a brake."""
    brakes = sorted(scene.process.store.tables.records.brakes)
    if brakes:
        scope = scene.dice.choice(brakes)
        await scene.process.store.write(lambda transaction: transaction.brakes.release(scope))


PERSONS: tuple[Person, ...] = (
    pauses,
    resumes,
    resumes,
    resumes,
    *[approves] * 5,
    lets_go,
    lets_go,
    asks_for_an_action,
    asks_for_an_action,
    acknowledges,
    closes,
    notes,
)
