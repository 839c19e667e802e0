"""A person has taken back what a repair did: carried out like every other request, never over what came after it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from aetherlink.commands import Commands, plan_to_undo
from aetherlink.errors import ConflictError
from aetherlink.model.actions import (
    CPU,
    Action,
    ActionState,
    Limits,
    OutcomeStatus,
    Plan,
    Release,
    Replicas,
    StartedAfter,
    Verb,
    Wish,
)
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import ActionId, SourceName
from aetherlink.model.playbooks import NewLimits, ScaleBy
from aetherlink.model.precision import SPAN
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import approve
from rigs.pipeline import API, NoWaker, Rig
from rigs.repairs import playbook_of, said, signal_of, wishes

MIB = 2**20
SCALED: dict[str, object] = {"verb": Verb.SCALE, "scale": ScaleBy(2)}  # from one to three


async def repaired(rig: Rig, **step: object) -> Action:
    """A repair by this step, which has helped; its alert is over."""
    bounded = {name: replace(one, most=Limits(512 * MIB, CPU)) for name, one in rig.world.targets.items()}
    rig.change(targets=bounded)
    playbook_of(rig, **step)
    signal_of(rig)
    await rig.hear()
    await rig.run_for(120)
    await rig.hear(firing=False)
    await rig.run_for(120)
    [action] = await rig.actions()
    return action


async def undo(rig: Rig, action: Action) -> Action:
    commands = Commands(
        rig.store,
        rig.world.decide,
        rig.world.briefing,
        clock=rig.clock,
        ids=rig.world.ids,
        waker=NoWaker(),
        actions={},
        source=SourceName("lab"),
        per_hour=6,
        is_vip=lambda _: False,
        count=lambda _: None,
    )
    return await commands.request_undo(action.id, "all three are needed", principal="bob")


async def waiting(rig: Rig, action: Action) -> Action:
    """A person is asked whether it may be taken back."""
    rig.change(ceiling=Mode.APPROVE)
    asked = await undo(rig, action)
    await rig.run()
    return await again(rig, asked)


async def again(rig: Rig, action: Action) -> Action:
    stored = await rig.store.read(lambda rows: rows.actions.get(action.id))
    assert stored is not None
    return stored


async def say_yes(rig: Rig, action: Action) -> None:
    assert action.approval is not None
    await rig.approvals().approve(action.id, action.approval.plan_hash, by="ann")
    await rig.run_for(60)


async def restarted_by_somebody(rig: Rig, action: Action) -> Action:
    """An action on the target after that one, which leaves it looking the same."""
    now = rig.clock.now()
    plan = Plan(Verb.RESTART, API)
    later = replace(action, id=ActionId("act-later"), plan=plan, facts={}, started_at=now, finished_at=now)
    await rig.store.write(lambda rows: rows.actions.put(later))
    return later


async def scaled_by_hand(rig: Rig, _action: Action) -> None:
    rig.executor.world[API] = replace(rig.executor.world[API], ready=2, wanted=2)


@pytest.mark.parametrize(
    ("step", "then", "words"),
    [
        (SCALED, [Replicas(3), Replicas(1)], "scale crm-api to 1"),
        ({"verb": Verb.ROLLBACK}, [Release("1.0.0"), Release("1.1.0")], "rollback crm-api to 1.1.0"),
        (
            {"verb": Verb.LIMITS, "limits": NewLimits(memory_by=0.25)},
            [Limits(320 * MIB), Limits(256 * MIB)],
            "limits crm-api to 256 MiB",
        ),
    ],
    ids=["scale", "rollback", "limits"],
)
async def test_what_a_repair_did_is_taken_back(rig: Rig, step: dict[str, object], then: list[Wish], words: str) -> None:
    before = rig.executor.world[API]
    asked = await undo(rig, await repaired(rig, **step))
    await rig.run_for(60)

    done, after = await again(rig, asked), rig.executor.world[API]
    assert (done.plan.words, done.outcome and done.outcome.status) == (words, OutcomeStatus.DONE)
    assert wishes(rig) == then
    assert (after.wanted, after.release, after.limits) == (before.wanted, before.release, before.limits)


async def test_it_leaves_its_mark_on_what_it_took_back(rig: Rig) -> None:
    repair = await repaired(rig, **SCALED)
    asked = await undo(rig, repair)
    assert await said(rig, EventKind.UNDONE) == []
    await rig.run_for(60)

    [told] = await rig.store.read(
        lambda rows: undone_of(rows.incidents.timeline(repair.incident_id, limit=99, after=0))
    )
    assert told.text == "taken back: scale crm-api to 1, bob wanted it (all three are needed)"
    assert (told.facts["undo_of"], told.facts["action_id"]) == (repair.id, asked.id)
    since = rig.clock.now() - SPAN
    precision = await rig.store.read(lambda rows: rows.actions.precision(repair.plan.playbook, since=since, most=9))
    assert (precision.executed, precision.undone) == (1, 1)
    assert plan_to_undo(await again(rig, repair)) == "it was taken back already"
    with pytest.raises(ConflictError, match="taken back already"):
        await undo(rig, repair)


def undone_of(timeline: list) -> list[Entry]:
    return [one.entry for one in timeline if one.entry.kind is EventKind.UNDONE]


async def test_a_yes_to_what_is_as_it_was_left_takes_it_back(rig: Rig) -> None:
    asked = await waiting(rig, await repaired(rig, **SCALED))
    assert asked.approval is not None
    assert asked.approval.shown["plan"]["restores"] == asked.plan.restores
    await say_yes(rig, asked)

    assert wishes(rig) == [Replicas(3), Replicas(1)]


@pytest.mark.parametrize(
    ("between", "why"),
    [
        (restarted_by_somebody, "restart crm-api (action act-later) was done after it"),
        (scaled_by_hand, "crm-api was changed by somebody else after it"),
    ],
)
async def test_a_yes_destroys_nothing_that_was_done_while_it_was_waited_for(
    rig: Rig, between: Callable, why: str
) -> None:
    repair = await repaired(rig, **SCALED)
    asked = await waiting(rig, repair)
    await between(rig, repair)
    await say_yes(rig, asked)

    ended = await again(rig, asked)
    assert (ended.state, ended.started_at, wishes(rig)) == (ActionState.REFUSED, None, [Replicas(3)])
    assert ended.outcome is not None
    assert ended.outcome.reason == f"not carried out: {why}"
    assert [one.text for one in await said(rig, EventKind.DENIED)] == [
        f"scale crm-api to 1: the request is taken back, {why}"
    ]


async def test_nobody_is_asked_any_more_for_what_would_destroy_something(rig: Rig) -> None:
    repair = await repaired(rig, **SCALED)
    asked = await waiting(rig, repair)
    await scaled_by_hand(rig, repair)
    await rig.run_for(60)

    assert (await again(rig, asked)).state is ActionState.REFUSED


async def test_it_is_looked_at_once_more_just_before_it_is_done(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing_seen(*_given: object) -> str:
        return ""

    monkeypatch.setattr(approve, "_changed_since", nothing_seen)  # somebody acts right after that look
    repair = await repaired(rig, **SCALED)
    asked = await waiting(rig, repair)
    later = await restarted_by_somebody(rig, repair)
    await say_yes(rig, asked)

    ended = await again(rig, asked)
    assert (ended.state, ended.started_at, wishes(rig)) == (ActionState.REFUSED, None, [Replicas(3)])
    assert ended.outcome is not None
    assert f"(action {later.id}) was done after it" in ended.outcome.reason


async def test_what_was_allowed_at_once_is_decided_anew_too(rig: Rig) -> None:
    repair = await repaired(rig, **SCALED)
    asked = await undo(rig, repair)
    assert asked.state is ActionState.ALLOWED
    await scaled_by_hand(rig, repair)
    rig.clock.move(1)
    await rig.run_for(10)

    ended = await again(rig, asked)
    assert (ended.state, wishes(rig)) == (ActionState.REFUSED, [Replicas(3)])
    assert not any(isinstance(each, StartedAfter) for each in wishes(rig))
