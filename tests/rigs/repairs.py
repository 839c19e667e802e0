"""Words for tests of whole repairs: a signal that follows the target, several targets, and what was said and braked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from aetherlink.briefing import Restraints
from aetherlink.model.actions import Target, Wish
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Evidence, EvidenceStatus, Mode
from aetherlink.model.ids import SourceName, TargetName
from aetherlink.model.playbooks import Playbook, TargetChoice
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.testing import ManualClock, MemoryExecutor
from rigs.pipeline import Rig, with_step

HOLDS, FAILS, NO_DATA = EvidenceStatus.HOLDS, EvidenceStatus.DOES_NOT_HOLD, EvidenceStatus.NO_DATA


@dataclass
class Signal:
    """A probe with one answer for the condition and one for the verification (the query that ends with `proof`)."""

    clock: ManualClock
    when: EvidenceStatus = HOLDS
    verify: EvidenceStatus | Callable[[], EvidenceStatus] = HOLDS
    spacing: timedelta | None = None
    scraped: Callable[[], datetime] | None = None
    proof: str = "== 1"

    async def check(self, source: SourceName, query: str, *, newer_than: datetime | None = None) -> Evidence:  # noqa: ARG002 - the port's signature
        """As it was told, on a sample of this instant, or of when it was scraped."""
        verify = self.verify if isinstance(self.verify, EvidenceStatus) else self.verify()
        status = verify if query.endswith(self.proof) else self.when
        now = self.clock.now()
        sample_at = now if self.scraped is None else self.scraped()
        return Evidence(query, status, now, f"scripted to say {status}", sample_at=sample_at, spacing=self.spacing)


def signal_of(rig: Rig, verify: EvidenceStatus | Callable[[], EvidenceStatus] = HOLDS) -> Signal:
    """Look at the world with such a signal from now on; the pipeline looks less often than in other tests."""
    signal = Signal(rig.clock, verify=verify)
    options = PipelineOptions(verify_interval=timedelta(seconds=1), redecide_interval=timedelta(seconds=30))
    rig.change(probe=signal, options=options)
    return signal


def playbook_of(rig: Rig, **changes: object) -> Playbook:
    """The only playbook, changed from now on; what belongs to its step is changed there."""
    [playbook] = rig.world.playbooks
    own = {name: value for name, value in changes.items() if name in Playbook.__dataclass_fields__}
    step = {name: value for name, value in changes.items() if name not in own}
    changed = with_step(replace(playbook, **own), **step)  # type: ignore[arg-type] - fields are named by the test
    rig.change(playbooks=(changed,), modes={changed.name: Mode.AUTO})
    return changed


def fleet(rig: Rig, count: int, *, floor: int = 0, replicas: int = 1) -> list[TargetName]:
    """So many targets `shop-0`, ... of one executor, which the playbook takes from the alert's labels."""
    names = [TargetName(f"shop-{number}") for number in range(count)]
    hands = MemoryExecutor(rig.clock, names)
    hands.world = {name: replace(seen, ready=replicas, wanted=replicas) for name, seen in hands.world.items()}
    rig.executor = hands
    rig.change(
        executors={"memory": hands},
        targets={name: Target(name, "memory", name, minimum=1, maximum=9, floor=floor) for name in names},
    )
    playbook_of(rig, target=TargetChoice())
    return names


def restrain(rig: Rig, **restraints: object) -> None:
    """Hold the agent to this from now on; figures of budgets are taken too."""
    own = {name: value for name, value in restraints.items() if name in Restraints.__dataclass_fields__}
    figures = {name: value for name, value in restraints.items() if name not in own}
    changed = replace(rig.world.restraints, **own)  # type: ignore[arg-type] - as above
    budgets = replace(changed.budgets, **figures)  # type: ignore[arg-type] - as above
    rig.change(restraints=replace(changed, budgets=budgets))


def wide() -> Budgets:
    """Budgets that hold nothing back."""
    return Budgets(99, 999, 999, 999, 999, 0, 999, 1.0, 999)


async def said(rig: Rig, *kinds: EventKind) -> list[Entry]:
    """What all timelines say of these kinds, incident by incident."""
    incidents, _ = await rig.store.read(lambda tx: tx.incidents.page(limit=500, before=None))
    found: list[Entry] = []
    for incident in reversed(incidents):
        stored = await rig.store.read(lambda tx, one=incident: tx.incidents.timeline(one.id, limit=5000, after=0))
        found += [one.entry for one in stored if one.entry.kind in kinds]
    return found


async def braked(rig: Rig) -> list[str]:
    """The scopes of all brakes."""
    return [brake.scope for brake in await rig.store.read(lambda tx: tx.brakes.all())]


async def release(rig: Rig, scope: str) -> None:
    """A person lets go of the brake."""
    assert await rig.store.write(lambda tx: tx.brakes.release(scope))


def wishes(rig: Rig) -> list[Wish]:
    """Everything that the executor was told."""
    return rig.executor.calls


class CrashError(Exception):
    """The process dies here."""


async def die_during_the_call(rig: Rig, effect: Callable[[], None] = lambda: None) -> None:
    """The agent dies between call and reply, when the call has had this effect."""

    def die() -> None:
        effect()
        raise CrashError

    rig.executor.before = die
    await rig.hear()
    with pytest.raises(CrashError):
        await rig.run()
    rig.executor.before = lambda: None
    rig.clock.move(5)
