"""What became of plans, as every store counts it, and the promotions that it keeps."""

import importlib
import random
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from aetherlink.model import would_be
from aetherlink.model.actions import (
    VERDICT_FACT,
    VERIFIED_AT_FACT,
    WRONG_FACT,
    Action,
    ActionState,
    Outcome,
    OutcomeStatus,
    Plan,
    Verb,
)
from aetherlink.model.decisions import Decision, Effect, Mode
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, SourceName, TargetName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.promotions import Promotion
from aetherlink.model.track_record import MOST_EXAMPLES, Counted, Fate, Kind, Repair
from aetherlink.ports import Store
from aetherlink.simulation.memory_store import MemoryStore, Tables
from aetherlink.store import tables
from aetherlink.store.database import SqlStore
from aetherlink.testing import START

MIGRATION = importlib.import_module("aetherlink.store.migrations.versions.0004_from_observe_to_auto")
SECOND = timedelta(seconds=1)
RESTART, SCALE = PlaybookName("restart-crm-api"), PlaybookName("scale-crm-api")
OPEN, CLOSED = IncidentId("inc-open"), IncidentId("inc-closed")
NOW = START + timedelta(days=1)


def a_plan(number: int, effect: Effect, facts: dict[str, object] | None = None, **changes: object) -> Action:
    decision = Decision(effect, f"rule_{effect}", "because")
    action = Action(
        ActionId(f"act-{number:05d}"),
        Plan(Verb.RESTART, TargetName("crm-api"), playbook=RESTART, verify_within_seconds=60.0),
        "it is down",
        f"playbook:{RESTART}",
        decision,
        ActionState.REFUSED,
        START + number * SECOND,
        incident_id=CLOSED,
        facts=facts or {},
    )
    return replace(action, **changes)


def observed(number: int, how: str = "", after: float = 0.0, **changes: object) -> Action:
    facts: dict[str, object] = {would_be.THEN_FACT: {would_be.HOW: how, would_be.AFTER: after}} if how else {}
    return replace(a_plan(number, Effect.OBSERVE, facts), **changes)


def ran(number: int, status: OutcomeStatus, verdict: str = "", took: float | None = None, **changes: object) -> Action:
    at = START + number * SECOND
    facts: dict[str, object] = {VERDICT_FACT: verdict} if verdict else {}
    if took is not None:
        facts[VERIFIED_AT_FACT] = [START.isoformat(), (at + timedelta(seconds=took)).isoformat()]
    action = a_plan(number, Effect.ALLOW, facts, state=ActionState.FINISHED, outcome=Outcome(status, ""))
    return replace(action, started_at=at, finished_at=at, **changes)


def an_incident(incident_id: IncidentId, status: IncidentStatus) -> Incident:
    return Incident(
        incident_id, f"key-{incident_id}", Origin.ALERT, SourceName("lab"), "it is down", "acme", "crm",
        Severity.WARNING, vip=False, status=status, stage=Stage.WATCH, opened_at=START, updated_at=START,
    )  # fmt: skip


async def keep(store: Store, *actions: Action) -> None:
    def work(rows) -> None:
        rows.incidents.insert(an_incident(OPEN, IncidentStatus.OPEN), [])
        rows.incidents.insert(an_incident(CLOSED, IncidentStatus.RESOLVED), [])
        for action in actions:
            rows.actions.put(action)

    await store.write(work)


async def count(store: Store, **changes: object) -> Counted:
    asked = {"since": START, "now": NOW, "most": 1000, **changes}
    return await store.read(lambda rows: rows.track.counted(**asked))


async def test_what_was_only_observed_is_told_by_how_it_ended_and_whether_a_repair_would_have_been_over(store) -> None:
    lately = NOW - 30 * SECOND
    await keep(
        store,
        observed(1, would_be.BY_ITSELF, 60.0),
        observed(2, would_be.BY_ITSELF, 60.5),
        observed(3, would_be.BY_A_PERSON, 10.0),
        observed(4, would_be.BY_A_PERSON, 900.0),
        observed(5, would_be.BY_A_REPAIR, 5.0),
        observed(6, incident_id=OPEN),
        observed(7, incident_id=OPEN, created_at=lately),
        observed(8),
        observed(9, facts={WRONG_FACT: {"by": "ann"}}),
    )
    record = (await count(store)).of(RESTART)
    words = {one.word: one.number for one in record.tallies}

    assert words == dict.fromkeys(map(str, Fate), 1)
    assert (record.right, record.needless, record.wrong, record.not_known) == (4, 1, 1, 3)
    assert record.right_share == 4 / 6
    assert record.medians == {Kind.OBSERVED: 60.0}


async def test_what_ran_is_told_by_what_came_of_it(store) -> None:
    done, undo = OutcomeStatus.DONE, Plan(Verb.SCALE, TargetName("crm-api"), SCALE, undo_of=ActionId("act-1"))
    await keep(
        store,
        ran(1, done, "recovered", 4.0),
        ran(2, done, "recovered", 8.0),
        ran(3, done, "not_recovered", 99.0),
        ran(4, done, "cannot_tell"),
        ran(5, done),
        ran(6, OutcomeStatus.UNKNOWN),
        ran(7, OutcomeStatus.FAILED),
        ran(8, OutcomeStatus.NOT_NEEDED, "recovered", 1.0),
        ran(9, done, "recovered", facts={WRONG_FACT: {"by": "ann"}, VERDICT_FACT: "recovered"}),
        ran(10, done, state=ActionState.RUNNING, outcome=None),
        ran(11, done, plan=undo),
        a_plan(12, Effect.ALLOW),
    )
    found = await count(store)
    record = found.of(RESTART)
    words = {one.word: one.number for one in record.tallies if one.kind is Kind.RAN}

    assert words == {
        "recovered": 2, "not_recovered": 1, "cannot_tell": 1, "unjudged": 1, "unknown": 1, "failed": 1,
        "not_needed": 1, "wrong": 1, "running": 1,
    }  # fmt: skip
    assert record.helped_share == 2 / 7
    assert record.medians == {Kind.RAN: 6.0}, "of two in the middle it is the mean"
    assert record.number(Kind.HELD) == 1
    assert found.of(SCALE).number(Kind.UNDID, "done") == 1
    assert found.of(SCALE).helped_share is None


async def test_denials_are_counted_by_rule_and_what_was_asked_by_what_people_said(store) -> None:
    ask, over = Effect.NEEDS_APPROVAL, Outcome(OutcomeStatus.NOT_NEEDED, "")
    other = Decision(Effect.DENY, "other_rule", "because")
    await keep(
        store,
        *(a_plan(number, Effect.DENY) for number in range(5)),
        *(a_plan(number, Effect.DENY, decision=other, incident_id=OPEN) for number in (5, 6)),
        a_plan(7, ask, state=ActionState.WAITING_APPROVAL),
        a_plan(8, ask, outcome=over),
        a_plan(9, ask, outcome=Outcome(OutcomeStatus.FAILED, "denied by ann")),
    )
    record = (await count(store)).of(RESTART)

    assert [(one.rule, one.number, one.incidents) for one in record.denials] == [
        ("rule_deny", 5, (CLOSED,)),
        ("other_rule", 2, (OPEN,)),
    ]
    assert {one.word: one.number for one in record.tallies if one.kind is Kind.ASKED} == {
        "waiting": 1, "not_needed": 1, "refused": 1,
    }  # fmt: skip


async def test_only_so_many_of_the_newest_since_then_are_counted_and_requests_of_people_never(store) -> None:
    a_request = Plan(Verb.RESTART, TargetName("crm-api"))
    await keep(
        store,
        *(observed(number, incident_id=IncidentId(f"inc-{number}")) for number in range(10)),
        observed(11, plan=a_request),
    )

    assert (await count(store)).plans == 10
    assert (await count(store, since=START + 6 * SECOND)).plans == 4
    assert (await count(store, playbook=SCALE)).playbooks == frozenset()
    [newest] = (await count(store, most=7)).of(RESTART).tallies
    assert (newest.number, newest.incidents) == (7, ("inc-9", "inc-8", "inc-7"))
    assert len(newest.incidents) == MOST_EXAMPLES


async def test_repairs_come_newest_first_without_what_took_one_back(store) -> None:
    undo = Plan(Verb.SCALE, TargetName("crm-api"), RESTART, undo_of=ActionId("act-1"))
    done = OutcomeStatus.DONE
    await keep(store, ran(1, done, "recovered"), ran(2, done, plan=undo), ran(3, done, "cannot_tell"), observed(4))

    async def repairs(most: int, since: int = 0) -> list[Repair]:
        return await store.read(lambda rows: rows.track.repairs(RESTART, since=START + since * SECOND, most=most))

    assert await repairs(9) == [Repair(CLOSED, "cannot_tell"), Repair(CLOSED, "recovered")]
    assert await repairs(1) == [Repair(CLOSED, "cannot_tell")]
    assert await repairs(9, since=2) == [Repair(CLOSED, "cannot_tell")]


async def test_the_database_counts_as_one_counts_by_hand(store) -> None:
    dice = random.Random(5)
    hows = ("", would_be.BY_ITSELF, would_be.BY_A_PERSON, would_be.BY_A_REPAIR)
    made = []
    for number in range(400):
        plan = Plan(Verb.RESTART, TargetName("a"), playbook=dice.choice((RESTART, SCALE, None)))
        shared = {"plan": plan, "incident_id": dice.choice((OPEN, CLOSED, None, IncidentId("gone")))}
        made.append(
            dice.choice(
                (
                    observed(number, dice.choice(hows), dice.choice((3.0, 60.0, 61.0, 500.0)), **shared),
                    ran(number, dice.choice(tuple(OutcomeStatus)), dice.choice(("", "recovered")), 2.0, **shared),
                    a_plan(number, dice.choice(tuple(Effect)), **shared),
                )
            )
        )
    by_hand = MemoryStore(Tables())
    await keep(by_hand, *made)
    await keep(store, *made)

    for asked in ({}, {"playbook": SCALE}, {"most": 150}, {"now": START + 300 * SECOND}):
        one, other = await count(store, **asked), await count(by_hand, **asked)
        assert one.plans == other.plans > 0
        assert one.medians == other.medians
        assert set(one.tallies) == set(other.tallies)


async def test_a_promotion_is_kept_until_another_takes_its_place(store) -> None:
    first = Promotion(RESTART, Mode.AUTO, "d1", START, "ann", 'it "works" %s 🚨')
    ended = replace(first, ended_at=NOW, ended_by="agent", ended_because="2 in a row")
    other = replace(first, playbook=SCALE, mode=Mode.APPROVE)
    for promotion in (first, other, ended):
        await store.write(lambda rows, each=promotion: rows.promotions.put(each))

    assert await store.read(lambda rows: rows.promotions.all()) == [ended, other]
    assert await store.read(lambda rows: rows.promotions.of(RESTART)) == ended
    assert await store.read(lambda rows: rows.promotions.of(PlaybookName("x"))) is None


@pytest.mark.sql
async def test_the_upgrade_finds_in_earlier_actions_what_is_written_beside_new_ones(store: SqlStore) -> None:
    done = OutcomeStatus.DONE
    undo = Plan(Verb.SCALE, TargetName("crm-api"), SCALE, undo_of=ActionId("act-1"))
    wrong = {WRONG_FACT: {"by": "ann"}}
    asked = Effect.NEEDS_APPROVAL
    made = [
        observed(1, would_be.BY_ITSELF, 60.5),
        observed(2, would_be.BY_A_PERSON, 3.25),
        observed(3),
        observed(4, facts=wrong),
        *(ran(10 + place, status) for place, status in enumerate(OutcomeStatus)),
        ran(20, done, "recovered"),
        ran(21, done, "cannot_tell"),
        ran(22, done, facts=wrong),
        ran(23, done, state=ActionState.RUNNING, outcome=None),
        ran(24, done, plan=undo),
        ran(25, OutcomeStatus.FAILED, plan=undo),
        a_plan(30, Effect.DENY),
        a_plan(31, Effect.ALLOW),
        a_plan(32, asked, state=ActionState.WAITING_APPROVAL),
        a_plan(33, asked, outcome=Outcome(OutcomeStatus.NOT_NEEDED, "")),
        a_plan(34, asked, outcome=Outcome(OutcomeStatus.FAILED, "")),
        a_plan(35, asked),
    ]
    await keep(store, *made)
    kept = [tables.actions.c[name] for name in ("id", "kind", "result", "rule", "took_ms", "within_ms")]
    written = sa.select(*kept).order_by(tables.actions.c.id)

    def fill_anew(rows) -> tuple[list[object], list[object]]:
        connection = rows.actions._connection
        before = connection.execute(written).all()
        connection.execute(sa.update(tables.actions).values(kind="", result="", rule="", took_ms=None, within_ms=0))
        for statement in MIGRATION.FILLING:
            connection.execute(statement)
        return before, connection.execute(written).all()

    before, filled = await store.write(fill_anew)
    assert len(before) == len(made)
    assert filled == before
