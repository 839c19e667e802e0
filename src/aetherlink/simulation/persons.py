"""What people do, at any moment and in any order, through the real commands. PERSONS is the list."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random

from aetherlink.commands import ActionRequest
from aetherlink.model.actions import Action, ActionState
from aetherlink.model.ids import IncidentId
from aetherlink.model.pauses import EVERYTHING
from aetherlink.pause_commands import PauseWish
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
        if not waiting or self.dice.random() < 0.1:
            waiting = [each for each in rows if each.approval is not None]
        return self.dice.choice(waiting) if waiting else None


async def pauses(scene: Scene) -> None:
    """For a while, or until somebody resumes."""
    seconds = scene.dice.choice((None, *[scene.dice.random() * _LONGEST_PAUSE + 1] * 3))
    until = None if seconds is None else scene.clock.now() + timedelta(seconds=seconds)
    scope = scene.dice.choice((EVERYTHING, EVERYTHING, "target:crm-api", "tenant:vip-umbrella"))
    wish = PauseWish(scope, "a look at it", until=until)
    await scene.process.pause_commands.pause(wish, principal=scene.by)


async def resumes(scene: Scene) -> None:
    """Whether it was paused or not."""
    stored = sorted({scope for scope, _ in scene.process.store.tables.records.pauses})
    scope = scene.dice.choice(stored) if stored else EVERYTHING
    await scene.process.pause_commands.resume(scope, principal=scene.by)


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
    if asked is not None and asked.approval is not None:
        await scene.process.approval_commands.approve(asked.id, asked.approval.plan_hash, by=scene.by)


async def denies(scene: Scene) -> None:
    """What waits for it, or takes it back."""
    asked = scene.asked
    if asked is None:
        return
    if scene.dice.random() < 0.5:
        await scene.process.approval_commands.deny(asked.id, "not now", by=scene.by)
    else:
        await scene.process.approval_commands.cancel(asked.id, by=scene.by)


async def calls_wrong(scene: Scene) -> None:
    """Any action at all."""
    actions = list(scene.process.store.tables.records.actions.rows)
    if actions:
        await scene.process.approval_commands.wrong(scene.dice.choice(actions), "it was not needed", by=scene.by)


async def lets_go(scene: Scene) -> None:
    """Of a brake."""
    brakes = sorted(scene.process.store.tables.records.brakes)
    if brakes:
        await scene.process.approval_commands.release(scene.dice.choice(brakes), "it is looked at", by=scene.by)


PERSONS: tuple[Person, ...] = (
    pauses,
    resumes,
    resumes,
    resumes,
    *[approves] * 5,
    denies,
    calls_wrong,
    lets_go,
    lets_go,
    lets_go,
    asks_for_an_action,
    asks_for_an_action,
    acknowledges,
    closes,
    notes,
)
