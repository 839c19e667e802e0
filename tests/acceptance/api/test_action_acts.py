"""Approving, denying, taking back, calling wrong and letting go: over the API, and from the command line."""

import asyncio
import json
import os
import pty
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import Action, ActionState, Outcome, OutcomeStatus, Plan, Verb
from aetherlink.model.decisions import Decision, Effect, Mode, Objection
from aetherlink.testing import CountingIds
from rigs.agent_process import AETHER
from rigs.approvals import PLAN, Desk

PAIR = "playbook:restart-crm-api@crm-api"


@pytest.fixture
def desk(agent) -> Desk:
    return Desk(agent.store, SystemClock(), CountingIds())


def asked(desk: Desk, **changes: object) -> Action:
    return asyncio.run(desk.asked(**changes))


def ended(desk: Desk, **changes: object) -> Action:
    return asked(desk, state=ActionState.FINISHED, **changes)


# --- over the API


def test_an_action_shows_what_is_to_be_approved_and_what_every_rule_says(agent, desk: Desk) -> None:
    objection = Objection(Effect.NEEDS_APPROVAL, "mode_allows", "the mode is approve")
    decision = Decision(Effect.NEEDS_APPROVAL, "mode_allows", "the mode is approve", (objection,))
    action = asked(desk, decision=decision, needed=2)
    shown = agent.call("GET", f"/api/v1/actions/{action.id}").json()

    approval = shown["approval"]
    assert (approval["plan_hash"], approval["needed"], approval["grants"]) == (action.approval.plan_hash, 2, [])
    assert approval["shown"] == action.approval.shown
    assert approval["expires_at"].endswith("Z")
    assert shown["objections"] == [{"effect": "needs_approval", "rule": "mode_allows", "reason": "the mode is approve"}]
    assert shown["wrong"] is None


def test_each_says_what_became_of_the_action(agent, desk: Desk) -> None:
    one, two, three = asked(desk), asked(desk), ended(desk)
    denied = agent.call("POST", f"/api/v1/actions/{one.id}/deny", token="approve", json={"reason": "not now"})
    cancelled = agent.call("POST", f"/api/v1/actions/{two.id}/cancel", token="operate")
    wrong = agent.call("POST", f"/api/v1/actions/{three.id}/wrong", token="approve", json={"reason": "it was well"})

    assert [answer.status_code for answer in (denied, cancelled, wrong)] == [200, 200, 200]
    assert denied.json()["outcome"]["reason"] == "not carried out: denied by approve-test: not now"
    assert cancelled.json()["outcome"]["reason"] == "not carried out: taken back by operate-test"
    assert (wrong.json()["wrong"]["by"], wrong.json()["wrong"]["reason"]) == ("approve-test", "it was well")
    assert wrong.json() == agent.call("GET", f"/api/v1/actions/{three.id}").json()


def test_what_cannot_be_is_told_by_its_status(agent, desk: Desk) -> None:
    action, late = asked(desk), asked(desk)
    past = replace(late.approval, expires_at=desk.clock.now() - timedelta(seconds=1))
    asyncio.run(desk.put(replace(late, approval=past)))
    statuses = [
        agent.call("POST", f"/api/v1/actions/{path}", token="operator", json=body).status_code
        for path, body in (
            ("act-none/deny", {"reason": "x"}),
            ("act-none/cancel", None),
            ("act-none/wrong", {"reason": "x"}),
            (f"{late.id}/deny", {"reason": "x"}),
            (f"{late.id}/cancel", None),
            (f"{action.id}/wrong", {"reason": "x"}),
            (f"{action.id}/deny", {"reason": "a\0b"}),
            (f"{action.id}/deny", {"reason": ""}),
            (f"{action.id}/deny", {}),
            (f"{action.id}/approve", {"plan_hash": "x", "force": True}),
        )
    ]
    assert statuses == [404, 404, 404, 410, 410, 409, 400, 422, 422, 422]
    gone = agent.call("POST", f"/api/v1/actions/{late.id}/approve", token="approve", json={"plan_hash": "x"})
    assert (gone.status_code, gone.json()["title"]) == (409, "Conflict"), "a stale hash is told first"


def test_actions_are_narrowed_by_state_incident_and_target(agent, desk: Desk) -> None:
    waiting, other = asked(desk), ended(desk, plan=replace(PLAN, target="crm-worker"))

    def ids(query: str) -> list[str]:
        return [item["id"] for item in agent.call("GET", f"/api/v1/actions?{query}").json()["items"]]

    assert ids("") == [other.id, waiting.id]
    assert ids("state=waiting_approval") == [waiting.id]
    assert ids(f"incident_id={other.incident_id}") == [other.id]
    assert ids("target=crm-api") == [waiting.id]
    assert ids("target=crm-api&state=finished") == []
    assert agent.call("GET", "/api/v1/actions?state=sad").status_code == 422


def test_brakes_are_listed_in_pages_and_let_go_of(agent, desk: Desk) -> None:
    action = ended(desk)
    agent.call("POST", f"/api/v1/actions/{action.id}/wrong", token="approve", json={"reason": "it was well"})
    first = agent.call("GET", "/api/v1/brakes?limit=1").json()
    second = agent.call("GET", f"/api/v1/brakes?limit=1&cursor={first['next_cursor']}").json()

    assert [(one["scope"], one["effect"]) for one in first["items"] + second["items"]] == [
        ("playbook:restart-crm-api", "needs_approval"),
        (PAIR, "deny"),
    ]
    assert second["next_cursor"] is None
    assert agent.call("GET", "/api/v1/brakes?cursor=other").status_code == 400
    assert agent.call("DELETE", f"/api/v1/brakes/{PAIR}", token="approve").status_code == 422
    released = agent.call("DELETE", f"/api/v1/brakes/{PAIR}?reason=mended", token="approve")
    again = agent.call("DELETE", f"/api/v1/brakes/{PAIR}?reason=mended", token="approve")
    assert (released.status_code, released.json()["scope"], again.status_code) == (200, PAIR, 404)
    [record, *_] = agent.call("GET", "/api/v1/incidents?status=resolved").json()["items"]
    assert record["title"] == "Brakes of the agent"
    [entry] = agent.call("GET", f"/api/v1/incidents/{record['id']}/timeline").json()["items"]
    assert (entry["kind"], entry["facts"]["by"]) == ("released", "approve-test")


# --- from the command line


def at_a_terminal(agent, *arguments: str, types: str, **environment: str) -> tuple[int, str]:
    """The command with a terminal for its input, into which somebody types."""
    theirs, its = pty.openpty()
    try:
        os.write(theirs, types.encode())
        done = subprocess.run(
            [AETHER, *arguments, "--url", agent.url],
            env={"PATH": os.defpath, **environment},
            stdin=its,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(theirs)
        os.close(its)
    return done.returncode, done.stdout + done.stderr


def grants(desk: Desk, action: Action) -> list[str]:
    return [grant.by for grant in asyncio.run(desk.action(action.id)).approval.grants]


def test_at_a_terminal_everything_is_shown_and_only_a_yes_approves(agent, desk: Desk) -> None:
    action = asked(desk, reason="it is \x1b[31mdown", plan=replace(PLAN, tenant="acme\u202egpj"))
    token = agent.secrets["operator"]
    no = at_a_terminal(agent, "approve", action.id, types="\n", AETHER_TOKEN=token)
    assert grants(desk, action) == []
    yes = at_a_terminal(agent, "approve", action.id, types="y\n", AETHER_TOKEN=token)

    assert (no[0], yes[0]) == (1, 0), yes[1]
    assert "not approved" in no[1]
    assert grants(desk, action) == ["operator"]
    for word in (
        action.id,
        action.incident_id,
        action.approval.plan_hash,
        "crm-api",
        "restart",
        "memory",
        "a restart cannot be undone",
        "up is 0",
        "playbook:restart-crm-api",
        "observed.ready",
        "expires",
        "acme\\u202egpj",
        "it is \\x1b[31mdown",
    ):
        assert str(word) in yes[1], word
    assert "\x1b[31m" not in yes[1]


def test_what_drifted_before_it_was_shown_is_not_asked_about(agent, desk: Desk) -> None:
    action = asked(desk)
    other = at_a_terminal(
        agent, "approve", action.id, "--hash", "0" * 64, types="y\n", AETHER_TOKEN=agent.secrets["operator"]
    )

    assert other[0] == 1
    assert "drifted" in other[1]
    assert grants(desk, action) == []


def test_what_does_not_fit_its_hash_is_not_approved(agent, desk: Desk) -> None:
    action = asked(desk)
    shown = {**action.approval.shown, "undo": "nothing is lost"}
    asyncio.run(desk.put(replace(action, approval=replace(action.approval, shown=shown))))
    done = at_a_terminal(agent, "approve", action.id, types="y\n", AETHER_TOKEN=agent.secrets["operator"])

    assert done[0] == 1
    assert "is not what its hash stands for" in done[1]
    assert grants(desk, action) == []


def test_without_a_terminal_it_takes_the_hash_and_no_question(agent, desk: Desk, aether, settings_of) -> None:
    action = asked(desk)
    config = ["--config", settings_of(agent)]
    plan_hash = action.approval.plan_hash
    unasked = aether("approve", action.id, *config)
    without = aether("approve", action.id, "--yes", *config)
    for_programs = aether("approve", action.id, "--json", *config)
    stale = aether("approve", action.id, "--yes", "--hash", "0" * 64, *config)
    assert grants(desk, action) == []
    done = aether("approve", action.id, "--yes", "--hash", plan_hash, *config)
    again = aether("approve", action.id, "--yes", "--hash", plan_hash, "--json", *config)

    assert [one.returncode for one in (unasked, without, for_programs, stale, done, again)] == [2, 2, 2, 1, 0, 1]
    assert "nobody to ask" in unasked.stderr
    assert "--yes needs --hash" in without.stderr
    assert stale.stderr.startswith("aether: action act-0001 drifted")
    assert done.stdout == f"{action.id} is approved\n"
    assert "was decided already: it is approved by operator" in again.stderr
    assert grants(desk, action) == ["operator"]


def scaled(desk: Desk) -> Action:
    """One that found three of the CRM, and left one."""
    now = datetime.now(UTC)
    plan = Plan(Verb.SCALE, PLAN.target, replicas=1)
    before = {"ready": 3, "wanted": 3, "release": "", "oldest_start": None}
    outcome = Outcome(OutcomeStatus.DONE, "1 of 1 ready")
    return ended(desk, plan=plan, outcome=outcome, started_at=now, finished_at=now, facts={"before": before})


def test_what_an_action_did_is_undone_by_a_request_of_its_own(start_agent, aether, settings_of) -> None:
    agent = start_agent(mode=Mode.AUTO)
    desk = Desk(agent.store, SystemClock(), CountingIds())
    action, restart = scaled(desk), ended(desk)
    config = ["--config", settings_of(agent)]
    key = {"Idempotency-Key": "once"}
    path, body = f"/api/v1/actions/{action.id}/undo", {"reason": "it was needed"}
    asked_for = agent.call("POST", path, token="operate", json=body, headers=key)
    again = agent.call("POST", path, token="operate", json=body, headers=key)
    none = agent.call("POST", f"/api/v1/actions/{restart.id}/undo", token="operate", json=body)
    typed = aether("undo", action.id, "--reason", "now", *config)
    as_json = aether("undo", action.id, "--reason", "now", "--json", *config)

    made = agent.call("GET", asked_for.json()["details"]["status_url"]).json()
    assert (asked_for.status_code, asked_for.json()["action"], again.json()) == (202, "undo", asked_for.json())
    assert (made["verb"], made["replicas"], made["reason"]) == ("scale", 3, "it was needed")
    assert (none.status_code, "cannot be undone" in none.json()["detail"]) == (409, True)
    assert typed.returncode == 1  # the first is on its way
    assert typed.stdout.splitlines()[1].startswith("aether show act-")
    assert json.loads(as_json.stdout)["accepted"] is False


def test_of_two_people_the_first_is_told_that_another_is_needed(agent, desk: Desk, aether, settings_of) -> None:
    action = asked(desk, needed=2)
    given = ("approve", action.id, "--yes", "--hash", action.approval.plan_hash)
    first = aether(*given, "--config", settings_of(agent))
    second = aether(*given, "--json", "--url", agent.url, AETHER_TOKEN=agent.secrets["approve"])

    assert first.stdout == f"{action.id} is approved: 1 more of 2 people have to approve it too\n"
    assert [grant["by"] for grant in json.loads(second.stdout)["approval"]["grants"]] == ["operator", "approve-test"]


def test_a_token_without_the_scope_is_told_so_in_words(agent, desk: Desk, aether) -> None:
    action = asked(desk)
    done = aether("deny", action.id, "--reason", "x", "--url", agent.url, AETHER_TOKEN=agent.secrets["operate"])

    assert done.returncode == 1
    assert done.stderr == "aether: 'operate-test' does not have the scope approve\n"


def test_the_others_say_what_they_did(agent, desk: Desk, aether, settings_of) -> None:
    config = ["--config", settings_of(agent)]
    one, two, three = asked(desk), asked(desk), ended(desk)
    waiting = aether("actions", "--waiting", *config).stdout
    denied = aether("deny", one.id, "--reason", "not now", *config)
    cancelled = aether("cancel", two.id, *config)
    wrong = aether("wrong", three.id, "--reason", "it was well", *config)
    held = aether("brakes", *config)
    released = aether("release", PAIR, "--reason", "mended", *config)
    unknown = aether("release", PAIR, "--reason", "mended", *config)

    assert one.id in waiting
    assert three.id not in waiting
    assert denied.stdout == f"{one.id} is denied\n"
    assert cancelled.stdout == f"{two.id} is taken back\n"
    assert wrong.stdout == f"{three.id} was wrong, says operator: it was well\n"
    assert PAIR in held.stdout
    assert released.stdout == f"{PAIR} is not held back any more\n"
    assert unknown.returncode == 2
    assert aether("actions", "--waiting", *config).stdout == "no actions\n"
    assert "it was well" in aether("show", three.id, *config).stdout
    assert json.loads(aether("brakes", "--json", *config).stdout)["items"][0]["effect"] == "needs_approval"
