"""What people do from the pages, by forms alone: the same commands as the API, the same scopes, refusals in words."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.model.actions import Action, ActionState, Approval, Outcome, OutcomeStatus, Plan, Verb
from aetherlink.model.decisions import Decision, Effect, Mode
from aetherlink.model.ids import TargetName
from rigs.pages import fire, look, put

HASH = "9f" * 32
ASKED = Decision(Effect.NEEDS_APPROVAL, "mode_allows", "mode is approve")


def waiting(agent, incident: str, *, needed: int = 1, ends_in: timedelta = timedelta(minutes=30)) -> Action:
    """An action of the incident that waits for approval."""
    now = datetime.now(UTC)
    shown = {"target": {"name": "crm-api"}, "undo": "nothing: restart cannot be undone"}
    approval = Approval(HASH, now, now + ends_in, shown, needed=needed)
    return put(agent, incident, state=ActionState.WAITING_APPROVAL, decision=ASKED, approval=approval)


def send(agent, path: str, *, token: str | None = "operator", **fields: str):  # noqa: S107 - the name of one
    return agent.call("POST", path, token=token, data=fields, follow_redirects=False)


def stored(agent, action: Action) -> Action:
    return asyncio.run(agent.store.read(lambda rows: rows.actions.get(action.id)))


def kinds(agent, incident: str) -> list[str]:
    entries = agent.call("GET", f"/api/v1/incidents/{incident}/timeline").json()["items"]
    return [entry["kind"] for entry in entries]


@pytest.mark.parametrize(
    ("back", "place"), [("now", "/?said="), ("incident", "/incidents/"), ("//evil", "/incidents/")]
)
def test_a_yes_to_what_was_shown_is_a_grant_and_leads_back(agent, back: str, place: str) -> None:
    action = waiting(agent, incident := fire(agent, "Down"))

    answer = send(agent, f"/actions/{action.id}/approve", plan_hash=HASH, back=back)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(place)
    assert [grant.by for grant in stored(agent, action).approval.grants] == ["operator"]
    assert "approved" in kinds(agent, incident)
    assert "Approved. The agent looks at the target once more" in look(agent, answer.headers["location"]).words


def test_of_two_people_the_first_is_told_that_one_more_is_needed(agent) -> None:
    action = waiting(agent, fire(agent, "Down"), needed=2)

    answer = send(agent, f"/actions/{action.id}/approve", plan_hash=HASH)

    assert "One more person has to say yes" in look(agent, answer.headers["location"]).words


def test_another_hash_than_the_one_that_is_asked_for_is_refused_in_words_on_the_page(agent) -> None:
    action = waiting(agent, fire(agent, "Down"))

    answer = send(agent, f"/actions/{action.id}/approve", plan_hash="ab" * 32)

    assert answer.status_code == 409
    assert "drifted" in answer.text
    assert "What is below is how it stands now." in answer.text
    assert HASH in answer.text  # the form anew, with what is to be approved now
    assert stored(agent, action).approval.grants == ()


def test_a_yes_that_comes_too_late_is_refused_in_words(agent) -> None:
    action = waiting(agent, fire(agent, "Down"), ends_in=timedelta(seconds=-1))

    answer = send(agent, f"/actions/{action.id}/approve", plan_hash=HASH)

    assert answer.status_code == 410
    assert "expired at" in answer.text
    assert stored(agent, action).approval.grants == ()


@pytest.mark.parametrize("path", ["approve", "deny", "cancel", "wrong"])
def test_who_may_only_read_changes_no_action_and_is_told(agent, path: str) -> None:
    action = waiting(agent, fire(agent, "Down"))

    refused = send(agent, f"/actions/{action.id}/{path}", token="read", plan_hash=HASH, reason="no")
    stranger = send(agent, f"/actions/{action.id}/{path}", token=None, plan_hash=HASH, reason="no")

    assert refused.status_code == 403
    assert "does not have the scope" in refused.text
    assert f"/actions/{action.id}/approve" in refused.text  # the way back
    assert stranger.status_code == 401
    assert stored(agent, action) == action


@pytest.mark.parametrize("path", ["ack", "notes", "close"])
def test_who_may_only_read_changes_no_incident(agent, path: str) -> None:
    incident = fire(agent, "Down")
    before = kinds(agent, incident)

    assert send(agent, f"/incidents/{incident}/{path}", token="read", reason="x").status_code == 403
    assert send(agent, f"/incidents/{incident}/{path}", token=None, reason="x").status_code == 401
    assert kinds(agent, incident) == before


def test_a_no_needs_a_reason_and_ends_it(agent) -> None:
    action = waiting(agent, incident := fire(agent, "Down"))

    without = send(agent, f"/actions/{action.id}/deny", reason="  ")
    denied = send(agent, f"/actions/{action.id}/deny", reason="it comes back by itself")

    assert without.status_code == 400
    assert "Not done." in without.text
    assert denied.status_code == 303
    assert stored(agent, action).state is ActionState.REFUSED
    assert "it comes back by itself" in look(agent, f"/incidents/{incident}").words


def test_it_is_taken_back_looked_after_noted_on_and_closed(agent) -> None:
    action = waiting(agent, incident := fire(agent, "Down"))

    for path in (f"/actions/{action.id}/cancel", f"/incidents/{incident}/ack", f"/incidents/{incident}/notes"):
        assert send(agent, path, token="operate", reason="<b>the disk</b>").status_code == 303
    closed = send(agent, f"/incidents/{incident}/close", token="operate", reason="taken out of service")

    assert closed.headers["location"] == f"/incidents/{incident}?said=closed"
    assert kinds(agent, incident)[-4:] == ["denied", "acknowledged", "note", "closed"]
    assert "<b>" not in look(agent, f"/incidents/{incident}").tags
    assert "<b>the disk</b>" in look(agent, f"/incidents/{incident}").words


def test_an_action_that_has_ended_can_be_called_wrong(agent) -> None:
    now = datetime.now(UTC)
    done = Outcome(OutcomeStatus.DONE, "1 of 1 ready")
    allowed = Decision(Effect.ALLOW, "all_rules", "nothing is against it")
    incident = fire(agent, "Down")
    action = put(
        agent, incident, state=ActionState.FINISHED, decision=allowed, started_at=now, finished_at=now, outcome=done
    )

    assert "It was wrong" in look(agent, f"/incidents/{incident}", token="operator").words
    answer = send(agent, f"/actions/{action.id}/wrong", reason="the probe was wrong")

    assert answer.status_code == 303
    assert "Wrong says operator: the probe was wrong" in look(agent, f"/incidents/{incident}").words


def scaled(agent, incident: str, number: int = 1) -> Action:
    """An action of the incident that found three of the CRM, and left one."""
    now = datetime.now(UTC)
    plan = Plan(Verb.SCALE, TargetName("crm-api"), replicas=1)
    before = {"ready": 3, "wanted": 3, "release": "", "oldest_start": None}
    return put(
        agent,
        incident,
        number,
        plan=plan,
        state=ActionState.FINISHED,
        decision=Decision(Effect.ALLOW, "all_rules", "nothing is against it"),
        started_at=now,
        finished_at=now,
        outcome=Outcome(OutcomeStatus.DONE, "1 of 1 ready"),
        facts={"before": before},
    )


def test_what_an_action_did_is_asked_back_from_the_page_that_says_what_that_is(start_agent) -> None:
    agent = start_agent(mode=Mode.AUTO)
    action = scaled(agent, incident := fire(agent, "Down"))

    assert "Undo it: scale crm-api to 3" in look(agent, f"/incidents/{incident}", token="operator").words
    assert "Undo it" not in look(agent, f"/incidents/{incident}", token="read").words
    answer = send(agent, f"/actions/{action.id}/undo", token="operate", reason="it was needed")

    assert answer.headers["location"] == f"/incidents/{incident}?said=asked"
    newest = agent.call("GET", "/api/v1/actions").json()["items"][0]
    assert (newest["verb"], newest["replicas"], newest["requested_by"]) == ("scale", 3, "operate-test")
    assert "to undo action" in look(agent, f"/incidents/{incident}").words


def test_what_policy_does_not_take_back_is_said_on_the_page(agent) -> None:
    first = scaled(agent, incident := fire(agent, "Down"))
    second = scaled(agent, fire(agent, "Slow"), 2)
    answer = send(agent, f"/actions/{first.id}/undo", reason="it was needed")

    assert answer.status_code == 409
    assert f"(action {second.id}) was done after it" in answer.text
    assert "to undo action" not in look(agent, f"/incidents/{incident}").words


def test_without_a_script_a_page_of_its_own_asks_once_more(agent) -> None:
    action = waiting(agent, incident := fire(agent, "Down"))

    asks = look(agent, f"/actions/{action.id}/approve", token="operator")

    assert "Restart crm-api?" in asks.words
    assert asks.links_to(f"/incidents/{incident}")
    back = f"/login?next=%2Factions%2F{action.id}%2Fapprove"
    for path in ("/", f"/incidents/{incident}", f"/actions/{action.id}/approve"):
        assert look(agent, path, token="read").links_to(back), path
    send(agent, f"/actions/{action.id}/deny", reason="no")
    assert agent.call("GET", f"/actions/{action.id}/approve", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    "path", ["/actions/act-0404/approve", "/actions/nope/deny", "/incidents/inc-0404/ack", "/incidents/x/ack"]
)
def test_what_is_not_there_cannot_be_changed(agent, path: str) -> None:
    assert send(agent, path, plan_hash=HASH, reason="x").status_code == 404


def test_only_what_forms_send_is_taken(agent) -> None:
    """JSON, as another site's script could send it, is none of them; and neither is a flood of fields."""
    action = waiting(agent, fire(agent, "Down"))
    path = f"/actions/{action.id}/approve"

    assert agent.call("POST", path, token="operator", json={"plan_hash": HASH}).status_code == 400
    assert send(agent, path, **{f"x{number}": "" for number in range(100)}).status_code == 400
    assert stored(agent, action) == action
