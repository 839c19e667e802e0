"""T07: an approval is good once, for exactly what was shown, while it holds, from whoever may; over HTTP.

The pipeline acts on the grants that are counted here; that it acts once is tested there.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest

from aetherlink.api.app import build_api
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import Action, ActionState
from aetherlink.model.ids import ActionId, TargetName
from aetherlink.model.incidents import IncidentStatus, Stage
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.principals import Scope
from aetherlink.model.timeline import EventKind
from aetherlink.testing import CountingIds
from rigs.approvals import PLAN, Desk

PROXIED = {"X-Forwarded-For": "203.0.113.9"}
OTHER = "0" * 64
MINUTE = timedelta(minutes=1)


@pytest.fixture
def agent(start_agent):
    """One on which nobody approves what he asked for himself."""
    return start_agent(requester_may_approve=False)


@pytest.fixture
def desk(agent) -> Desk:
    return Desk(agent.store, SystemClock(), CountingIds())


@dataclass(frozen=True)
class Try:
    """One attempt to approve: what is spoilt first, who tries what, and how it is answered."""

    status: int
    spoil: Callable[[Desk, Action], object] | None = None
    token: str | None = "approve"
    plan_hash: Callable[[Action], object] = lambda action: action.approval.plan_hash
    headers: dict[str, str] | None = None
    asked: dict[str, object] | None = None
    action_id: Callable[[Action], str] = lambda action: action.id


async def expire(desk: Desk, action: Action) -> None:
    past = desk.clock.now() - MINUTE
    await desk.put(replace(action, approval=replace(action.approval, expires_at=past)))


async def expire_to_the_end(desk: Desk, action: Action) -> None:
    past = desk.clock.now() - MINUTE
    approval = replace(action.approval, expires_at=past)
    await desk.put(replace(action, state=ActionState.REFUSED, finished_at=past, approval=approval))


async def approve(desk: Desk, action: Action) -> None:
    await desk.commands().approve(action.id, action.approval.plan_hash, by="bob")


async def deny(desk: Desk, action: Action) -> None:
    await desk.commands().deny(action.id, "no", by="bob")


async def take_back(desk: Desk, action: Action) -> None:
    await desk.commands().cancel(action.id, by="bob")


async def drift(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, approval=replace(action.approval, plan_hash="f" * 64)))


async def unready(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, approval=None))


async def run(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, state=ActionState.RUNNING))


async def finish(desk: Desk, action: Action) -> None:
    await desk.put(replace(action, state=ActionState.FINISHED))


async def resolve(desk: Desk, action: Action) -> None:
    await desk.change_incident(action, status=IncidentStatus.RESOLVED, stage=Stage.DONE)


async def close(desk: Desk, action: Action) -> None:
    await desk.change_incident(action, closed_by="bob")


async def go_on(desk: Desk, action: Action) -> None:
    await desk.change_incident(action, action_id=ActionId("act-other"))


def pausing(scope: str) -> Callable[[Desk, Action], object]:
    async def pause(desk: Desk, _: Action) -> None:
        held = Pause(scope, desk.clock.now(), "we move", "bob")
        await desk.store.write(lambda tx: tx.pauses.put(held))

    return pause


async def approve_as_the_same(desk: Desk, action: Action) -> None:
    await desk.commands().approve(action.id, action.approval.plan_hash, by="approve-test")


TRIES: dict[str, Try] = {
    "a wrong hash": Try(409, plan_hash=lambda _: OTHER),
    "the hash in capitals": Try(409, plan_hash=lambda action: action.approval.plan_hash.upper()),
    "half of the hash": Try(409, plan_hash=lambda action: action.approval.plan_hash[:32]),
    "the hash of another action": Try(409, plan_hash=lambda action: action.facts["other"]),
    "drifted, the stale hash": Try(409, drift),
    "expired": Try(410, expire),
    "expired and put away": Try(410, expire_to_the_end),
    "approved already": Try(409, approve),
    "denied already": Try(409, deny),
    "taken back": Try(409, take_back),
    "not looked at yet": Try(409, unready),
    "it runs": Try(409, run),
    "it has ended": Try(409, finish),
    "a resolved incident": Try(409, resolve),
    "an incident that is closed": Try(409, close),
    "an incident that has gone on": Try(409, go_on),
    "paused": Try(409, pausing(EVERYTHING)),
    "its playbook paused": Try(409, pausing("playbook:restart-crm-api")),
    "his own request": Try(403, asked={"by": "approve-test"}),
    "the same person twice": Try(409, approve_as_the_same, asked={"needed": 2}),
    "a token of the webhook": Try(403, token="webhook"),
    "a token that may read": Try(403, token="read"),
    "a token that may operate": Try(403, token="operate"),
    "no token, on this machine": Try(401, token=None),
    "no token, through a proxy": Try(401, token=None, headers=PROXIED),
    "an unknown token": Try(401, token="unknown"),
    "a revoked token": Try(401, token="revoked"),
    "an action that is not there": Try(404, action_id=lambda _: "act-none"),
    "no hash": Try(422, plan_hash=lambda _: ""),
    "a number for a hash": Try(422, plan_hash=lambda _: 7),
}


async def prepared(desk: Desk, one: Try) -> Action:
    other = await desk.asked(plan=replace(PLAN, target=TargetName("crm-worker")))
    facts = {"other": other.approval.plan_hash}
    action = await desk.asked(facts=facts, **(one.asked or {}))
    if one.spoil is not None:
        await one.spoil(desk, action)
    return action


def grants_of(action: Action) -> int:
    return 0 if action.approval is None else len(action.approval.grants)


def clean(desk: Desk) -> None:
    async def work() -> None:
        for pause in await desk.store.read(lambda tx: tx.pauses.all()):
            await desk.store.write(lambda tx, scope=pause.scope: tx.pauses.end(scope))

    asyncio.run(work())


def test_there_are_at_least_as_many_negative_cases_as_the_figure_asks_for() -> None:
    assert len(TRIES) >= 25


def test_no_negative_case_brings_a_grant_and_each_is_on_record_with_its_actor(
    agent, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for name, one in TRIES.items():
        action = asyncio.run(prepared(desk, one))
        before = asyncio.run(desk.action(action.id))
        caplog.clear()
        answer = agent.call(
            "POST",
            f"/api/v1/actions/{one.action_id(action)}/approve",
            token=one.token,
            json={"plan_hash": one.plan_hash(action)},
            headers=one.headers,
        )
        clean(desk)

        assert answer.status_code == one.status, (name, answer.text)
        assert asyncio.run(desk.action(action.id)) == before, name
        tried = [
            entry
            for entry in asyncio.run(desk.entries(action.incident_id))
            if entry.kind is EventKind.NOT_APPROVED and entry.facts["by"] == "approve-test"
        ]
        if one.status in (403, 409, 410) and one.token == "approve":
            assert len(tried) == 1, name
            assert tried[0].facts["action_id"] == action.id, name
        elif one.status in (401, 403):  # turned away at the door: nothing that they say reaches the store
            actor = f"'{one.token}-test'" if one.status == 403 else "from 127.0.0.1"
            assert actor in caplog.text, name
            assert "/approve" in caplog.text, name


def test_the_one_who_may_approves_and_is_on_record(agent, desk: Desk) -> None:
    action = asyncio.run(desk.asked(by="somebody-else"))
    answer = agent.call(
        "POST",
        f"/api/v1/actions/{action.id}/approve",
        token="approve",
        json={"plan_hash": action.approval.plan_hash},
    )

    assert answer.status_code == 200
    [grant] = answer.json()["approval"]["grants"]
    assert grant["by"] == "approve-test"
    [entry] = asyncio.run(desk.entries(action.incident_id))
    assert (entry.kind, entry.facts["by"]) == (EventKind.APPROVED, "approve-test")
    assert entry.facts["plan_hash"] == action.approval.plan_hash
    assert agent.world.wakes == 1


@pytest.mark.parametrize("clicks", [40, pytest.param(1000, marks=pytest.mark.long)])
def test_of_many_clicks_at_once_exactly_one_is_a_grant(agent, desk: Desk, clicks: int) -> None:
    """Ten people click again and again, past uvicorn into the API as it is served."""

    async def click(client: httpx.AsyncClient, action: Action, secret: str) -> int:
        answer = await client.post(
            f"/api/v1/actions/{action.id}/approve",
            json={"plan_hash": action.approval.plan_hash},
            headers={"Authorization": f"Bearer {secret}"},
        )
        return answer.status_code

    async def race() -> tuple[Action, list[int]]:
        people = [f"person-{number}" for number in range(10)]
        secrets = [(await agent.services.tokens.issue(name, [Scope.APPROVE], by="test"))[1] for name in people]
        action = await desk.asked()
        transport = httpx.ASGITransport(build_api(agent.services))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            tries = (click(client, action, secrets[number % len(secrets)]) for number in range(clicks))
            return await desk.action(action.id), await asyncio.gather(*tries)

    before, statuses = asyncio.run(race())
    assert grants_of(before) == 0
    assert statuses.count(200) == 1
    assert statuses.count(409) == clicks - 1
    stored = asyncio.run(desk.action(before.id))
    assert grants_of(stored) == 1
    kinds = [entry.kind for entry in asyncio.run(desk.entries(stored.incident_id))]
    assert kinds.count(EventKind.APPROVED) == 1
    assert kinds.count(EventKind.NOT_APPROVED) <= 10, "once for each person"
