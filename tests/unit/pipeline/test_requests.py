"""Playbooks that send a request: once, as it was shown, and what nobody can tell of it stays unknown."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from aetherlink.clients.http_target import HttpTarget
from aetherlink.executors.http import HttpExecutor
from aetherlink.model.actions import (
    Action,
    ActionState,
    DeclaredRequest,
    Grant,
    OutcomeStatus,
    Plan,
    Requested,
    Target,
    Verb,
    Verdict,
)
from aetherlink.model.approvals import granted
from aetherlink.model.decisions import EvidenceStatus, Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.timeline import EventKind
from rigs.hostile_values import ATTACKS
from rigs.http_service import HttpService, http_service
from rigs.pipeline import API, Rig, with_step
from rigs.repairs import die_during_the_call

PURGE = DeclaredRequest("purge", "POST", "http://cache:8000/purge", digest="1" * 64)
NAME = PlaybookName("restart-crm-api")


def targets(*requests: DeclaredRequest, executor: str = "memory") -> dict[object, Target]:
    return {API: Target(API, executor, "crm", minimum=1, maximum=4, requests=requests)}


@pytest.fixture
def asking(rig: Rig) -> Rig:
    """The built-in playbook, with a request in place of its restart."""
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.HTTP, request="purge"),), targets=targets(PURGE))
    return rig


@pytest.fixture
async def service() -> AsyncIterator[HttpService]:
    async with http_service() as made:
        yield made


async def escalations(rig: Rig) -> int:
    return (await rig.kinds()).count(EventKind.ESCALATED)


async def test_a_request_is_sent_under_the_id_of_its_action_and_verified(asking: Rig) -> None:
    await asking.hear()
    await asking.run_for(20)

    [action] = await asking.actions()
    assert asking.executor.calls == [Requested("purge", key=action.id)]
    assert action.plan.words == "http purge crm-api"
    assert (action.outcome.status, action.verdict) == (OutcomeStatus.DONE, Verdict.RECOVERED)


@pytest.mark.parametrize("ready", [0, 1])
async def test_a_request_whose_sender_died_is_unknown_and_never_sent_again(asking: Rig, ready: int) -> None:
    """Whether the target is well by now or not: no look says whether the request arrived."""
    await die_during_the_call(asking)
    asking.executor.world[API] = replace(asking.executor.world[API], ready=ready)
    await asking.run_for(4000)

    started = [action for action in await asking.actions() if action.started_at is not None]
    assert [action.outcome.status for action in started] == [OutcomeStatus.UNKNOWN]
    assert "cannot be seen" in started[0].outcome.reason
    assert (len(asking.executor.calls), await escalations(asking)) == (1, 1)
    brakes = await asking.store.read(lambda tx: tx.brakes.all())
    assert [brake.scope for brake in brakes] == [f"target:{API}"]


async def test_a_request_that_the_target_does_not_have_is_left_to_a_person(asking: Rig) -> None:
    asking.change(targets=targets())
    await asking.hear()
    await asking.run_for(60)

    assert (asking.executor.calls, await asking.actions()) == ([], [])
    assert await escalations(asking) == 1


async def test_a_request_that_was_approved_is_sent(asking: Rig) -> None:
    action = await allowed_by(asking)
    await asking.run_for(1)

    assert asking.executor.calls == [Requested("purge", key=action.id)]


async def test_a_request_that_is_taken_out_of_the_settings_is_not_sent(asking: Rig) -> None:
    action = await allowed_by(asking)
    asking.change(targets=targets(replace(PURGE, name="drop")))
    await asking.run_for(5)

    [stored] = [one for one in await asking.actions() if one.id == action.id]
    assert (stored.started_at, asking.executor.calls) == (None, [])


async def test_an_approval_is_for_the_request_as_it_was_shown(asking: Rig) -> None:
    action = await allowed_by(asking)
    asking.change(targets=targets(replace(PURGE, digest="2" * 64)))
    await asking.run_for(1)

    [stored] = await asking.actions()
    assert stored.state is ActionState.WAITING_APPROVAL
    assert stored.approval.plan_hash != action.approval.plan_hash
    assert asking.executor.calls == []


async def allowed_by(rig: Rig) -> Action:
    """A person is asked, is shown the request, and says yes."""
    rig.change(modes={NAME: Mode.APPROVE})
    await rig.hear()
    await rig.run()
    [action] = await rig.actions()
    shown = action.approval.shown
    assert (shown["plan"]["request"], shown["undo"]) == ("purge", "nothing: http cannot be undone")
    assert shown["target"]["requests"][0]["url"] == PURGE.url
    approved = granted(action.approval, Grant("ann", rig.clock.now()))
    await rig.store.write(lambda tx: tx.actions.put(replace(action, approval=approved)))
    return action


async def test_a_request_that_did_not_help_is_not_taken_back(asking: Rig) -> None:
    await asking.hear()
    await asking.run()
    asking.probe.status = EvidenceStatus.DOES_NOT_HOLD
    await asking.run_for(200)

    assert len(asking.executor.calls) == 1
    assert EventKind.UNDONE not in await asking.kinds()
    assert await escalations(asking) == 1


async def test_what_was_refused_before_anything_was_done_calls_a_person(asking: Rig, service: HttpService) -> None:
    service.status = 404
    client = over_http(asking, service)
    await asking.hear()
    await asking.run_for(60)
    await client.aclose()

    [action] = await asking.actions()
    assert (action.outcome.status, len(service.asked)) == (OutcomeStatus.FAILED, 1)
    assert await escalations(asking) == 1


def over_http(rig: Rig, service: HttpService) -> HttpTarget:
    """The real hands, to a real service."""
    client = HttpTarget(API, service.options)
    rig.change(
        executors={"http": HttpExecutor({API: client})},
        targets=targets(*service.options.declared, executor="http"),
    )
    return client


@pytest.mark.parametrize("attack", ATTACKS)
async def test_t38_whatever_a_label_holds_the_same_bytes_are_sent(
    asking: Rig, service: HttpService, attack: str
) -> None:
    client = over_http(asking, service)
    await asking.hear(instance=attack, tenant=attack, request=attack, url=attack, purge=attack)
    await asking.run_for(5)
    await client.aclose()

    [action] = await asking.actions()
    [asked] = service.asked
    host = service.url.removeprefix("http://")
    assert (asked.method, asked.path, asked.body) == ("POST", "/purge?all=1", b'{"all": true}')
    assert {name: value for name, value in asked.headers.items() if name != "user-agent"} == {
        "host": host,
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": "13",
        "content-type": "application/json",
        "idempotency-key": action.id,
        "x-shop": "crm",
    }


def test_plans_of_different_requests_are_different() -> None:
    one = Plan(Verb.HTTP, API, request="purge")

    assert one != replace(one, request="drop")
    assert one.words == "http purge crm-api"
