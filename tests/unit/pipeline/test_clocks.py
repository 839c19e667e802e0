"""T19: a wall clock that jumps makes no cooldown shorter, no approval longer, nothing negative, and nothing crash."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.model.actions import ActionState
from aetherlink.model.decisions import EvidenceStatus, Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.runner import advance
from aetherlink.testing import START
from rigs.pipeline import API, Rig
from rigs.repairs import said, signal_of, wishes

HOUR = 3600.0
TEN_YEARS = 10 * 365.25 * 24 * HOUR


def to(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    """How far it is from the start of the tests to that instant, in seconds."""
    return (datetime(year, month, day, hour, minute, tzinfo=UTC) - START).total_seconds()


BACK = {"one hour back": -HOUR, "a day back": -24 * HOUR, "ten years back": -TEN_YEARS, "five seconds back": -5.0}
FORTH = {
    "one hour on": HOUR,
    "ten years on": TEN_YEARS,
    "29 February": to(2028, 2, 28, 23, 59),
    "the hour that summer time leaves out": to(2026, 3, 29, 0, 59),
    "the hour that winter time repeats": to(2026, 10, 25, 0, 59),
    "19 January 2038": to(2038, 1, 19, 3, 14),
    "the turn of the year": to(2026, 12, 31, 23, 59),
}


async def repaired(rig: Rig) -> None:
    signal_of(rig)
    await rig.hear()
    await rig.run_for(10)
    await rig.hear(firing=False)
    await rig.run()
    assert len(wishes(rig)) == 1


async def look_again(rig: Rig, seconds: float) -> None:
    """Every incident is looked at again and again: timers alone would hide what a clock that jumps allows."""
    end = rig.clock.now() + timedelta(seconds=seconds)
    while rig.clock.now() < end:
        incidents, _ = await rig.store.read(lambda tx: tx.incidents.page(limit=50, before=None))
        for incident in incidents:
            await advance(rig.world, incident.id, rig.metrics)
        rig.clock.move(15)


@pytest.mark.parametrize("jump", BACK)
async def test_t19_a_clock_set_back_shortens_no_cooldown(rig: Rig, jump: str) -> None:
    await repaired(rig)
    rig.clock.move(60 + BACK[jump])
    await rig.hear(instance="crm:9000")
    await look_again(rig, 45)

    assert len(wishes(rig)) == 1
    assert (await rig.actions())[-1].decision.rule == "cooldown_is_over"


@pytest.mark.parametrize("jump", ["one hour back", "a day back"])
async def test_t19_a_clock_set_back_forgets_no_hourly_limit(rig: Rig, jump: str) -> None:
    signal_of(rig)
    for _ in range(3):
        await rig.hear()
        await rig.run_for(10)
        await rig.hear(firing=False)
        await rig.run_for(300)
    rig.clock.move(BACK[jump])
    await rig.hear(instance="crm:9000")
    await look_again(rig, 120)

    assert len(wishes(rig)) == 3


async def test_t19_a_hundred_steps_of_five_seconds_shorten_no_cooldown(rig: Rig) -> None:
    await repaired(rig)
    [action] = await rig.actions()
    await rig.hear(instance="crm:9000")
    for step in range(100):
        rig.clock.move(5 if step % 2 else -5)
        incident = (await rig.store.read(lambda tx: tx.incidents.page(limit=1, before=None)))[0][0]
        await advance(rig.world, incident.id, rig.metrics)
    assert len(wishes(rig)) == 1

    assert action.started_at is not None
    await look_again(rig, 150)
    second = (await rig.actions())[-1]
    assert second.started_at is not None
    assert second.started_at - action.started_at >= timedelta(seconds=120)


@pytest.mark.parametrize("jump", [*BACK, *FORTH])
async def test_t19_what_was_allowed_before_the_clock_jumped_is_not_fresh_after_it(rig: Rig, jump: str) -> None:
    signal_of(rig)
    rig.executor.world[API] = replace(rig.executor.world[API], ready=0)
    await rig.hear()
    incident = await rig.incident()
    world = replace(rig.world, ids=JumpingIds(rig, {**BACK, **FORTH}[jump]))
    await advance(world, incident.id, rig.metrics)

    assert len(wishes(rig)) == (1 if jump == "five seconds back" else 0)


@dataclass(frozen=True)
class JumpingIds:
    """Gives an action its id when it was decided just now; then the clock jumps."""

    rig: Rig
    seconds: float

    def new(self, prefix: str) -> str:
        self.rig.clock.move(self.seconds)
        return self.rig.world.ids.new(prefix)


@pytest.mark.parametrize("jump", [*BACK, *FORTH])
async def test_t19_no_request_lives_longer_because_the_clock_jumps(rig: Rig, jump: str) -> None:
    rig.change(modes={PlaybookName("restart-crm-api"): Mode.APPROVE})
    signal_of(rig)
    await rig.hear()
    await rig.run()
    [asked] = await rig.actions()
    assert asked.approval is not None
    rig.clock.move({**BACK, **FORTH}[jump])
    await look_again(rig, 1)

    action = (await rig.actions())[0]
    if abs({**BACK, **FORTH}[jump]) <= 30:
        assert (action.state, action.approval) == (ActionState.WAITING_APPROVAL, asked.approval)
    else:
        assert action.state is ActionState.REFUSED
    assert wishes(rig) == []


@pytest.mark.parametrize("jump", [*BACK, *FORTH])
async def test_t19_no_duration_is_negative_and_nothing_crashes(rig: Rig, jump: str) -> None:
    signal_of(rig)
    await rig.hear()
    await rig.run_for(2)
    rig.clock.move({**BACK, **FORTH}[jump])
    await look_again(rig, 60)
    await rig.hear(firing=False, minutes=1)
    await look_again(rig, 60)

    resolved = await said(rig, EventKind.RESOLVED)
    assert all(float(str(entry.facts["seconds"])) >= 0 for entry in resolved)
    assert "after -" not in "".join(entry.text for entry in await said(rig, *EventKind))
    assert rig.metrics._recovery._sum.get() >= 0
    assert len(wishes(rig)) == 1


@pytest.mark.parametrize("jump", BACK)
async def test_t19_samples_from_before_a_clock_was_set_back_verify_nothing(rig: Rig, jump: str) -> None:
    """Only samples newer than the action count, and by the new time there are none yet."""
    signal = signal_of(rig)

    def verify() -> EvidenceStatus:
        return EvidenceStatus.NO_DATA if rig.clock.now() <= START else EvidenceStatus.HOLDS

    signal.verify = verify
    await rig.hear()
    await rig.run_for(1)
    rig.clock.move(BACK[jump])
    await look_again(rig, 3)

    assert await said(rig, EventKind.VERIFIED) == []
