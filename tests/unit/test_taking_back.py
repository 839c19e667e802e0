"""A person asks to take back what an action did: a request like every other, which destroys nobody else's work."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.commands import Commands
from aetherlink.errors import ConflictError, NotFoundError
from aetherlink.model.actions import (
    Action,
    ActionState,
    Limits,
    Observation,
    Outcome,
    OutcomeStatus,
    Plan,
    Target,
    Verb,
)
from aetherlink.model.decisions import Decision, Effect, Mode
from aetherlink.model.ids import ActionId, SourceName, TargetName
from aetherlink.model.incidents import Stage
from aetherlink.model.snapshots import with_snapshot
from aetherlink.policy.decide import decide
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock, fixed_key
from rigs.briefing import briefing_of
from rigs.databases import empty_file
from rigs.pipeline import NoWaker

MIB = 2**20
CRM = Target(TargetName("crm-api"), "lab", "crm", minimum=1, maximum=4)
LIMITED = replace(CRM, most=Limits(512 * MIB))
DONE = Outcome(OutcomeStatus.DONE, "1 of 1 ready")
BEFORE = Observation(3, 3, None, release="1.0.0")  # the executor of these tests has one of each target


class Desk:
    """Commands on a store of its own, and the actions of before."""

    def __init__(self, store: SqlStore) -> None:
        self.store, self.clock, self.ids = store, ManualClock(), CountingIds()

    def commands(self, *, mode: Mode = Mode.AUTO, target: Target = CRM) -> Commands:
        return Commands(
            self.store,
            decide,
            briefing_of([target], self.clock, mode),
            clock=self.clock,
            ids=self.ids,
            waker=NoWaker(),
            actions={},
            source=SourceName("lab"),
            per_hour=6,
            is_vip=lambda _: False,
            count=lambda _: None,
        )

    async def done(self, verb: Verb = Verb.SCALE, *, ago: int = 60, **changes: object) -> Action:
        """An action that was carried out so many seconds ago: it found three, and left one."""
        at = self.clock.now() - timedelta(seconds=ago)
        plan = Plan(verb, CRM.name, replicas=1 if verb is Verb.SCALE else None)
        allowed = Decision(Effect.ALLOW, "all_rules", "nothing is against it")
        action = Action(ActionId(self.ids.new("act")), plan, "too many", "ann", allowed, ActionState.FINISHED, at)
        action = replace(with_snapshot(action, BEFORE), started_at=at, finished_at=at)
        action = replace(action, **{"outcome": DONE, **changes})  # type: ignore[arg-type] - named by the test
        await self.store.write(lambda rows: rows.actions.put(action))
        return action

    async def rolled_back(self, *, to: str = "1.1.0") -> Action:
        """A rollback to this release; what runs is 1.1.0."""
        action = await self.done(Verb.ROLLBACK)
        left = replace(action, facts={**action.facts, "release": to})
        await self.store.write(lambda rows: rows.actions.put(left))
        return left

    async def limited(self) -> Action:
        """Limits that were raised to what the target has now."""
        action = await self.done(Verb.LIMITS)
        plan = replace(action.plan, limits=Limits(256 * MIB))
        left = with_snapshot(replace(action, plan=plan), replace(BEFORE, limits=Limits(128 * MIB)))
        await self.store.write(lambda rows: rows.actions.put(left))
        return left


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = SqlStore(empty_file(tmp_path / "aether.db"), key=fixed_key)
    store.open()
    yield Desk(store)
    store.close()


async def test_what_was_before_is_asked_for_as_an_action_of_its_own(desk: Desk) -> None:
    done = await desk.done()
    asked = await desk.commands().request_undo(done.id, "it was needed", principal="bob")

    assert (asked.state, asked.plan.words, asked.requested_by) == (ActionState.ALLOWED, "scale crm-api to 3", "bob")
    assert (asked.plan.undo_of, asked.plan.per_hour) == (None, 6)
    assert asked.facts["request"]["undoes"] == done.id
    incident = await desk.store.read(lambda rows: rows.incidents.get(asked.incident_id))
    assert (incident.stage, incident.title) == (Stage.ACT, "scale crm-api to 3, requested by bob")


async def test_policy_decides_it(desk: Desk) -> None:
    done = await desk.done()
    waits = await desk.commands(mode=Mode.APPROVE).request_undo(done.id, "x", principal="bob")
    watched = await desk.commands(mode=Mode.OBSERVE).request_undo(done.id, "x", principal="bob")
    small = await desk.commands(target=replace(CRM, maximum=2)).request_undo(done.id, "x", principal="bob")

    assert waits.state is ActionState.WAITING_APPROVAL
    assert (watched.state, watched.decision.effect) == (ActionState.REFUSED, Effect.OBSERVE)
    assert (small.state, small.decision.rule) == (ActionState.REFUSED, "scale_is_within_bounds")


async def test_a_rollback_brings_its_release_back_by_name(desk: Desk) -> None:
    asked = await desk.commands().request_undo((await desk.rolled_back()).id, "x", principal="bob")

    assert (asked.state, asked.decision.reason) == (ActionState.ALLOWED, "no rule has anything against it")
    assert (asked.plan.verb, asked.plan.release, asked.plan.words) == (
        Verb.ROLLBACK,
        "1.0.0",
        "rollback crm-api to 1.0.0",
    )


async def test_a_rollback_that_is_not_what_runs_is_not_taken_back(desk: Desk) -> None:
    action = await desk.rolled_back(to="1.2.0")
    asked = await desk.commands().request_undo(action.id, "x", principal="bob")

    assert (asked.state, asked.decision.rule) == (ActionState.REFUSED, "target_is_as_it_was_left")


async def test_limits_are_lowered_to_take_a_raise_back_and_for_nothing_else(desk: Desk) -> None:
    raised = await desk.limited()
    asked = await desk.commands(target=LIMITED).request_undo(raised.id, "x", principal="bob")

    assert (asked.state, asked.decision.reason) == (ActionState.ALLOWED, "no rule has anything against it")
    assert (asked.plan.words, asked.plan.restores) == ("limits crm-api to 128 MiB", raised.id)


@pytest.mark.parametrize("verb", [Verb.LIMITS, Verb.ROLLBACK])
async def test_what_waits_to_bring_something_else_is_not_the_same(desk: Desk, verb: Verb) -> None:
    done = await (desk.limited() if verb is Verb.LIMITS else desk.rolled_back())
    commands = desk.commands(mode=Mode.APPROVE, target=LIMITED)
    other = Plan(verb, CRM.name, limits=Limits(512 * MIB) if verb is Verb.LIMITS else Limits())
    waits = replace(done, id=ActionId("act-waits"), plan=other, state=ActionState.WAITING_APPROVAL, started_at=None)
    await desk.store.write(lambda rows: rows.actions.put(waits))
    asked = await commands.request_undo(done.id, "x", principal="bob")
    again = await commands.request_undo(done.id, "x", principal="bob")

    assert asked.state is ActionState.WAITING_APPROVAL
    assert (again.state, again.decision.rule) == (ActionState.REFUSED, "request_is_new")
    assert f"action {asked.id} is the same" in again.decision.reason


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verb": Verb.RESTART}, "nothing brings back what was before a restart"),
        ({"outcome": Outcome(OutcomeStatus.NOT_NEEDED, "there are one")}, "nothing was carried out"),
        ({"outcome": Outcome(OutcomeStatus.NOT_DONE, "it was not sent")}, "nothing was carried out"),
        ({"outcome": None, "state": ActionState.RUNNING}, "nothing was carried out"),
        ({"facts": {}}, "nothing brings back what was before a scale"),
    ],
    ids=["a restart", "not needed", "not done", "not ended", "not kept"],
)
async def test_what_nothing_takes_back_is_a_conflict_and_stores_nothing(
    desk: Desk, changes: dict[str, object], why: str
) -> None:
    done = await desk.done(**changes)

    with pytest.raises(ConflictError, match=why):
        await desk.commands().request_undo(done.id, "x", principal="bob")
    assert (await desk.store.read(lambda rows: rows.actions.page(limit=9, before=None)))[0] == [done]


async def test_what_may_have_been_carried_out_can_be_taken_back(desk: Desk) -> None:
    done = await desk.done(outcome=Outcome(OutcomeStatus.UNKNOWN, "the answer was lost"))

    assert (await desk.commands().request_undo(done.id, "x", principal="bob")).state is ActionState.ALLOWED


async def test_the_work_of_others_since_then_is_not_destroyed(desk: Desk) -> None:
    first = await desk.done()
    later = await desk.done(ago=30)
    refused = await desk.commands().request_undo(first.id, "x", principal="bob")
    elsewhere = await desk.done(ago=20)
    changed = replace(elsewhere, plan=replace(elsewhere.plan, replicas=2))  # it left two, and there is one
    await desk.store.write(lambda rows: rows.actions.put(changed))
    drifted = await desk.commands().request_undo(changed.id, "x", principal="bob")

    assert (refused.state, refused.decision.rule) == (ActionState.REFUSED, "target_is_as_it_was_left")
    assert f"(action {later.id}) was done after it" in refused.decision.reason
    assert (drifted.decision.rule, drifted.state) == ("target_is_as_it_was_left", ActionState.REFUSED)
    assert "was changed by somebody else after it" in drifted.decision.reason


async def test_nothing_that_was_only_asked_for_hides_what_was_done(desk: Desk) -> None:
    first, later = await desk.done(ago=86_400), await desk.done(ago=7200)
    refused = replace(later, state=ActionState.REFUSED, started_at=None)
    many = [replace(refused, id=ActionId(f"act-9{number:03}")) for number in range(101)]
    await desk.store.write(lambda rows: [rows.actions.put(one) for one in many])
    asked = await desk.commands().request_undo(first.id, "x", principal="bob")
    undone = await desk.commands().request_undo(later.id, "x", principal="bob")

    assert (asked.state, asked.decision.rule) == (ActionState.REFUSED, "target_is_as_it_was_left")
    assert f"(action {later.id}) was done after it" in asked.decision.reason
    assert undone.state is ActionState.ALLOWED


async def test_the_incident_of_the_action_says_who_asked_to_take_it_back(desk: Desk) -> None:
    commands = desk.commands()
    first = await commands.request_undo((await desk.done()).id, "x", principal="ann")
    refused = replace(first, state=ActionState.REFUSED, finished_at=desk.clock.now())
    await desk.store.write(lambda rows: rows.actions.put(refused))
    done = await desk.done(incident_id=first.incident_id, ago=1)
    asked = await commands.request_undo(done.id, "x", principal="bob")

    entries = await desk.store.read(lambda rows: rows.incidents.timeline(first.incident_id, limit=20, after=0))
    text = entries[-1].entry.text
    assert text.startswith(f"scale crm-api to 3 was requested by bob, to undo action {done.id}")
    assert str(asked.incident_id) in text


async def test_a_repeat_under_the_same_key_is_the_same_request(desk: Desk) -> None:
    done = await desk.done()
    commands = desk.commands()
    first = await commands.request_undo(done.id, "x", principal="bob", idempotency_key="k")
    again = await commands.request_undo(done.id, "x", principal="bob", idempotency_key="k")

    assert again.id == first.id
    with pytest.raises(ConflictError, match="another request"):
        await commands.request_undo(done.id, "y", principal="bob", idempotency_key="k")


async def test_what_there_is_not_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="no action 'act-none'"):
        await desk.commands().request_undo(ActionId("act-none"), "x", principal="bob")
