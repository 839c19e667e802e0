"""Approving, denying, taking back, calling wrong, letting go: on the real store, with time that is moved by hand."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from aetherlink.agent_record import SPAN
from aetherlink.approval_commands import MOST_NOTED, ApprovalOptions
from aetherlink.errors import (
    AetherError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    GoneError,
    NotFoundError,
)
from aetherlink.lib.given_words import LONGEST_TEXT
from aetherlink.model.actions import (
    Action,
    ActionFilter,
    ActionState,
    Grant,
    Outcome,
    OutcomeStatus,
    Plan,
    Verb,
)
from aetherlink.model.brakes import Brake
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, TargetName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock
from rigs.approvals import API, LAB, PATIENCE, PLAN, Desk

SECOND = timedelta(seconds=1)
REQUEST = Plan(Verb.RESTART, API.name)
PAIR = "playbook:restart-crm-api@crm-api"
PLAYBOOK = "playbook:restart-crm-api"


@pytest.fixture
def desk(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Desk:
    return Desk(store, clock, ids)


def hash_of(action: Action) -> str:
    assert action.approval is not None
    return action.approval.plan_hash


def finished(action: Action, desk: Desk) -> Action:
    outcome = Outcome(OutcomeStatus.DONE, "")
    now = desk.clock.now()
    return replace(action, state=ActionState.FINISHED, started_at=now, finished_at=now, outcome=outcome)


def would_be(action: Action) -> Action:
    return replace(action, state=ActionState.REFUSED, decision=Decision(Effect.OBSERVE, "mode_allows", "it observes"))


# --- approve


async def test_a_yes_to_what_was_shown_is_a_grant_an_entry_and_a_wake(desk: Desk) -> None:
    asked = await desk.asked()
    desk.clock.move(60)
    approved = await desk.commands().approve(asked.id, hash_of(asked), by="ann")

    now = desk.clock.now()
    assert approved == await desk.action(asked.id)
    assert approved == replace(asked, approval=replace(asked.approval, grants=(Grant("ann", now),)))
    assert approved.approval.is_complete
    incident = await desk.incident(asked)
    assert (incident.wake_at, incident.updated_at, incident.stage) == (now, now, Stage.APPROVE)
    assert not incident.hands_off
    facts = {"action_id": asked.id, "by": "ann", "plan_hash": hash_of(asked), "needed": 1}
    text = "restart crm-api: approved by ann"
    assert await desk.entries(asked.incident_id) == [Entry(EventKind.APPROVED, now, text, facts)]
    assert desk.waker.wakes == 1


async def test_where_two_people_are_needed_the_second_completes_it(desk: Desk) -> None:
    asked = await desk.asked(needed=2)
    commands = desk.commands()
    first = await commands.approve(asked.id, hash_of(asked), by="ann")
    desk.clock.move(1)
    second = await commands.approve(asked.id, hash_of(asked), by="bob")

    assert (first.approval.is_complete, second.approval.is_complete) == (False, True)
    assert [grant.by for grant in second.approval.grants] == ["ann", "bob"]
    assert [entry.text for entry in await desk.entries(asked.incident_id)] == [
        "restart crm-api: approved by ann, 1 of 2 people",
        "restart crm-api: approved by bob, 2 of 2 people",
    ]


async def test_an_approval_is_good_until_the_last_moment_and_not_at_its_end(desk: Desk) -> None:
    early, late = await desk.asked(), await desk.asked()
    desk.clock.move((PATIENCE - SECOND).total_seconds())
    await desk.commands().approve(early.id, hash_of(early), by="ann")
    desk.clock.move(1)
    with pytest.raises(GoneError, match="expired at 2026-01-01 12:30:00 UTC"):
        await desk.commands().approve(late.id, hash_of(late), by="ann")


async def test_a_requester_may_approve_his_own_where_nobody_forbids_it(desk: Desk) -> None:
    asked = await desk.asked(by="ann")

    assert (await desk.commands().approve(asked.id, hash_of(asked), by="ann")).approval.is_complete


async def test_where_it_is_forbidden_only_somebody_else_may(desk: Desk) -> None:
    asked = await desk.asked(by="ann")
    commands = desk.commands(requester_may_approve=False)
    with pytest.raises(ForbiddenError, match="ann asked for action act-0001: somebody else has to approve it"):
        await commands.approve(asked.id, hash_of(asked), by="ann")

    assert (await commands.approve(asked.id, hash_of(asked), by="bob")).approval.is_complete


@pytest.mark.parametrize("may", [True, False])
async def test_whose_token_proposed_it_may_not_approve_it_whatever_the_settings_say(desk: Desk, may: bool) -> None:
    asked = await desk.asked(by="mcp:ann", plan=replace(REQUEST, is_proposal=True))
    commands = desk.commands(requester_may_approve=may)
    with pytest.raises(ForbiddenError, match="an assistant of ann proposed action act-0001: somebody else has to"):
        await commands.approve(asked.id, hash_of(asked), by="ann")

    assert (await commands.approve(asked.id, hash_of(asked), by="bob")).approval.is_complete


async def test_an_acknowledged_incident_still_waits(desk: Desk) -> None:
    asked = await desk.asked()
    await desk.change_incident(asked, acknowledged_at=desk.clock.now(), acknowledged_by="bob")

    assert (await desk.commands().approve(asked.id, hash_of(asked), by="ann")).approval.is_complete


Spoil = Callable[[Desk, Action], Awaitable[None]]


async def expired(desk: Desk, _: Action) -> None:
    desk.clock.move(PATIENCE.total_seconds())


async def expired_and_refused(desk: Desk, action: Action) -> None:
    desk.clock.move(PATIENCE.total_seconds())
    await desk.put(replace(action, state=ActionState.REFUSED, finished_at=desk.clock.now()))


async def denied(desk: Desk, action: Action) -> None:
    await desk.commands().deny(action.id, "no", by="bob")


async def taken_back(desk: Desk, action: Action) -> None:
    await desk.commands().cancel(action.id, by="bob")


async def approved(desk: Desk, action: Action) -> None:
    await desk.commands().approve(action.id, hash_of(action), by="bob")


async def runs(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, state=ActionState.RUNNING, started_at=desk.clock.now()))


async def has_run(desk: Desk, action: Action) -> None:
    await desk.put(finished(action, desk))


async def allowed(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, state=ActionState.ALLOWED))


async def not_looked_at(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, approval=None))


async def without_an_incident(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, incident_id=None))


async def asked_anew(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, approval=replace(action.approval, plan_hash="0" * 64)))


async def resolved(desk: Desk, action: Action) -> None:
    await desk.change_incident(action, status=IncidentStatus.RESOLVED, stage=Stage.DONE)


async def closing(desk: Desk, action: Action) -> None:
    await desk.change_incident(action, closed_by="bob")


async def gone_on(desk: Desk, action: Action) -> None:
    await desk.change_incident(action, action_id=ActionId("act-other"))


async def paused(desk: Desk, _: Action) -> None:
    pause = Pause(EVERYTHING, desk.clock.now(), "we move the database", "bob")
    await desk.store.write(lambda tx: tx.pauses.put(pause))


async def source_paused(desk: Desk, _: Action) -> None:
    pause = Pause(f"source:{LAB}", desk.clock.now(), "we move the database", "bob")
    await desk.store.write(lambda tx: tx.pauses.put(pause))


SPOILT: dict[Spoil, tuple[type[AetherError], str]] = {
    expired: (GoneError, "expired at"),
    expired_and_refused: (GoneError, "expired at"),
    denied: (ConflictError, "was decided already: it is refused, not carried out: denied by bob: no"),
    taken_back: (ConflictError, "was decided already: it is refused, not carried out: taken back by bob"),
    approved: (ConflictError, "was decided already: it is approved by bob"),
    runs: (ConflictError, "was decided already: it is running$"),
    has_run: (ConflictError, "was decided already: it is finished, "),
    allowed: (ConflictError, "was decided already: it is allowed$"),
    not_looked_at: (ConflictError, "is not yet ready"),
    without_an_incident: (ConflictError, "is not yet ready"),
    asked_anew: (ConflictError, "drifted: .* look at it again"),
    resolved: (ConflictError, "was decided already: incident inc-0002 does not wait for it"),
    closing: (ConflictError, "was decided already: incident inc-0002 does not wait for it"),
    gone_on: (ConflictError, "was decided already: incident inc-0002 does not wait for it"),
    paused: (ConflictError, "cannot be approved now: paused by bob .*: we move the database"),
    source_paused: (ConflictError, "cannot be approved now: source:lab is paused by bob"),
}


@pytest.mark.parametrize("spoil", SPOILT)
async def test_what_is_not_so_any_more_gets_no_grant_and_who_tried_is_on_record(desk: Desk, spoil: Spoil) -> None:
    asked = await desk.asked()
    await spoil(desk, asked)
    before, incident = await desk.action(asked.id), await desk.incident(asked)
    wakes = desk.waker.wakes
    kind, words = SPOILT[spoil]
    with pytest.raises(kind, match=words) as caught:
        await desk.commands().approve(asked.id, hash_of(asked), by="ann")

    assert await desk.action(asked.id) == before
    assert desk.waker.wakes == wakes
    after = await desk.incident(asked)
    assert (after.wake_at, after.stage) == (incident.wake_at, incident.stage)
    tried = [entry for entry in await desk.entries(asked.incident_id) if entry.kind is EventKind.NOT_APPROVED]
    if spoil is without_an_incident:
        assert tried == []
        return
    facts = {"action_id": asked.id, "by": "ann", "reason": str(caught.value)}
    said = f"ann could not approve: {caught.value}"
    assert tried == [Entry(EventKind.NOT_APPROVED, desk.clock.now(), said, facts)]
    assert after.updated_at == desk.clock.now()


@pytest.mark.parametrize("wrong", ["", "0" * 64, "drifted", "é", "\ud800", "upper"])
async def test_another_hash_is_no_approval(desk: Desk, wrong: str) -> None:
    asked = await desk.asked()
    given = hash_of(asked).upper() if wrong == "upper" else wrong
    with pytest.raises(ConflictError, match="drifted"):
        await desk.commands().approve(asked.id, given, by="ann")

    assert (await desk.action(asked.id)).approval.grants == ()


async def test_the_hash_of_another_action_is_no_approval(desk: Desk) -> None:
    other = await desk.asked(plan=replace(PLAN, target=TargetName("crm-worker")))
    asked = await desk.asked()
    with pytest.raises(ConflictError, match="drifted"):
        await desk.commands().approve(asked.id, hash_of(other), by="ann")

    assert (await desk.action(asked.id)).approval.grants == ()
    assert (await desk.action(other.id)).approval.grants == ()


async def test_one_person_is_not_two(desk: Desk) -> None:
    asked = await desk.asked(needed=2)
    await desk.commands().approve(asked.id, hash_of(asked), by="ann")
    with pytest.raises(ConflictError, match="ann has approved action act-0001 already: it takes 2 people"):
        await desk.commands().approve(asked.id, hash_of(asked), by="ann")

    assert len((await desk.action(asked.id)).approval.grants) == 1


async def test_two_people_whom_the_provider_calls_alike_are_two_and_one_whom_it_renames_is_one(desk: Desk) -> None:
    asked = await desk.asked(needed=2)
    await desk.commands().approve(asked.id, hash_of(asked), by="oidc:ann~1a2b3c4d")
    with pytest.raises(ConflictError, match="has approved action act-0001 already"):
        await desk.commands().approve(asked.id, hash_of(asked), by="oidc:bob~1a2b3c4d")
    assert not (await desk.action(asked.id)).approval.is_complete
    await desk.commands().approve(asked.id, hash_of(asked), by="oidc:ann~5e6f7a8b")

    approval = (await desk.action(asked.id)).approval
    assert (len(approval.grants), approval.is_complete) == (2, True)
    renamed = replace(approval, grants=(approval.grants[0], replace(approval.grants[0], by="oidc:bob~1a2b3c4d")))
    assert not renamed.is_complete


async def test_who_asked_is_the_same_under_another_name_of_the_provider(desk: Desk) -> None:
    asked = await desk.asked(by="oidc:ann~1a2b3c4d")
    with pytest.raises(ForbiddenError, match="somebody else has to approve it"):
        await desk.commands(requester_may_approve=False).approve(asked.id, hash_of(asked), by="oidc:bob~1a2b3c4d")
    await desk.commands(requester_may_approve=False).approve(asked.id, hash_of(asked), by="oidc:ann~5e6f7a8b")


async def test_who_tries_again_and_again_fills_no_timeline(desk: Desk) -> None:
    asked = await desk.asked()
    for by in ("ann", "ann", "bob", "ann", "bob"):
        with pytest.raises(ConflictError):
            await desk.commands().approve(asked.id, "other", by=by)
    desk.clock.move(PATIENCE.total_seconds())
    with pytest.raises(GoneError):
        await desk.commands().approve(asked.id, hash_of(asked), by="ann")

    tried = await desk.entries(asked.incident_id)
    assert [entry.facts["by"] for entry in tried] == ["ann", "bob", "ann"]


async def test_of_very_many_who_try_the_timeline_holds_some_and_the_log_all(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    asked = await desk.asked()
    for number in range(MOST_NOTED + 5):
        with pytest.raises(ConflictError):
            await desk.commands().approve(asked.id, "other", by=f"person-{number:02d}")

    tried = await desk.entries(asked.incident_id)
    assert [entry.facts["by"] for entry in tried] == [f"person-{number:02d}" for number in range(MOST_NOTED)]
    assert len([line for line in caplog.messages if "could not approve: action act-0001 drifted" in line]) == 55


async def test_who_tries_what_has_no_incident_is_in_the_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    asked = await desk.asked(incident_id=None)
    with pytest.raises(ConflictError):
        await desk.commands().approve(asked.id, hash_of(asked), by="ann")

    assert [line for line in caplog.messages if line.startswith("action act-0001: ann could not approve")]


async def test_what_is_entered_is_in_the_log_too(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aetherlink.commands")
    asked = await desk.asked()
    await desk.commands().approve(asked.id, hash_of(asked), by="ann")

    assert caplog.messages == ["incident inc-0002: restart crm-api: approved by ann"]


def test_the_settings_of_approvals_know_no_other_key_and_no_endless_request() -> None:
    assert ApprovalOptions() == ApprovalOptions(
        requester_may_approve=True, second_person_for_vip=False, expires_after=timedelta(minutes=30)
    )
    for wrong in ({"anybody_may": True}, {"expires_after": "0s"}, {"expires_after": "2d"}):
        with pytest.raises(ValidationError):
            ApprovalOptions.model_validate(wrong)
    with pytest.raises(ValidationError):
        ApprovalOptions().requester_may_approve = False


async def test_nobody_approves_what_is_not_there(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="there is no action 'act-none'"):
        await desk.commands().approve(ActionId("act-none"), "x", by="ann")
    assert desk.waker.wakes == 0


@pytest.mark.parametrize("racing", [30, pytest.param(1000, marks=pytest.mark.long)])
async def test_of_many_who_approve_at_once_exactly_one_does(desk: Desk, racing: int) -> None:
    asked = await desk.asked()
    commands = desk.commands()
    tries = [commands.approve(asked.id, hash_of(asked), by=f"person-{number}") for number in range(racing)]
    results = await asyncio.gather(*tries, return_exceptions=True)

    won = [result for result in results if isinstance(result, Action)]
    assert len(won) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == racing - 1
    stored = await desk.action(asked.id)
    assert stored == won[0]
    assert len(stored.approval.grants) == 1
    kinds = [entry.kind for entry in await desk.entries(asked.incident_id)]
    assert kinds.count(EventKind.APPROVED) == 1


async def test_a_yes_and_a_no_at_once_leave_one_of_them(desk: Desk) -> None:
    asked = [await desk.asked() for _ in range(10)]
    commands = desk.commands()
    await asyncio.gather(
        *(commands.approve(one.id, hash_of(one), by="ann") for one in asked),
        *(commands.deny(one.id, "no", by="bob") for one in asked),
        return_exceptions=True,
    )

    assert {(await desk.action(one.id)).state for one in asked} == {ActionState.REFUSED}, "a no is good after a yes too"


# --- deny and cancel


async def test_a_no_ends_it_and_leaves_its_incident_to_people(desk: Desk) -> None:
    asked = await desk.asked()
    desk.clock.move(5)
    refused = await desk.commands().deny(asked.id, "  not now ", by="ann")

    now = desk.clock.now()
    assert refused == await desk.action(asked.id)
    outcome = Outcome(OutcomeStatus.FAILED, "not carried out: denied by ann: not now")
    assert refused == replace(asked, state=ActionState.REFUSED, finished_at=now, outcome=outcome)
    incident = await desk.incident(asked)
    assert (incident.stage, incident.hands_off, incident.wake_at) == (Stage.WATCH, True, now)
    assert incident.updated_at == now
    facts = {"action_id": asked.id, "by": "ann", "reason": "not now"}
    text = "restart crm-api: denied by ann: not now"
    assert await desk.entries(asked.incident_id) == [Entry(EventKind.DENIED, now, text, facts)]
    assert desk.waker.wakes == 1


async def test_to_take_back_does_the_same_in_other_words(desk: Desk) -> None:
    asked = await desk.asked(by="ann", plan=REQUEST)
    refused = await desk.commands().cancel(asked.id, by="ann")

    assert (refused.state, refused.finished_at) == (ActionState.REFUSED, desk.clock.now())
    assert refused.outcome == Outcome(OutcomeStatus.FAILED, "not carried out: taken back by ann")
    incident = await desk.incident(asked)
    assert (incident.stage, incident.hands_off, incident.wake_at) == (Stage.WATCH, True, desk.clock.now())
    [entry] = await desk.entries(asked.incident_id)
    assert (entry.kind, entry.text) == (EventKind.DENIED, "restart crm-api: taken back by ann")
    assert entry.facts == {"action_id": asked.id, "by": "ann", "reason": ""}


async def test_what_is_still_looked_at_or_half_approved_can_be_denied(desk: Desk) -> None:
    for spoil in (not_looked_at, approved, paused):
        asked = await desk.asked()
        await spoil(desk, asked)
        assert (await desk.commands().deny(asked.id, "no", by="ann")).state is ActionState.REFUSED


@pytest.mark.parametrize("spoil", [denied, taken_back, runs, has_run, allowed])
async def test_what_was_decided_cannot_be_denied_or_taken_back(desk: Desk, spoil: Spoil) -> None:
    asked = await desk.asked()
    await spoil(desk, asked)
    before = await desk.action(asked.id)
    for refuse in (desk.commands().deny(asked.id, "no", by="ann"), desk.commands().cancel(asked.id, by="ann")):
        with pytest.raises(ConflictError, match="was decided already"):
            await refuse
    assert await desk.action(asked.id) == before


@pytest.mark.parametrize("spoil", [expired, expired_and_refused])
async def test_what_has_expired_cannot_be_denied_or_taken_back(desk: Desk, spoil: Spoil) -> None:
    asked = await desk.asked()
    await spoil(desk, asked)
    for refuse in (desk.commands().deny(asked.id, "no", by="ann"), desk.commands().cancel(asked.id, by="ann")):
        with pytest.raises(GoneError):
            await refuse
    assert await desk.entries(asked.incident_id) == []


async def test_a_clock_that_is_set_back_makes_no_request_approvable_again(desk: Desk) -> None:
    asked = await desk.asked()
    desk.clock.move(-3600)
    with pytest.raises(GoneError):
        await desk.commands().approve(asked.id, hash_of(asked), by="ann")


async def test_what_was_denied_in_time_is_decided_also_when_its_time_is_over(desk: Desk) -> None:
    asked = await desk.asked()
    desk.clock.move((PATIENCE - SECOND).total_seconds())
    await denied(desk, asked)
    desk.clock.move(3600)
    with pytest.raises(ConflictError, match="denied by bob"):
        await desk.commands().approve(asked.id, hash_of(asked), by="ann")


@pytest.mark.parametrize("spoil", [gone_on, resolved, closing])
async def test_an_incident_that_has_gone_on_is_not_moved_by_a_no(desk: Desk, spoil: Spoil) -> None:
    asked = await desk.asked()
    await spoil(desk, asked)
    before = await desk.incident(asked)
    await desk.commands().deny(asked.id, "no", by="ann")

    after = await desk.incident(asked)
    assert replace(after, updated_at=before.updated_at, version=before.version) == before
    assert [entry.kind for entry in await desk.entries(asked.incident_id)] == [EventKind.DENIED]


async def test_what_has_no_incident_is_denied_all_the_same(desk: Desk) -> None:
    asked = await desk.asked(incident_id=None)

    assert (await desk.commands().deny(asked.id, "no", by="ann")).state is ActionState.REFUSED


@pytest.mark.parametrize("words", ["", "  ", "a\0b", "x" * (LONGEST_TEXT + 1)])
async def test_a_reason_has_to_be_one(desk: Desk, words: str) -> None:
    asked = await desk.asked()
    commands = desk.commands()
    for say in (commands.deny, commands.wrong):
        with pytest.raises(BadRequestError, match="write 1 to 4000 characters"):
            await say(asked.id, words, by="ann")
    with pytest.raises(BadRequestError):
        await commands.release("all", words, by="ann")
    assert await desk.action(asked.id) == asked


# --- wrong


async def test_a_wrong_action_holds_its_playbook_back(desk: Desk) -> None:
    asked = await desk.asked()
    ran = await desk.put(finished(asked, desk))
    desk.clock.move(5)
    marked = await desk.commands().wrong(asked.id, " the API was well ", by="ann")

    now = desk.clock.now()
    fact = {"by": "ann", "at": now.isoformat(), "reason": "the API was well"}
    assert marked == await desk.action(asked.id) == replace(ran, facts={"wrong": fact})
    why = "action act-0001 was wrong: the API was well"
    pair, playbook = Brake(PAIR, now, why, "ann"), Brake(PLAYBOOK, now, why, "ann", Effect.NEEDS_APPROVAL)
    assert await desk.commands().brakes() == [playbook, pair]
    facts = {"action_id": asked.id, "by": "ann", "reason": "the API was well"}
    assert await desk.entries(asked.incident_id) == [
        Entry(EventKind.WRONG, now, "restart crm-api was wrong, says ann: the API was well", facts),
        Entry(EventKind.BRAKED, now, pair.words, {"scope": PAIR, "effect": "deny", "by": "ann", "reason": why}),
        Entry(
            EventKind.BRAKED,
            now,
            playbook.words,
            {"scope": PLAYBOOK, "effect": "needs_approval", "by": "ann", "reason": why},
        ),
    ]
    assert (await desk.incident(asked)).updated_at == now
    assert desk.waker.wakes == 1


async def test_said_twice_it_changes_nothing(desk: Desk) -> None:
    asked = await desk.asked()
    await desk.put(finished(asked, desk))
    first = await desk.commands().wrong(asked.id, "it was well", by="ann")
    held = await desk.commands().brakes()
    await desk.commands().release(PAIR, "mended", by="ann")
    desk.clock.move(5)
    second = await desk.commands().wrong(asked.id, "again", by="bob")

    assert second == first
    assert [brake.scope for brake in await desk.commands().brakes()] == [PLAYBOOK]
    assert len(held) == 2
    assert len(await desk.entries(asked.incident_id)) == 3


async def test_a_second_wrong_action_of_the_playbook_says_only_which_brakes_are_new(desk: Desk) -> None:
    for target in ("crm-api", "crm-worker"):
        asked = await desk.asked(plan=replace(PLAN, target=TargetName(target)))
        await desk.put(finished(asked, desk))
        await desk.commands().wrong(asked.id, "it was well", by="ann")

    kinds = [entry.kind for entry in await desk.entries(asked.incident_id)]
    assert kinds == [EventKind.WRONG, EventKind.BRAKED]
    assert [brake.scope for brake in await desk.commands().brakes()] == [
        PLAYBOOK,
        PAIR,
        "playbook:restart-crm-api@crm-worker",
    ]


async def test_other_facts_of_the_action_stay(desk: Desk) -> None:
    asked = await desk.asked()
    await desk.put(replace(finished(asked, desk), facts={"verdict": "recovered"}))

    assert (await desk.commands().wrong(asked.id, "no", by="ann")).facts["verdict"] == "recovered"


@pytest.mark.parametrize("case", ["request", "would-be"])
async def test_a_wrong_request_or_would_be_action_is_noted_and_holds_nothing_back(desk: Desk, case: str) -> None:
    asked = await desk.asked(plan=REQUEST if case == "request" else PLAN)
    await desk.put(finished(asked, desk) if case == "request" else would_be(asked))
    marked = await desk.commands().wrong(asked.id, "it was well", by="ann")

    assert marked.facts["wrong"]["by"] == "ann"
    assert await desk.commands().brakes() == []
    assert [entry.kind for entry in await desk.entries(asked.incident_id)] == [EventKind.WRONG]


async def test_what_never_had_an_incident_is_noted_in_the_agents_own_record(desk: Desk) -> None:
    asked = await desk.asked(plan=REQUEST, incident_id=None)
    await desk.put(would_be(asked))
    await desk.commands().wrong(asked.id, "it was well", by="ann")

    [record] = await records(desk)
    [entry] = await desk.entries(record.id)
    assert (entry.kind, entry.facts["action_id"]) == (EventKind.WRONG, asked.id)


@pytest.mark.parametrize("state", [ActionState.WAITING_APPROVAL, ActionState.ALLOWED, ActionState.RUNNING])
async def test_what_has_not_ended_cannot_be_wrong_yet(desk: Desk, state: ActionState) -> None:
    asked = await desk.asked(state=state)
    with pytest.raises(ConflictError, match=f"is {state}: it can be wrong once it has ended"):
        await desk.commands().wrong(asked.id, "no", by="ann")
    assert await desk.action(asked.id) == asked


@pytest.mark.parametrize("effect", [Effect.DENY, Effect.NEEDS_APPROVAL, Effect.ALLOW])
async def test_what_was_refused_cannot_be_wrong(desk: Desk, effect: Effect) -> None:
    asked = await desk.asked(state=ActionState.REFUSED, decision=Decision(effect, "a_rule", "a reason"))
    with pytest.raises(ConflictError, match="was not carried out"):
        await desk.commands().wrong(asked.id, "no", by="ann")
    assert await desk.commands().brakes() == []


# --- brakes


async def records(desk: Desk) -> list[Incident]:
    found, _ = await desk.store.read(lambda tx: tx.incidents.page(limit=10, before=None))
    return [incident for incident in found if incident.key == "agent:brakes"]


async def braked(desk: Desk) -> None:
    asked = await desk.asked()
    await desk.put(finished(asked, desk))
    await desk.commands().wrong(asked.id, "it was well", by="ann")


async def test_letting_go_takes_the_brake_away_and_is_on_record(desk: Desk) -> None:
    await braked(desk)
    pair = next(one for one in await desk.commands().brakes() if one.scope == PAIR)
    desk.clock.move(5)
    released = await desk.commands().release(PAIR, " it is mended ", by="bob")

    assert released == pair
    assert [one.scope for one in await desk.commands().brakes()] == [PLAYBOOK]
    now = desk.clock.now()
    [record] = await records(desk)
    assert record == Incident(
        id=record.id,
        key="agent:brakes",
        origin=Origin.REQUEST,
        source=LAB,
        title="Brakes of the agent",
        tenant="",
        service="",
        severity=Severity.INFO,
        vip=False,
        status=IncidentStatus.RESOLVED,
        stage=Stage.DONE,
        opened_at=now,
        updated_at=now,
        resolved_at=now,
    )
    facts = {
        "scope": PAIR,
        "effect": "deny",
        "by": "bob",
        "reason": "it is mended",
        "held_because": "action act-0001 was wrong: it was well",
    }
    text = f"bob let go of {PAIR}: it is mended"
    assert await desk.entries(record.id) == [Entry(EventKind.RELEASED, now, text, facts)]
    assert desk.waker.wakes == 2


async def test_there_is_nothing_to_let_go_of_twice(desk: Desk) -> None:
    await braked(desk)
    await desk.commands().release(PAIR, "mended", by="bob")
    for scope in (PAIR, "playbook:other", ""):
        with pytest.raises(NotFoundError, match="there is no brake"):
            await desk.commands().release(scope, "mended", by="bob")
    assert len(await desk.entries((await records(desk))[0].id)) == 1


async def test_the_record_goes_on_for_a_day_and_then_in_a_new_incident(desk: Desk) -> None:
    await braked(desk)
    await desk.commands().release(PAIR, "mended", by="bob")
    desk.clock.move((SPAN - SECOND).total_seconds())
    await desk.commands().release(PLAYBOOK, "mended", by="bob")
    [record] = await records(desk)
    assert (record.resolved_at, record.updated_at) == (desk.clock.now(), desk.clock.now())
    desk.clock.move(1)
    await braked(desk)
    await desk.commands().release(PAIR, "mended", by="bob")

    newest, oldest = await records(desk)
    assert [len(await desk.entries(one.id)) for one in (oldest, newest)] == [2, 1]
    assert newest.opened_at == oldest.opened_at + SPAN


async def test_lists_of_actions_are_narrowed(desk: Desk) -> None:
    one, other = await desk.asked(), await desk.asked()
    await denied(desk, other)
    only = ActionFilter(state=ActionState.WAITING_APPROVAL)
    found, cursor = await desk.store.read(lambda tx: tx.actions.page(limit=10, before=None, only=only))

    assert ([each.id for each in found], cursor) == ([one.id], None)
