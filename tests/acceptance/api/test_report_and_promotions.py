"""From observe to auto, over the API and from the command line: the report, the promotion, the way back."""

import asyncio
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.cli.entry import main
from aetherlink.model import would_be
from aetherlink.model.actions import Action, ActionState, Outcome, OutcomeStatus, Plan, Verb
from aetherlink.model.decisions import Decision, Effect, Mode
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, TargetName

NAME = "restart-crm-api"
PLACE = f"/api/v1/playbooks/{NAME}/promotion"


@pytest.fixture
def agent(start_agent):
    """One whose settings let playbooks act, as far as these may."""
    return start_agent(mode=Mode.AUTO)


def plan(agent, number: int, effect: Effect, *, days: float = 1, **changes: object) -> Action:
    action = Action(
        ActionId(f"act-{number:03d}"),
        Plan(Verb.RESTART, TargetName("crm-api"), playbook=PlaybookName(NAME), verify_within_seconds=60.0),
        "it is down",
        f"playbook:{NAME}",
        Decision(effect, f"rule_of_{effect}", "because"),
        ActionState.REFUSED,
        agent.services.clock.now() - timedelta(days=days, seconds=number),
        incident_id=IncidentId(f"inc-{number:03d}"),
    )
    return replace(action, **changes)


def ended(how: str, after: float) -> Mapping[str, object]:
    return {would_be.THEN_FACT: {would_be.HOW: how, would_be.AFTER: after}}


def keep(agent, *actions: Action) -> None:
    asyncio.run(agent.store.write(lambda rows: [rows.actions.put(one) for one in actions]))


@pytest.fixture
def lived(agent):
    """A playbook that was wanted seven times in a week, and once before."""
    done, now = Outcome(OutcomeStatus.DONE, ""), agent.services.clock.now()
    keep(
        agent,
        *(plan(agent, n, Effect.OBSERVE, facts=ended(would_be.BY_ITSELF, 600.0)) for n in range(3)),
        plan(agent, 3, Effect.OBSERVE, facts=ended(would_be.BY_ITSELF, 20.0)),
        plan(agent, 4, Effect.OBSERVE),
        plan(agent, 5, Effect.DENY),
        plan(
            agent, 6, Effect.ALLOW, state=ActionState.FINISHED, started_at=now, outcome=done,
            facts={"verdict": "not_recovered"},
        ),
        plan(agent, 7, Effect.OBSERVE, days=20, facts=ended(would_be.BY_ITSELF, 20.0)),
    )  # fmt: skip
    return agent


def digest_of(agent) -> str:
    items = agent.call("GET", "/api/v1/playbooks").json()["items"]
    return next(item["digest"] for item in items if item["name"] == NAME)


def listed(agent) -> dict[str, object]:
    items = agent.call("GET", "/api/v1/playbooks").json()["items"]
    return next(item for item in items if item["name"] == NAME)


def promote(agent, token: str = "admin", **changes: object):  # noqa: S107 - the name of a token
    body = {"to": "auto", "digest": digest_of(agent), "reason": "it would have been right", **changes}
    return agent.call("PUT", PLACE, token=token, json=body)


def test_the_report_says_what_would_have_been_right_and_what_is_not_known(lived) -> None:
    answer = lived.call("GET", "/api/v1/report").json()
    item = next(one for one in answer["items"] if one["playbook"] == NAME)
    observed, acted = item["observed"], item["acted"]

    assert (answer["plans"], answer["is_complete"]) == (7, True)
    counted = {key: observed[key] for key in ("total", "right", "needless", "wrong", "not_known", "lost")}
    assert counted == {"total": 5, "right": 3, "needless": 1, "wrong": 0, "not_known": 1, "lost": 1}
    assert (observed["right_share"], observed["median_seconds"]) == (0.75, 600.0)
    assert (acted["total"], acted["not_recovered"], acted["helped_share"]) == (1, 1, 0.0)
    assert item["denied"] == [{"rule": "rule_of_deny", "number": 1, "incidents": ["inc-005"]}]
    assert {"what": "observed: ended_early", "number": 1, "incidents": ["inc-003"]} in item["examples"]
    assert sum(observed[key] for key in ("right", "needless", "wrong", "not_known")) == observed["total"]


def test_the_report_goes_back_as_far_as_it_is_asked_to(lived) -> None:
    now = lived.services.clock.now()
    since = (now - timedelta(days=30)).isoformat().replace("+", "%2B")
    month = lived.call("GET", f"/api/v1/report?playbook={NAME}&since={since}").json()
    other = lived.call("GET", "/api/v1/report?playbook=crm-pool-exhausted").json()
    ancient = lived.call("GET", "/api/v1/report?since=2001-01-01T00:00:00Z")

    assert [(one["playbook"], one["observed"]["needless"]) for one in month["items"]] == [(NAME, 2)]
    assert [(one["playbook"], one["observed"]["total"]) for one in other["items"]] == [("crm-pool-exhausted", 0)]
    assert ancient.status_code == 400
    assert lived.call("GET", "/api/v1/report?sinc=1").status_code == 422


def test_promoting_takes_the_scope_admin_and_is_seen_everywhere(agent) -> None:
    refused = {token: promote(agent, token).status_code for token in ("read", "operate", "approve")}
    local = agent.call("PUT", PLACE, json={"to": "auto", "digest": digest_of(agent), "reason": "x"})
    before = listed(agent)
    given = promote(agent)
    after = listed(agent)

    assert refused == {"read": 403, "operate": 403, "approve": 403}
    assert local.status_code in (401, 403)
    assert (before["mode"], before["promotion"], before["promotion_state"]) == ("observe", None, None)
    assert (given.status_code, given.json()["by"], given.json()["mode"]) == (200, "admin-test", "auto")
    assert (after["mode"], after["own_mode"], after["promotion_state"]) == ("auto", "observe", "in_force")
    report = agent.call("GET", f"/api/v1/report?playbook={NAME}").json()
    assert report["items"][0]["mode"] == "auto"
    incidents = agent.call("GET", "/api/v1/incidents").json()["items"]
    [record] = [one for one in incidents if one["title"] == "Playbooks of the agent"]
    [entry] = agent.call("GET", f"/api/v1/incidents/{record['id']}/timeline").json()["items"]
    assert (entry["kind"], entry["facts"]["by"], entry["facts"]["to"]) == ("promoted", "admin-test", "auto")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"digest": "of another one"}, 409),
        ({"to": "observe"}, 422),
        ({"reason": ""}, 422),
        ({"more": 1}, 422),
    ],
)
def test_what_is_wrong_promotes_nothing(agent, changes: dict[str, object], status: int) -> None:
    assert promote(agent, **changes).status_code == status
    assert listed(agent)["mode"] == "observe"


def test_below_the_ceiling_of_the_settings_only(start_agent) -> None:
    agent = start_agent(mode=Mode.OBSERVE)
    answer = promote(agent)

    assert answer.status_code == 409
    assert "`mode: observe`" in answer.json()["detail"]


def test_setting_back_takes_the_scope_approve(agent) -> None:
    promote(agent)
    refused = agent.call("DELETE", f"{PLACE}?reason=no", token="operate")
    lower = agent.call("DELETE", f"{PLACE}?reason=less&to=approve", token="approve")
    ended = agent.call("DELETE", f"{PLACE}?reason=no", token="approve")
    again = agent.call("DELETE", f"{PLACE}?reason=no", token="approve")

    assert refused.status_code == 403
    assert (lower.json()["mode"], lower.json()["ended_at"]) == ("approve", None)
    assert (ended.json()["ended_by"], ended.json()["ended_because"]) == ("approve-test", "no")
    assert again.status_code == 409
    assert (listed(agent)["mode"], listed(agent)["promotion_state"]) == ("observe", "ended")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Runs `aether` with these arguments, and with this typed; its exit code and everything that it said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, typed: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["aether", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return run


@pytest.mark.parametrize("typed", ["", "\n", "n\n"])
def test_without_a_yes_the_numbers_are_shown_and_nothing_is_promoted(lived, run, settings_of, typed: str) -> None:
    code, said = run("playbook", "promote", NAME, "--to", "auto", "--config", settings_of(lived), typed=typed)

    assert code == 1
    assert f"promote {NAME} to auto? [y/N]" in said
    assert "would have been right 3 of 5 times (not known: 1); helped 0 of 1 times" in said
    assert "ended_early: 2, such as inc-003, inc-007" in said
    assert listed(lived)["mode"] == "observe"


@pytest.mark.parametrize(("flags", "typed"), [((), "y\n"), (("--yes",), "")])
def test_from_the_command_line_there_and_back(lived, run, settings_of, flags: tuple[str, ...], typed: str) -> None:
    config = ["--config", settings_of(lived)]
    code, said = run("playbook", "promote", NAME, "--to", "auto", *flags, *config, typed=typed)
    shown = run("playbook", "list", *config)[1]
    reason = listed(lived)["promotion"]["reason"]
    back = run("playbook", "demote", NAME, "--reason", "not yet", *config)

    assert code == 0
    assert "would have been right 3 of 5 times" in said
    assert said.endswith(f"{NAME} is promoted to auto; `aether playbook demote {NAME}` sets it back\n")
    assert "auto (promoted by operator)" in " ".join(shown.split())
    assert reason == "it would have been right 3 of 5 times (not known: 1); helped 0 of 1 times"
    assert back == (0, f"{NAME} is not promoted any more: the mode of its file counts\n")
    assert listed(lived)["mode"] == "observe"


def test_the_command_reports_as_a_table_and_as_json(lived, run, settings_of) -> None:
    config = ["--config", settings_of(lived)]
    table = run("report", *config)[1]
    one = run("report", "--playbook", NAME, "--since", "30d", *config)[1]
    as_json = run("report", "--json", "--since", "2h", *config)[1]
    wrong, why = run("report", "--since", "soon", *config)

    assert NAME in table
    assert "75%, 1 not known" in " ".join(table.split())
    assert "rule_of_deny 1" in " ".join(table.split())
    assert "more playbooks were not wanted" in table
    assert "would have acted 6 times: 5 ended by themselves, 1 nobody knows" in one
    assert "right 3, needless 2, called wrong 0, not known 1" in one
    assert json.loads(as_json)["plans"] == 0
    assert wrong == 2
    assert "is not a duration" in why


def test_who_lacks_the_scope_is_told_so(lived, run) -> None:
    def promoted(name: str, token: str) -> tuple[int, str]:
        where = ("--url", lived.url, "--token", lived.secrets[token])
        return run("playbook", "promote", name, "--to", "auto", "--yes", *where)

    refused, why = promoted(NAME, "read")
    unknown, where = promoted("nothing", "admin")

    assert refused == 1
    assert "does not have the scope admin" in why
    assert unknown == 2
    assert "there is no playbook 'nothing'" in where


@pytest.mark.parametrize(
    ("ended_by", "words"), [("agent", "observe (set back by the agent: 2 in a row)"), ("ann", "observe")]
)
def test_what_was_set_back_says_so_in_the_list(agent, run, settings_of, ended_by: str, words: str) -> None:
    promote(agent)

    def set_back(rows) -> None:
        held = rows.promotions.of(PlaybookName(NAME))
        rows.promotions.put(replace(held, ended_at=held.at, ended_by=ended_by, ended_because="2 in a row"))

    asyncio.run(agent.store.write(set_back))
    [line] = [
        line
        for line in run("playbook", "list", "--config", settings_of(agent))[1].splitlines()
        if line.startswith(NAME)
    ]

    assert " ".join(line.split()).startswith(f"{NAME} {words[:20]}")


def test_a_changed_file_is_told_as_the_end_of_its_promotion(agent, run, settings_of) -> None:
    promote(agent)
    book = agent.services.playbooks
    book.replace(tuple(replace(one, digest="another") if one.name == NAME else one for one in book.playbooks))
    item = listed(agent)
    lines = run("playbook", "list", "--config", settings_of(agent))[1].splitlines()

    assert (item["mode"], item["promotion_state"], item["promotion"]["mode"]) == ("observe", "lapsed", "auto")
    assert any(line.startswith(f"{NAME} ") and "observe (its file was" in line for line in lines)
