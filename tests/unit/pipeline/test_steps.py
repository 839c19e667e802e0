"""Playbooks of several steps and of several tries: what comes after what, and when it is enough."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.actions import Release, Replicas, StartedAfter, Verb
from aetherlink.model.playbooks import PlaybookStep, ScaleBy
from aetherlink.model.timeline import EventKind
from rigs.pipeline import API, Rig
from rigs.repairs import FAILS, HOLDS, braked, playbook_of, said, signal_of, wishes


def steps(rig: Rig, *changes: dict[str, object]) -> None:
    """A playbook of these steps, each like the built-in one but for the changes."""
    [playbook] = rig.world.playbooks
    first = playbook.steps[0]
    made = tuple(replace(first, **change) for change in changes)  # type: ignore[arg-type] - named by the test
    assert all(isinstance(step, PlaybookStep) for step in made)
    playbook_of(rig, steps=made)


SCALE = {"name": "grow", "verb": Verb.SCALE, "scale": ScaleBy(1)}
RESTART = {"name": "restart", "verb": Verb.RESTART}
ROLLBACK = {"name": "rollback", "verb": Verb.ROLLBACK}


async def run(rig: Rig, seconds: float = 400) -> list[str]:
    await rig.hear()
    await rig.run_for(seconds)
    return [type(wish).__name__ for wish in wishes(rig)]


async def test_a_step_comes_after_the_one_that_helped(rig: Rig) -> None:
    steps(rig, SCALE, {**RESTART, "after": ("grow",)})
    signal_of(rig)

    assert await run(rig) == ["Replicas", "StartedAfter"]
    assert len(await said(rig, EventKind.VERIFIED)) == 2


async def test_a_step_does_not_come_after_one_that_did_not_help(rig: Rig) -> None:
    steps(rig, RESTART, {**SCALE, "after": ("restart",)})
    signal_of(rig, FAILS)

    assert await run(rig) == ["StartedAfter"]
    assert await braked(rig) == ["target:crm-api"]


async def test_another_step_is_tried_in_the_place_of_one_that_did_not_help(rig: Rig) -> None:
    steps(rig, RESTART, {**ROLLBACK, "instead_of": "restart"})
    signal = signal_of(rig)
    signal.verify = lambda: HOLDS if rig.executor.world[API].release == "1.0.0" else FAILS

    assert await run(rig) == ["StartedAfter", "Release"]
    assert len(await said(rig, EventKind.VERIFIED)) == 1
    assert await braked(rig) == []
    assert await said(rig, EventKind.ESCALATED) == []


async def test_the_step_that_did_not_help_is_taken_back_before_the_other_is_tried(rig: Rig) -> None:
    steps(rig, SCALE, {**ROLLBACK, "instead_of": "grow"})
    signal = signal_of(rig)
    signal.verify = lambda: HOLDS if rig.executor.world[API].release == "1.0.0" else FAILS
    await run(rig)

    assert wishes(rig) == [Replicas(2), Replicas(1), Release("1.0.0")]
    assert await braked(rig) == []
    assert [entry.kind for entry in await said(rig, EventKind.UNDONE, EventKind.VERIFIED)] == [
        EventKind.UNDONE,
        EventKind.VERIFIED,
    ]


async def test_when_neither_helps_both_are_taken_back_and_a_person_is_called_once(rig: Rig) -> None:
    steps(rig, SCALE, {**ROLLBACK, "instead_of": "grow"})
    signal_of(rig, FAILS)
    await run(rig)

    assert wishes(rig) == [Replicas(2), Replicas(1), Release("1.0.0"), Release("1.1.0")]
    assert await braked(rig) == ["target:crm-api"]
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_a_step_that_never_failed_is_not_replaced(rig: Rig) -> None:
    steps(rig, RESTART, {**ROLLBACK, "instead_of": "restart"})
    signal_of(rig)

    assert await run(rig) == ["StartedAfter"]


async def test_what_waits_for_a_step_comes_after_what_was_done_in_its_place(rig: Rig) -> None:
    steps(rig, RESTART, {**ROLLBACK, "instead_of": "restart"}, {**SCALE, "after": ("restart",)})
    signal = signal_of(rig)
    signal.verify = lambda: HOLDS if rig.executor.world[API].release == "1.0.0" else FAILS

    assert await run(rig) == ["StartedAfter", "Release", "Replicas"]


async def test_nobody_knowing_whether_a_step_helped_is_no_reason_for_another(rig: Rig) -> None:
    steps(rig, RESTART, {**ROLLBACK, "instead_of": "restart"})
    signal = signal_of(rig)
    signal.verify = type(signal.when).NO_DATA

    assert await run(rig) == ["StartedAfter"]
    assert await braked(rig) == ["target:crm-api"]


async def test_each_step_is_decided_by_itself(rig: Rig) -> None:
    steps(rig, RESTART, {**SCALE, "scale": ScaleBy(9), "after": ("restart",)})
    signal_of(rig)

    assert await run(rig) == ["StartedAfter"]
    assert (await rig.actions())[-1].decision.rule == "scale_is_within_bounds"


@pytest.mark.parametrize("tries", [1, 2, 3])
async def test_a_playbook_has_as_many_tries_as_it_says(rig: Rig, tries: int) -> None:
    playbook_of(rig, escalate_after=tries, cooldown=timedelta(seconds=120), per_hour=9)
    signal_of(rig, FAILS)
    await rig.hear()
    await rig.run_for(3600)

    assert len(wishes(rig)) == tries
    assert all(isinstance(wish, StartedAfter) for wish in wishes(rig))
    assert await braked(rig) == ["target:crm-api"]
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_a_try_that_is_taken_back_counts_as_one(rig: Rig) -> None:
    playbook_of(rig, escalate_after=2, verb=Verb.SCALE, scale=ScaleBy(1), per_hour=9)
    signal_of(rig, FAILS)
    await rig.hear()
    await rig.run_for(3600)

    assert wishes(rig) == [Replicas(2), Replicas(1)] * 2
    assert await braked(rig) == ["target:crm-api"]


async def test_one_that_helped_in_between_begins_the_count_anew(rig: Rig) -> None:
    playbook_of(rig, escalate_after=2, cooldown=timedelta(seconds=60), per_hour=9)
    signal = signal_of(rig, FAILS)
    await rig.hear()
    await rig.run_for(70)
    signal.verify = HOLDS
    await rig.run_for(200)
    await rig.hear(firing=False)
    await rig.run_for(10)
    assert len(wishes(rig)) == 2

    signal.verify = FAILS
    await rig.hear()
    await rig.run_for(70)
    assert await braked(rig) == []
    await rig.run_for(400)
    assert len(wishes(rig)) == 4
    assert await braked(rig) == ["target:crm-api"]
