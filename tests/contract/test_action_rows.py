"""Actions in lists and in counts, on both stores."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.actions import (
    Action,
    ActionFilter,
    ActionState,
    Approval,
    Grant,
    Outcome,
    OutcomeStatus,
    Plan,
    Verb,
)
from aetherlink.model.approvals import hash_of
from aetherlink.model.decisions import Decision, Effect, Objection
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, TargetName
from aetherlink.model.precision import Precision
from aetherlink.store import actions
from aetherlink.store.database import SqlStore
from aetherlink.testing import START

ROWS = 60
MOST_READ = 8
MINUTE = timedelta(minutes=1)
RESTART = PlaybookName("restart-crm-api")
STATES = list(ActionState)

FILTERS: dict[ActionFilter, Callable[[int], bool]] = {
    ActionFilter(): lambda _: True,
    ActionFilter(state=ActionState.WAITING_APPROVAL): lambda number: number % 5 == 1,
    ActionFilter(incident_id="inc-2"): lambda number: number % 7 == 2,
    ActionFilter(target="target-1"): lambda number: number % 3 == 1,
    ActionFilter(state=ActionState.REFUSED, target="target-1"): lambda number: number % 15 == 10,
    ActionFilter(target="' OR 1=1 --"): lambda _: False,
}


def an_action(number: int, **changes: object) -> Action:
    action = Action(
        ActionId(f"act-{number:04d}"),
        Plan(Verb.RESTART, TargetName(f"target-{number % 3}"), playbook=RESTART),
        "it is down",
        f"playbook:{RESTART}",
        Decision(Effect.ALLOW, "all_rules", "nothing is against it"),
        STATES[number % 5],
        START + number * MINUTE,
        incident_id=IncidentId(f"inc-{number % 7}"),
    )
    return replace(action, **changes)


async def put(store: SqlStore, *kept: Action) -> None:
    await store.write(lambda tx: [tx.actions.put(action) for action in kept])


@pytest.mark.parametrize("only", FILTERS)
async def test_every_action_that_fits_is_there_once(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, only: ActionFilter
) -> None:
    monkeypatch.setattr(actions, "_MOST_READ", MOST_READ)
    await put(store, *(an_action(number) for number in range(ROWS)))
    found: list[str] = []
    cursor: str | None = None
    for _ in range(ROWS):
        page, cursor = await store.read(lambda tx, before=cursor: tx.actions.page(limit=4, before=before, only=only))
        found += [action.id for action in page]
        if cursor is None:
            break

    assert found == [f"act-{number:04d}" for number in reversed(range(ROWS)) if FILTERS[only](number)]


async def test_an_approval_comes_back_as_it_was_put(store: SqlStore) -> None:
    shown = {"plan": {"verb": "restart", "within": 60.0}, "observed": {"ready": 0, "oldest_start": None}, "undo": "é"}
    grants = (Grant("ann", START), Grant("bob", START + MINUTE))
    approval = Approval(hash_of(shown), START, START + MINUTE, shown, 2, grants, seal="5ea1")
    objection = Objection(Effect.NEEDS_APPROVAL, "mode_allows", "the mode is approve")
    decision = Decision(Effect.NEEDS_APPROVAL, "mode_allows", "the mode is approve", (objection,))
    action = an_action(1, approval=approval, decision=decision)
    await put(store, action)
    stored = await store.read(lambda tx: tx.actions.get(action.id))

    assert stored == action
    assert stored is not None
    assert stored.approval is not None
    assert hash_of(stored.approval.shown) == approval.plan_hash
    assert stored.approval.is_complete


async def test_the_last_end_on_a_target_is_known_for_ever(store: SqlStore) -> None:
    target, year = TargetName("target-0"), timedelta(days=365)
    ended = [
        an_action(number, started_at=START + number * year, finished_at=START + number * year + MINUTE)
        for number in (0, 3)
    ]
    runs = an_action(6, started_at=START + 6 * year)
    refused = an_action(9, finished_at=START + 9 * year)
    elsewhere = an_action(10, started_at=START + 10 * year, finished_at=START + 10 * year)
    assert await store.read(lambda tx: tx.actions.last_end(target)) is None

    await put(store, *ended, runs, refused, elsewhere)
    assert await store.read(lambda tx: tx.actions.last_end(target)) == ended[-1].finished_at


async def test_the_action_that_was_started_last_is_known_for_ever(store: SqlStore) -> None:
    target, year = TargetName("target-0"), timedelta(days=365)
    assert await store.read(lambda tx: tx.actions.last_started(target)) is None

    late, early = an_action(0, started_at=START + year), an_action(3, started_at=START)
    refused, elsewhere = an_action(6), an_action(10, started_at=START + 2 * year)
    await put(store, late, early, refused, elsewhere)
    assert await store.read(lambda tx: tx.actions.last_started(target)) == late


async def precision(store: SqlStore, *, minute: int = 0, most: int = 100) -> Precision:
    since = START + minute * MINUTE
    return await store.read(lambda tx: tx.actions.precision(RESTART, since=since, most=most))


async def test_precision_counts_what_ran_what_would_have_and_what_was_wrong(store: SqlStore) -> None:
    observed = Decision(Effect.OBSERVE, "mode_allows", "it observes")
    denied = Decision(Effect.DENY, "target_is_free", "another action runs on it")
    wrong = {"by": "ann", "at": "2026-01-01T12:00:00+00:00", "reason": "no"}
    plan = an_action(0).plan
    undo = replace(plan, undo_of=ActionId("act-0002"))
    await put(
        store,
        an_action(0, started_at=START, facts={"verdict": "recovered", "taken_back": {"by": "ann"}}),
        an_action(1, started_at=START, facts={"verdict": "recovered", "wrong": wrong}),
        an_action(2, started_at=START, facts={"verdict": "not_recovered"}),
        an_action(3, started_at=START, facts={"verdict": "cannot_tell"}),
        an_action(4, started_at=START),
        an_action(5, decision=observed, facts={"then": {"how": "resolved by itself", "after_seconds": 7.5}}),
        an_action(6, decision=observed, facts={"wrong": wrong}),
        an_action(7, decision=denied),
        an_action(8, started_at=START, plan=undo, outcome=Outcome(OutcomeStatus.DONE, "scaled back")),
        an_action(11, started_at=START, plan=undo, outcome=Outcome(OutcomeStatus.FAILED, "refused")),
        an_action(12, plan=undo),
        an_action(9, started_at=START, plan=replace(plan, playbook=PlaybookName("another"))),
        an_action(10, started_at=START, plan=replace(plan, playbook=None)),
    )

    assert await precision(store) == Precision(
        executed=5,
        wrong=2,
        verdicts={"recovered": 2, "not_recovered": 1, "cannot_tell": 1, "": 1},
        would_be={"resolved by itself": 1, "": 1},
        undone=2,
    )
    assert await precision(store, minute=6) == Precision(wrong=1, would_be={"": 1}, undone=1)
    assert (await precision(store, most=5)).executed == 2, "of the newest five two ran"
    assert await precision(store, minute=99) == Precision()
