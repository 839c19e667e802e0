"""What holds automation back, and the silences that the agent has set, on every store."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.actions import (
    VERDICT_FACT,
    Action,
    ActionState,
    Outcome,
    OutcomeStatus,
    Plan,
    Verb,
    Verdict,
)
from aetherlink.model.brakes import Brake
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, PlaybookName, SourceName, TargetName
from aetherlink.model.silences import OwnSilence
from aetherlink.ports import Store
from aetherlink.testing import START

ODD = 'target:"crm" \\ %s 🚨'


def brake(scope: str, reason: str = "it did not help", effect: Effect = Effect.DENY) -> Brake:
    return Brake(scope, START, reason, "agent", effect)


async def test_a_brake_that_is_set_stays_as_it_was_set_first(store: Store) -> None:
    first = brake(ODD)
    assert await store.write(lambda rows: rows.brakes.put(first)) is True
    assert await store.write(lambda rows: rows.brakes.put(brake(ODD, "again"))) is False
    assert await store.write(lambda rows: rows.brakes.put(brake("playbook:a"))) is True

    assert await store.read(lambda rows: rows.brakes.all()) == [brake("playbook:a"), first]


async def test_only_a_stricter_brake_takes_the_place_of_another(store: Store) -> None:
    asks, denies = brake("playbook:a", "ask", Effect.NEEDS_APPROVAL), brake("playbook:a", "deny")
    assert await store.write(lambda rows: rows.brakes.put(asks))
    assert await store.write(lambda rows: rows.brakes.put(denies))
    assert not await store.write(lambda rows: rows.brakes.put(asks))

    assert await store.read(lambda rows: rows.brakes.all()) == [denies]


async def test_a_brake_is_let_go_of_once(store: Store) -> None:
    await store.write(lambda rows: rows.brakes.put(brake("target:crm-api")))

    assert await store.write(lambda rows: rows.brakes.release("target:crm")) is False
    assert await store.write(lambda rows: rows.brakes.release("target:crm-api")) is True
    assert await store.write(lambda rows: rows.brakes.release("target:crm-api")) is False
    assert await store.read(lambda rows: rows.brakes.all()) == []


async def test_silences_are_kept_until_they_are_forgotten(store: Store) -> None:
    one = OwnSilence("b1", SourceName("lab"), "http://127.0.0.1:9093", ActionId("act-1"), START)
    other = OwnSilence("a2", SourceName("prod"), "http://am.example.org", ActionId("act-2"), START + timedelta(hours=1))
    for each in (one, other):
        await store.write(lambda rows, each=each: rows.own_silences.put(each))
    assert await store.read(lambda rows: rows.own_silences.all()) == [other, one]

    await store.write(lambda rows: rows.own_silences.forget("b1"))
    await store.write(lambda rows: rows.own_silences.forget("nothing"))
    assert await store.read(lambda rows: rows.own_silences.all()) == [other]


def acted(number: int, target: str, *, seconds: float | None) -> Action:
    return Action(
        id=ActionId(f"act-{number}"),
        plan=Plan(Verb.RESTART, TargetName(target)),
        reason="",
        requested_by="test",
        decision=Decision(Effect.ALLOW, "all_rules", ""),
        state=ActionState.FINISHED,
        created_at=START,
        started_at=None if seconds is None else START + timedelta(seconds=seconds),
    )


async def test_what_runs_counts_whenever_it_began(store: Store) -> None:
    """An agent that was away for hours, or whose clock jumped, must not take its target for free."""
    running = replace(acted(1, "a", seconds=-9999), state=ActionState.RUNNING)
    for each in (running, acted(2, "a", seconds=3), acted(3, "a", seconds=-9999)):
        await store.write(lambda rows, each=each: rows.actions.put(each))

    on_it = await store.read(lambda rows: rows.actions.started_since(TargetName("a"), START))
    assert {each.id for each in on_it} == {"act-1", "act-2"}
    anywhere = await store.read(lambda rows: rows.actions.started_anywhere(START, limit=1))
    assert anywhere == [running.as_started]


async def test_what_started_anywhere_comes_newest_first_and_bounded(store: Store) -> None:
    before, first, second, never = (
        acted(number, target, seconds=seconds)
        for number, (target, seconds) in enumerate([("a", -1), ("a", 0), ("b", 5), ("c", None)])
    )
    for each in (before, first, second, never):
        await store.write(lambda rows, each=each: rows.actions.put(each))

    found = await store.read(lambda rows: rows.actions.started_anywhere(START, limit=9))
    assert found == [second.as_started, first.as_started]
    [newest] = await store.read(lambda rows: rows.actions.started_anywhere(START, limit=1))
    assert newest == second.as_started


@pytest.mark.parametrize("verdict", [None, *Verdict])
@pytest.mark.parametrize("status", [None, *OutcomeStatus])
async def test_the_budgets_count_of_an_action_what_is_true_of_it(
    store: Store, status: OutcomeStatus | None, verdict: Verdict | None
) -> None:
    plan = Plan(Verb.RESTART, TargetName("a"), PlaybookName("restart-a"), tenant="acme")
    outcome = None if status is None else Outcome(status, "")
    facts = {} if verdict is None else {VERDICT_FACT: verdict.value}
    one = replace(acted(1, "a", seconds=1), plan=plan, outcome=outcome, facts=facts)
    await store.write(lambda rows: rows.actions.put(one))

    found = await store.read(lambda rows: rows.actions.started_anywhere(START, limit=9))
    assert found == [one.as_started]
    assert (found[0].tenant, found[0].playbook, found[0].has_failed) == ("acme", "restart-a", one.has_failed)
