"""A repair that did not help is taken back where it can be, decided like everything else; then a person is called."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from aetherlink.model.actions import (
    CPU,
    ActionState,
    Limits,
    OutcomeStatus,
    Release,
    Replicas,
    StartedAfter,
    Verb,
    Verdict,
)
from aetherlink.model.decisions import Effect
from aetherlink.model.playbooks import NewLimits, ScaleBy
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.undo import undoing
from aetherlink.policy.protection import life_in, own_names
from rigs.pipeline import API, Rig
from rigs.repairs import FAILS, braked, fleet, playbook_of, release, restrain, said, signal_of, wide, wishes

MIB = 2**20
TAKEN_BACK = [EventKind.NOT_RECOVERED, EventKind.UNDONE]


async def fail(rig: Rig, seconds: float = 120, **step: object) -> None:
    """A repair by this step that does not help."""
    playbook_of(rig, **step)
    signal_of(rig, FAILS)
    await rig.hear()
    await rig.run_for(seconds)


async def told(rig: Rig) -> list[EventKind]:
    return [entry.kind for entry in await said(rig, *TAKEN_BACK, EventKind.CANNOT_TELL)]


async def test_a_scale_that_did_not_help_is_taken_back_and_the_target_left_alone(rig: Rig) -> None:
    await fail(rig, verb=Verb.SCALE, scale=ScaleBy(2))

    assert wishes(rig) == [Replicas(3), Replicas(1)]
    first, undo = await rig.actions()
    assert (undo.plan.undo_of, undo.plan.words, undo.reason) == (
        first.id,
        "undo: scale crm-api to 1",
        "scale crm-api to 3 did not help",
    )
    assert (undo.plan.when, undo.plan.verify, undo.plan.undo) == ("", "", False)
    assert (first.verdict, undo.verdict) == (Verdict.NOT_RECOVERED, None)
    assert await told(rig) == TAKEN_BACK
    assert await braked(rig) == ["target:crm-api"]
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_a_rollback_that_did_not_help_is_taken_back(rig: Rig) -> None:
    await fail(rig, verb=Verb.ROLLBACK)

    assert wishes(rig) == [Release("1.0.0"), Release("1.1.0")]
    assert rig.executor.world[API].release == "1.1.0"
    assert await told(rig) == TAKEN_BACK


async def test_limits_that_did_not_help_are_taken_back(rig: Rig) -> None:
    limited(rig, most=Limits(512 * MIB, CPU))
    await fail(rig, verb=Verb.LIMITS, limits=NewLimits(memory_by=0.25))

    assert wishes(rig) == [Limits(320 * MIB), Limits(256 * MIB)]
    assert [action.plan.words for action in await rig.actions()] == [
        "limits crm-api to 320 MiB",
        "undo: limits crm-api to 256 MiB",
    ]
    assert await told(rig) == TAKEN_BACK


async def test_limits_grow_up_to_the_most_and_no_further(rig: Rig) -> None:
    limited(rig, most=Limits(300 * MIB, CPU))
    await fail(rig, verb=Verb.LIMITS, limits=NewLimits(memory_by=0.25, cpus_by=4.0), undo=False)

    assert wishes(rig) == [Limits(300 * MIB, CPU)]


async def test_without_a_bound_of_the_target_no_limit_is_changed(rig: Rig) -> None:
    await fail(rig, verb=Verb.LIMITS, limits=NewLimits(memory_by=0.25))

    assert wishes(rig) == []
    [refused] = {(action.decision.rule, action.decision.reason) for action in await rig.actions()}
    assert refused == ("limits_are_within_bounds", "limits crm-api to 320 MiB: the target declares no max_memory")


async def test_a_rollback_without_a_release_before_is_denied_and_not_called(rig: Rig) -> None:
    seen = rig.executor.world[API]
    rig.executor.world[API] = replace(seen, previous_release="", no_release="the daemon makes no containers")
    await fail(rig, verb=Verb.ROLLBACK)

    assert wishes(rig) == []
    [refused] = {(action.decision.rule, action.decision.reason) for action in await rig.actions()}
    assert refused == ("release_is_known", "rollback crm-api: the daemon makes no containers")


async def test_what_its_executor_says_of_a_target_protects_it(rig: Rig) -> None:
    names = own_names(prometheus=(), alertmanagers=(), database_url=None, protected=())
    restrain(rig, life_in=partial(life_in, names=names))
    rig.executor.world[API] = replace(rig.executor.world[API], aliases=("shop-1", "prom/prometheus:v2.53.1"))
    await fail(rig, verb=Verb.RESTART)

    assert wishes(rig) == []
    [refused] = {(action.decision.rule, action.decision.reason) for action in await rig.actions()}
    assert refused[0] == "target_is_not_its_own"
    assert "what the agent lives on (prometheus)" in refused[1]


def limited(rig: Rig, *, most: Limits) -> None:
    targets = {name: replace(target, most=most) for name, target in rig.world.targets.items()}
    rig.change(targets=targets)


async def test_a_restart_cannot_be_taken_back(rig: Rig) -> None:
    await fail(rig, verb=Verb.RESTART)

    [wish] = wishes(rig)
    assert isinstance(wish, StartedAfter)
    assert await told(rig) == [EventKind.NOT_RECOVERED]
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_nothing_is_taken_back_where_the_playbook_does_not_want_that(rig: Rig) -> None:
    await fail(rig, verb=Verb.SCALE, scale=ScaleBy(2), undo=False)

    assert wishes(rig) == [Replicas(3)]
    assert await told(rig) == [EventKind.NOT_RECOVERED]
    assert await braked(rig) == ["target:crm-api"]


async def test_what_was_so_before_is_not_taken_back(rig: Rig) -> None:
    await fail(rig, verb=Verb.SCALE, scale=ScaleBy(0))

    assert wishes(rig) == []
    assert await told(rig) == [EventKind.NOT_RECOVERED]


@pytest.mark.parametrize(
    ("restraint", "why"),
    [({"outside_pause": lambda: "a file says so"}, "a file says so"), ({"running": 0}, "budgets.running")],
)
async def test_an_undo_that_is_refused_calls_a_person_and_leaves_the_target_alone(
    rig: Rig, restraint: dict[str, object], why: str
) -> None:
    await fail(rig, 30, verb=Verb.SCALE, scale=ScaleBy(2))
    restrain(rig, **restraint)
    await rig.run_for(20 * 60)  # what may pass by itself is waited for

    assert wishes(rig) == [Replicas(3)]
    undo = (await rig.actions())[1]
    assert (undo.state, undo.decision.effect) == (ActionState.REFUSED, Effect.DENY)
    assert why in undo.decision.reason
    assert len(await said(rig, EventKind.ESCALATED)) == 1
    assert await braked(rig) == ["target:crm-api"]
    assert EventKind.UNDONE not in await told(rig)


async def test_a_freeze_window_does_not_keep_the_agent_from_taking_back_what_it_did(rig: Rig) -> None:
    await fail(rig, 30, verb=Verb.SCALE, scale=ScaleBy(2))
    restrain(rig, freeze=lambda *_: "freeze window `december`")
    await rig.run_for(300)

    assert wishes(rig) == [Replicas(3), Replicas(1)]


async def test_an_undo_that_would_go_below_the_floor_is_refused(rig: Rig) -> None:
    await fail(rig, 30, verb=Verb.SCALE, scale=ScaleBy(2))
    rig.change(targets={API: replace(rig.world.targets[API], floor=2)})
    await rig.run_for(300)

    assert wishes(rig) == [Replicas(3)]
    assert (await rig.actions())[1].decision.rule == "floor_holds"


async def test_an_undo_that_fails_calls_a_person_once_and_is_not_undone_itself(rig: Rig) -> None:
    await fail(rig, 30, verb=Verb.SCALE, scale=ScaleBy(2))
    rig.executor.world.pop(API)
    await rig.run_for(600)

    assert len(wishes(rig)) == 1
    assert len(await said(rig, EventKind.ESCALATED)) == 1
    assert len(await rig.actions()) == 2


async def test_an_undo_is_an_action_like_others_for_the_hourly_limit(rig: Rig) -> None:
    await fail(rig, verb=Verb.SCALE, scale=ScaleBy(2), per_hour=2, cooldown=timedelta(0))
    await release(rig, "target:crm-api")
    await rig.hear(firing=False)
    await rig.run_for(10)
    await rig.hear()
    await rig.run_for(60)

    assert len(wishes(rig)) == 2
    assert await braked(rig) == []  # it did not go round in circles by itself


async def test_after_an_undo_the_next_target_is_repaired_all_the_same(rig: Rig) -> None:
    names = fleet(rig, 5)
    restrain(rig, budgets=wide())
    await fail(rig, 0, verb=Verb.SCALE, scale=ScaleBy(2))
    for name in names[:2]:
        await rig.hear(service=name, instance=name)
        await rig.run_for(120)

    assert wishes(rig) == [Replicas(3), Replicas(1)] * 2
    assert await braked(rig) == [f"target:{name}" for name in names[:2]]


async def test_what_was_not_kept_cannot_be_taken_back(rig: Rig) -> None:
    await fail(rig, 5, verb=Verb.SCALE, scale=ScaleBy(2))
    [action] = await rig.actions()

    assert undoing(action) is not None
    assert undoing(replace(action, facts={})) is None
    assert action.outcome is not None
    assert action.outcome.status is OutcomeStatus.DONE
