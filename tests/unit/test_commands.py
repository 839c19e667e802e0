"""Requests for actions on the real store and with real policy; time and ids are played, the waker counts."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aetherlink.commands import ActionOptions, ActionRequest, Commands
from aetherlink.errors import BadRequestError, ConflictError, NotFoundError
from aetherlink.model.actions import Action, ActionState, DeclaredRequest, Target, Verb
from aetherlink.model.decisions import Decision, Effect, Mode
from aetherlink.model.ids import ActionId, SourceName, TargetName
from aetherlink.model.incidents import Due, Origin, Stage
from aetherlink.model.pauses import Pause
from aetherlink.model.questions import Question
from aetherlink.model.timeline import EventKind
from aetherlink.policy.decide import decide
from aetherlink.store.actions import SqlActionRows
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock, fixed_key
from rigs.briefing import briefing_of
from rigs.databases import empty_file

CRM = Target(TargetName("crm-api"), "lab", "crm", minimum=1, maximum=4)
ACTIONS = {"restart_api": ActionOptions(restart=CRM.name), "grow": ActionOptions(scale=CRM.name)}
PURGE = DeclaredRequest("purge", "POST", "http://cache/purge", digest="")
CACHE = Target(TargetName("cache"), "http", "cache", requests=(PURGE, replace(PURGE, name="drop")))


class Desk:
    """Commands with everything around them within reach."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.clock = ManualClock()
        self.ids = CountingIds()
        self.questions: list[Question] = []
        self.counted: list[Action] = []
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    def commands(self, *, mode: Mode = Mode.AUTO, targets: Sequence[Target] = (CRM,), actions=ACTIONS) -> Commands:
        def listening(question: Question) -> Decision:
            self.questions.append(question)
            return decide(question)

        return Commands(
            self.store,
            listening,
            briefing_of(targets, self.clock, mode),
            clock=self.clock,
            ids=self.ids,
            waker=self,
            actions=actions,
            source=SourceName("lab"),
            per_hour=6,
            is_vip=lambda tenant: tenant.startswith("vip-"),
            count=self.counted.append,
        )

    async def stored(self) -> list[Action]:
        actions, _ = await self.store.read(lambda rows: rows.actions.page(limit=100, before=None))
        return actions


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = SqlStore(empty_file(tmp_path / "aether.db"), key=fixed_key)
    store.open()
    yield Desk(store)
    store.close()


RESTART = ActionRequest("restart_api", "manual test")


async def test_an_allowed_request_is_an_incident_at_the_stage_that_acts(desk: Desk) -> None:
    action = await desk.commands().request_action(RESTART, principal="local")

    assert (action.state, action.plan.verb, action.plan.target) == (ActionState.ALLOWED, Verb.RESTART, CRM.name)
    incident = await desk.store.read(lambda rows: rows.incidents.get(action.incident_id))
    assert (incident.origin, incident.stage, incident.action_id) == (Origin.REQUEST, Stage.ACT, action.id)
    assert (incident.opened_at, incident.wake_at, incident.service) == (desk.clock.now(), desk.clock.now(), "crm")
    entries = await desk.store.read(lambda rows: rows.incidents.timeline(incident.id, limit=10, after=0))
    assert [stored.entry.kind for stored in entries] == [EventKind.OPENED, EventKind.DECIDED]
    assert entries[1].entry.facts["action_id"] == action.id
    assert await desk.store.read(lambda rows: rows.incidents.due(desk.clock.now(), limit=9)) == [
        Due(incident.id, incident.priority)
    ]
    assert desk.wakes == 1


async def test_what_needs_a_person_is_an_incident_that_waits_for_one(desk: Desk) -> None:
    action = await desk.commands(mode=Mode.APPROVE).request_action(RESTART, principal="local")

    [incident], _ = await desk.store.read(lambda rows: rows.incidents.page(limit=9, before=None))
    assert (action.state, action.incident_id) == (ActionState.WAITING_APPROVAL, incident.id)
    assert (incident.stage, incident.action_id) == (Stage.APPROVE, action.id)
    assert desk.wakes == 1


async def test_what_is_not_allowed_is_recorded_and_starts_nothing(desk: Desk) -> None:
    action = await desk.commands(mode=Mode.OBSERVE).request_action(RESTART, principal="local")

    assert (action.state, action.incident_id) == (ActionState.REFUSED, None)
    assert await desk.stored() == [action]
    assert await desk.store.read(lambda rows: rows.incidents.page(limit=9, before=None)) == ([], None)
    assert desk.wakes == 0


VIP = replace(CRM, tenant="vip-umbrella")


async def test_a_request_for_the_target_of_a_vip_waits_for_a_person_and_is_the_vips(desk: Desk) -> None:
    action = await desk.commands(targets=[VIP]).request_action(RESTART, principal="local")

    assert (action.state, action.decision.rule) == (ActionState.WAITING_APPROVAL, "vip_allows")
    assert (action.plan.tenant, desk.questions[-1].vip) == ("vip-umbrella", True)
    incident = await desk.store.read(lambda rows: rows.incidents.get(action.incident_id))
    assert (incident.tenant, incident.vip, incident.stage) == ("vip-umbrella", True, Stage.APPROVE)


@pytest.mark.parametrize("tenant", ["", "acme", "not-vip-umbrella"])
async def test_a_request_for_anybody_elses_target_is_no_vips(desk: Desk, tenant: str) -> None:
    action = await desk.commands(targets=[replace(CRM, tenant=tenant)]).request_action(RESTART, principal="local")

    assert (action.state, action.plan.tenant) == (ActionState.ALLOWED, tenant)
    incident = await desk.store.read(lambda rows: rows.incidents.get(action.incident_id))
    assert (incident.tenant, incident.vip) == (tenant, False)


async def test_a_request_counts_among_the_actions_of_its_tenant(desk: Desk) -> None:
    other = Target(TargetName("acme-web"), "lab", "web", tenant="acme")
    commands = desk.commands(targets=[replace(CRM, tenant="acme"), other])
    earlier = await commands.request_action(ActionRequest("restart", "x", service="web"), principal="local")
    for number in range(10):  # the budget of a tenant
        begun = replace(
            earlier,
            id=ActionId(f"act-{number}"),
            state=ActionState.FINISHED,
            started_at=desk.clock.now(),
            finished_at=desk.clock.now(),
        )
        await desk.store.write(lambda rows, begun=begun: rows.actions.put(begun))

    refused = await commands.request_action(RESTART, principal="local")

    assert refused.state is ActionState.REFUSED
    assert "tenant_budget_holds" in [one.rule for one in refused.decision.objections]


async def test_a_pause_of_the_tenant_holds_requests_for_its_targets(desk: Desk) -> None:
    pause = Pause("tenant:acme", desk.clock.now(), "deploy", "ann")
    await desk.store.write(lambda rows: rows.pauses.put(pause))

    held = await desk.commands(targets=[replace(CRM, tenant="acme")]).request_action(RESTART, principal="local")
    free = await desk.commands().request_action(RESTART, principal="local")

    assert (held.decision.rule, free.state) == ("agent_is_not_paused", ActionState.ALLOWED)


async def test_policy_is_asked_with_the_hour_before(desk: Desk) -> None:
    commands = desk.commands()
    first = await commands.request_action(RESTART, principal="local")
    desk.clock.move(10)
    begun = replace(first, state=ActionState.FINISHED, started_at=desk.clock.now())
    await desk.store.write(lambda rows: rows.actions.put(begun))

    desk.clock.move(3599)
    await desk.commands(mode=Mode.OBSERVE).request_action(RESTART, principal="local")
    desk.clock.move(2)
    await commands.request_action(RESTART, principal="local")

    assert [[action.id for action in question.recent] for question in desk.questions] == [[], [first.id], []]
    question = desk.questions[-1]
    assert (question.ceiling, question.mode, question.evidence) == (Mode.AUTO, Mode.AUTO, None)
    assert question.now == desk.clock.now()


async def test_of_two_requests_at_once_the_target_takes_one(desk: Desk) -> None:
    commands = desk.commands(mode=Mode.OBSERVE)
    first = await desk.commands().request_action(RESTART, principal="local")
    for _ in range(25):  # more than a page of what was only observed
        await commands.request_action(RESTART, principal="local")

    second = await desk.commands().request_action(RESTART, principal="grafana")

    assert (second.decision.effect, second.decision.rule) == (Effect.DENY, "target_is_free")
    assert first.id in second.decision.reason
    assert desk.wakes == 1


async def test_a_flood_of_what_was_refused_is_not_read_to_find_what_has_not_begun(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await desk.commands().request_action(RESTART, principal="local")
    for _ in range(60):
        await desk.commands(mode=Mode.OBSERVE).request_action(RESTART, principal="local")
    read: list[Action] = []
    page = SqlActionRows.page

    def spied(table: SqlActionRows, **asked: Any) -> tuple[list[Action], str | None]:
        found, cursor = page(table, **asked)
        read.extend(found)
        return found, cursor

    monkeypatch.setattr(SqlActionRows, "page", spied)
    second = await desk.commands().request_action(RESTART, principal="grafana")

    assert read == [first]
    assert second.decision.rule == "target_is_free"


async def test_what_waits_for_approval_already_is_not_asked_of_people_again(desk: Desk) -> None:
    commands = desk.commands(mode=Mode.APPROVE)
    first = await commands.request_action(RESTART, principal="local")
    other = await commands.request_action(ActionRequest("grow", "x", replicas=3), principal="local")
    desk.clock.move(60)
    again = await commands.request_action(ActionRequest("restart", "y", service="crm"), principal="grafana")

    assert (first.state, other.state) == (ActionState.WAITING_APPROVAL, ActionState.WAITING_APPROVAL)
    assert (again.state, again.incident_id) == (ActionState.REFUSED, None)
    assert (again.decision.effect, again.decision.rule) == (Effect.DENY, "request_is_new")
    assert first.id in again.decision.reason
    assert desk.counted[-1] == again

    await desk.store.write(lambda rows: rows.actions.put(replace(first, state=ActionState.REFUSED)))
    anew = await commands.request_action(RESTART, principal="local")
    assert anew.state is ActionState.WAITING_APPROVAL


async def test_what_waits_for_approval_holds_up_nothing_that_needs_none(desk: Desk) -> None:
    await desk.commands(mode=Mode.APPROVE).request_action(RESTART, principal="local")

    assert (await desk.commands().request_action(RESTART, principal="local")).state is ActionState.ALLOWED


async def test_no_more_than_ten_requests_wait_for_approval_on_one_target(desk: Desk) -> None:
    big, other = replace(CRM, maximum=50), replace(CRM, name=TargetName("other"), service="other", maximum=50)
    commands = desk.commands(mode=Mode.APPROVE, targets=[big, other])

    async def states(service: str, count: int) -> list[str]:
        asked = [ActionRequest("scale", "x", service, replicas) for replicas in range(2, 2 + count)]
        made = [await commands.request_action(request, principal="local") for request in asked]
        return [action.decision.rule if action.state is ActionState.REFUSED else "waits" for action in made]

    assert await states("crm", 12) == [*["waits"] * 10, "few_requests_wait", "few_requests_wait"]
    assert await states("other", 1) == ["waits"]


async def test_a_proposal_that_is_not_new_or_one_too_many_is_told_what_waits_and_not_stored(desk: Desk) -> None:
    big = replace(CRM, maximum=50)
    commands = desk.commands(mode=Mode.APPROVE, targets=[big])

    async def proposed(replicas: int, key: str | None = None) -> Action:
        wish = ActionRequest("scale", "x", "crm", replicas, is_proposal=True)
        return await commands.request_action(wish, principal="helper", idempotency_key=key)

    waiting = [await proposed(replicas) for replicas in range(2, 12)]
    again = [await proposed(2, key) for key in (None, "one", "one")]
    more = await proposed(12)

    assert [one.decision.rule for one in again] == ["request_is_new"] * 3
    assert {one.id for one in again} == {waiting[0].id}
    assert (more.decision.rule, more.id) == ("few_requests_wait", waiting[-1].id)
    assert not any(one.decision.is_accepted for one in (*again, more))
    assert {one.id for one in await desk.stored()} == {one.id for one in waiting}
    assert await desk.store.read(lambda rows: rows.actions.get(waiting[0].id)) == waiting[0]
    assert desk.counted[-1] == more


async def test_what_names_no_target_never_reaches_policy(desk: Desk) -> None:
    action = await desk.commands(actions={}).request_action(RESTART, principal="local")

    assert action.decision.effect is Effect.DENY
    assert action.decision.rule == "target_is_declared"
    assert "set actions.restart_api to {restart: TARGET}" in action.decision.reason
    assert desk.questions == []


async def test_an_action_of_the_settings_brings_its_own_verb_and_target(desk: Desk) -> None:
    action = await desk.commands().request_action(ActionRequest("grow", "x", replicas=4), principal="local")

    assert (action.plan.verb, action.plan.replicas, action.decision.effect) == (Verb.SCALE, 4, Effect.ALLOW)


def _asking(request: str) -> ActionOptions:
    return ActionOptions.model_validate({"http": {"target": "cache", "request": request}})


async def test_a_request_of_a_target_is_asked_for_by_its_name_in_the_settings(desk: Desk) -> None:
    actions = {name: _asking(name) for name in ("purge", "drop", "reboot")}
    commands = desk.commands(targets=(CACHE,), actions=actions, mode=Mode.APPROVE)
    asked = [
        await commands.request_action(ActionRequest(name, "x"), principal="local")
        for name in ("purge", "purge", "drop")
    ]
    unknown = await commands.request_action(ActionRequest("reboot", "x"), principal="local")
    sized = await commands.request_action(ActionRequest("purge", "x", replicas=2), principal="local")

    assert [(one.plan.verb, one.plan.request) for one in asked] == [
        (Verb.HTTP, "purge"),
        (Verb.HTTP, "purge"),
        (Verb.HTTP, "drop"),
    ]
    assert [one.decision.rule for one in asked] == ["mode_allows", "request_is_new", "mode_allows"]
    assert (unknown.decision.effect, unknown.decision.rule) == (Effect.DENY, "request_is_declared")
    assert sized.decision.rule == "replicas_belong_to_scale"


async def test_an_unknown_name_stores_nothing(desk: Desk) -> None:
    with pytest.raises(BadRequestError, match="known are grow, restart, restart_api, rollback, scale"):
        await desk.commands().request_action(ActionRequest("explode", "x"), principal="local")

    assert await desk.stored() == []


async def test_a_repeat_after_a_restart_is_the_first_action_and_wakes_the_pipeline_again(desk: Desk) -> None:
    first = await desk.commands().request_action(RESTART, principal="local", idempotency_key="k")
    again = await desk.commands().request_action(RESTART, principal="local", idempotency_key="k")

    assert again == first
    assert await desk.stored() == [first]
    assert len(desk.questions) == 1
    assert desk.wakes == 2


async def test_one_key_for_two_requests_is_a_conflict(desk: Desk) -> None:
    commands = desk.commands()
    first = await commands.request_action(RESTART, principal="local", idempotency_key="k")

    with pytest.raises(ConflictError, match=first.id):
        await commands.request_action(replace(RESTART, reason="other"), principal="local", idempotency_key="k")
    other = await commands.request_action(RESTART, principal="grafana", idempotency_key="k")
    assert other.id != first.id


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"restart": "a", "scale": "b"},
        {"explode": "a"},
        {"restart": ""},
        {"restart": None},
        {"restart": ["a"]},
        {"http": {"target": "a"}},
    ],
    ids=["nothing", "two verbs", "an unknown verb", "an empty target", "no target", "a list", "no request"],
)
def test_an_action_in_the_settings_is_one_verb_with_one_target(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="ActionOptions"):
        ActionOptions.model_validate(setting)


async def test_every_decision_is_counted_once_and_a_repeat_not_again(desk: Desk) -> None:
    commands = desk.commands()
    first = await commands.request_action(RESTART, principal="local", idempotency_key="one")
    await commands.request_action(RESTART, principal="local", idempotency_key="one")
    refused = await commands.request_action(ActionRequest("scale", "no replicas"), principal="local")

    assert [action.id for action in desk.counted] == [first.id, refused.id]


PROPOSAL = replace(RESTART, is_proposal=True)


async def entries_of(desk: Desk, incident_id: str) -> list[str]:
    found = await desk.store.read(lambda rows: rows.incidents.timeline(incident_id, limit=20, after=0))
    return [stored.entry.text for stored in found]


async def test_what_an_assistant_proposes_waits_for_a_person_although_the_same_request_is_allowed(desk: Desk) -> None:
    commands = desk.commands(mode=Mode.AUTO)
    proposed = await commands.request_action(PROPOSAL, principal="claude")

    assert (proposed.state, proposed.decision.rule) == (ActionState.WAITING_APPROVAL, "proposals_need_a_person")
    assert (proposed.requested_by, proposed.plan.is_proposal) == ("mcp:claude", True)
    assert await entries_of(desk, proposed.incident_id) == [
        "restart crm-api was proposed by an assistant (mcp:claude): manual test",
        "needs_approval: an assistant proposed it: a person has to approve it",
    ]
    allowed = await commands.request_action(RESTART, principal="claude")
    assert (allowed.state, allowed.plan.is_proposal) == (ActionState.ALLOWED, False)


@pytest.mark.parametrize(("mode", "effect"), [(Mode.OBSERVE, Effect.OBSERVE), (Mode.APPROVE, Effect.NEEDS_APPROVAL)])
async def test_a_proposal_gets_no_further_than_a_request(desk: Desk, mode: Mode, effect: Effect) -> None:
    assert (await desk.commands(mode=mode).request_action(PROPOSAL, principal="claude")).decision.effect is effect


async def test_what_is_denied_stays_denied_when_it_is_proposed(desk: Desk) -> None:
    await desk.store.write(lambda rows: rows.pauses.put(Pause("all", desk.clock.now(), "maintenance", "ann")))
    action = await desk.commands().request_action(PROPOSAL, principal="claude")

    assert (action.state, action.decision.rule) == (ActionState.REFUSED, "agent_is_not_paused")


async def test_a_proposal_is_noted_in_the_incident_that_it_is_for(desk: Desk) -> None:
    first = await desk.commands(mode=Mode.APPROVE).request_action(
        ActionRequest("grow", "x", replicas=2), principal="ann"
    )
    named = replace(PROPOSAL, incident_id=first.incident_id)
    action = await desk.commands().request_action(named, principal="claude")

    assert (await entries_of(desk, first.incident_id))[-1] == (
        "restart crm-api was proposed by an assistant (mcp:claude) and waits for approval: "
        f"incident {action.incident_id}"
    )
    assert action.incident_id != first.incident_id


async def test_a_proposal_for_no_incident_is_not_taken(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="there is no incident 'inc-none'"):
        await desk.commands().request_action(replace(PROPOSAL, incident_id="inc-none"), principal="claude")

    assert await desk.stored() == []


async def test_a_repeated_proposal_is_the_first_one_and_no_request_of_the_same_token(desk: Desk) -> None:
    commands = desk.commands()
    first = await commands.request_action(PROPOSAL, principal="claude", idempotency_key="k")
    again = await commands.request_action(PROPOSAL, principal="claude", idempotency_key="k")
    asked = await commands.request_action(RESTART, principal="claude", idempotency_key="k")

    assert again.id == first.id
    assert asked.id != first.id
