"""T04, the loop brake, and T05, how much is broken at most: whatever the alerts say, there is an end to acting."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from aetherlink.model.actions import Action, Target
from aetherlink.model.ids import TargetName
from aetherlink.model.playbooks import TargetChoice
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.runner import advance
from rigs.pipeline import API, Rig, build_rig, with_step
from rigs.repairs import FAILS, HOLDS, braked, fleet, playbook_of, release, restrain, said, signal_of, wide, wishes

HOUR = timedelta(hours=1)


def rebuilt(rig: Rig) -> Rig:
    """The agent started again on the same database: nothing that it knew in memory is left."""
    fresh = build_rig(rig.store, rig.clock, rig.world.ids, database=rig.database)  # type: ignore[arg-type] - as it was
    fresh.executor.world = rig.executor.world
    fresh.executor.calls = rig.executor.calls
    signal_of(fresh)
    return fresh


async def come_and_go(rig: Rig, *, times: int, every: float) -> None:
    """The alert fires for a minute, again and again."""
    for _ in range(times):
        await rig.hear()
        await rig.run_for(60)
        await rig.hear(firing=False)
        await rig.run_for(every - 60)


def most_in_an_hour(actions: list[Action]) -> int:
    begun = sorted(action.started_at for action in actions if action.started_at is not None)
    return max((sum(1 for other in begun if at <= other < at + HOUR) for at in begun), default=0)


@pytest.mark.parametrize("every", [130, 5 * 60, 12 * 60, 19 * 60])
async def test_t04_repairs_that_work_but_do_not_last_are_stopped_and_a_person_is_called_once(
    rig: Rig, every: float
) -> None:
    signal_of(rig)
    await come_and_go(rig, times=int(3 * 3600 / every), every=every)

    assert most_in_an_hour(await rig.actions()) == 3
    assert len(wishes(rig)) == 3
    assert await braked(rig) == ["playbook:restart-crm-api@crm-api"]
    assert len(await said(rig, EventKind.BRAKED)) == 1


async def test_t04_every_twenty_minutes_is_never_more_than_three_in_an_hour(rig: Rig) -> None:
    signal_of(rig)
    await come_and_go(rig, times=12, every=20 * 60)

    assert most_in_an_hour(await rig.actions()) == 3


async def test_t04_the_counters_outlive_restarts_and_resolved_incidents(rig: Rig) -> None:
    signal_of(rig)
    agent = rig
    for _ in range(12):
        await come_and_go(agent, times=1, every=10 * 60)
        agent = rebuilt(agent)

    assert len(wishes(agent)) == 3
    assert len(await said(agent, EventKind.BRAKED)) == 1

    agent.clock.move(7 * 24 * 3600)  # a brake has no end of its own
    await come_and_go(rebuilt(agent), times=2, every=600)
    assert len(wishes(agent)) == 3


async def test_t04_once_a_person_lets_go_there_is_another_hour_and_another_opening(rig: Rig) -> None:
    signal_of(rig)
    await come_and_go(rig, times=8, every=12 * 60)
    await release(rig, "playbook:restart-crm-api@crm-api")
    await come_and_go(rig, times=8, every=12 * 60)

    assert most_in_an_hour(await rig.actions()) == 3
    assert len(await said(rig, EventKind.BRAKED)) == 2
    assert len(await braked(rig)) == 1


async def test_t04_a_repair_that_does_not_help_stops_itself_and_calls_a_person_once(rig: Rig) -> None:
    signal_of(rig, FAILS)
    await rig.hear()
    await rig.run_for(3 * 3600)

    assert len(wishes(rig)) == 1
    assert len(await said(rig, EventKind.ESCALATED)) == 1
    assert await braked(rig) == ["target:crm-api"]


async def test_the_next_incident_on_a_braked_target_gets_no_action_until_a_person_lets_go(rig: Rig) -> None:
    signal = signal_of(rig, FAILS)
    await come_and_go(rig, times=1, every=300)
    signal.verify = HOLDS
    await come_and_go(rig, times=3, every=3600)
    assert len(wishes(rig)) == 1
    assert {action.decision.rule for action in (await rig.actions())[1:]} == {"brake_is_released"}

    await release(rig, "target:crm-api")
    await come_and_go(rig, times=1, every=300)
    assert len(wishes(rig)) == 2
    assert len(await said(rig, EventKind.VERIFIED)) == 1


async def test_t04_a_remedy_that_failed_on_three_targets_is_not_tried_on_a_fourth(rig: Rig) -> None:
    names = fleet(rig, 8)
    restrain(rig, budgets=wide(), circuit_targets=3)
    signal_of(rig, FAILS)
    for name in names:
        await rig.hear(service=name, instance=name)
        await rig.run_for(90)

    tried = {action.plan.target for action in await rig.actions() if action.started_at is not None}
    assert tried == set(names[:3])
    assert {action.decision.rule for action in (await rig.actions())[3:]} == {"circuit_is_closed"}


async def test_t05_two_hundred_targets_down_at_once_are_the_sensors_fault(rig: Rig) -> None:
    names = fleet(rig, 200)
    signal_of(rig)
    for name in names:
        await rig.hear(service=name, instance=name)
    await run_all(rig, seconds=10)

    assert wishes(rig) == []
    assert {action.decision.rule for action in await every_action(rig)} == {"sensor_is_trusted"}


async def run_all(rig: Rig, *, seconds: float) -> None:
    """Work on everything that is due, however much."""
    end = rig.clock.now() + timedelta(seconds=seconds)
    while rig.clock.now() < end:
        for _ in range(22):
            await rig.run()
        rig.clock.move(10)


async def every_action(rig: Rig) -> list[Action]:
    found, _ = await rig.store.read(lambda tx: tx.actions.page(limit=500, before=None))
    return found


async def test_t05_where_the_sensor_is_trusted_the_fleet_budget_holds_all_the_same(rig: Rig) -> None:
    names = fleet(rig, 24, floor=1, replicas=2)
    restrain(rig, running=1, per_ten_minutes=10, per_hour=30, playbook_per_hour=99, suspect_share=1.1, vip_reserve=0)
    rig.executor.is_rolling = True
    signal_of(rig)
    rig.change(options=PipelineOptions(verify_interval=timedelta(seconds=1), redecide_interval=timedelta(seconds=100)))
    lowest: list[int] = []
    rig.executor.before = lambda: lowest.append(min(seen.ready for seen in rig.executor.world.values()))
    for name in names:
        await rig.hear(service=name, instance=name)
    await run_all(rig, seconds=700)

    begun = sorted(action.started_at for action in await every_action(rig) if action.started_at is not None)
    in_ten = [sum(1 for other in begun if at <= other < at + timedelta(minutes=10)) for at in begun]
    assert max(in_ten) == 10
    assert len(begun) == 20
    assert min(lowest) >= 1
    assert len({action.plan.target for action in await every_action(rig) if action.started_at}) == len(begun)


async def at_once(rig: Rig) -> None:
    """Several workers at the same moment."""
    due = await rig.store.read(lambda tx: tx.incidents.due(rig.clock.now(), limit=100))
    await asyncio.gather(*(advance(rig.world, each.id, rig.metrics) for each in due))


async def test_t05_one_runs_at_a_time_when_that_is_the_budget(rig: Rig) -> None:
    names = fleet(rig, 6)
    restrain(rig, budgets=wide(), running=1)
    signal_of(rig)
    rig.executor.before = lambda: rig.clock.move(2)
    for name in names:
        await rig.hear(service=name, instance=name)
    await at_once(rig)
    await run_all(rig, seconds=60)

    spans = sorted((one.started_at, one.finished_at) for one in await every_action(rig) if one.started_at is not None)
    assert len(spans) == 6
    assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(spans))


NAMELESS = ["", " ", "\t", "{}", "*", ".*", "null", "None", "0", "shop", "shop-", "SHOP-0", "shop-0 ", " shop-0"]
QUEER = [
    "shop-0,shop-1",
    "shop-0|shop-1",
    "shop-[0-9]",
    "shop-0\x00",
    "../shop-0",
    "shop-0'; --",
    '{"a"}',
    "shop-{{i}}",
]
OTHERS = ["shop-99", "crm-api", "twin", "-1", "true", "$service", "шоп-0", "s" * 5000]


@pytest.mark.parametrize("service", [*NAMELESS, *QUEER, *OTHERS])
async def test_t05_a_selector_that_selects_nothing_or_several_acts_on_nothing(rig: Rig, service: str) -> None:
    fleet(rig, 3)
    twins = {TargetName(f"twin-{one}"): Target(TargetName(f"twin-{one}"), "memory", "twin") for one in "ab"}
    rig.change(targets={**rig.world.targets, **twins})
    restrain(rig, budgets=wide())
    signal_of(rig)
    await rig.hear(service=service)
    await rig.run_for(120)

    assert wishes(rig) == []
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_t05_a_selector_that_is_whole_is_acted_on(rig: Rig) -> None:
    """The control: the cases before it fail for their selector, and for nothing else."""
    fleet(rig, 3)
    restrain(rig, budgets=wide())
    signal_of(rig)
    await rig.hear(service="shop-1")
    await rig.run_for(120)

    assert [action.plan.target for action in await rig.actions()] == ["shop-1"]
    assert len(wishes(rig)) == 1


@pytest.mark.parametrize("name", ["", "nobody", "CRM-API", "crm-api "])
async def test_t05_a_named_target_that_is_not_declared_acts_on_nothing(rig: Rig, name: str) -> None:
    playbook_of(rig, target=TargetChoice(TargetName(name)))
    signal_of(rig)
    await rig.hear()
    await rig.run_for(120)

    assert wishes(rig) == []


@pytest.mark.parametrize("missing", ["instance", "job"])
async def test_t05_a_label_to_bind_that_is_not_there_acts_on_nothing(rig: Rig, missing: str) -> None:
    signal_of(rig)
    await rig.hear(**{missing: ""})
    await rig.run_for(120)

    assert wishes(rig) == []
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_t05_a_target_of_another_executor_is_not_taken_for_the_labels(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, target=TargetChoice(executor="docker")),))
    signal_of(rig)
    await rig.hear()
    await rig.run_for(120)

    assert wishes(rig) == []
    assert rig.world.targets[API].executor == "memory"
