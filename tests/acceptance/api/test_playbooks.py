"""Playbooks over the API and from the command line: what is in force, and what would come of an alert."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.cli.entry import main
from aetherlink.model import would_be
from aetherlink.model.actions import Action, ActionState, Outcome, OutcomeStatus, Plan, Verb
from aetherlink.model.decisions import Decision, Effect, Mode
from aetherlink.model.ids import ActionId, PlaybookName, TargetName
from aetherlink.playbooks.loader import BUILTIN

LABELS = {"alertname": "CrmApiDown", "service": "crm", "job": "peakpro_crm", "instance": "crm:8000"}
ALERT = ",".join(f"{name}={value}" for name, value in LABELS.items())
RESTART = str(BUILTIN / "restart-crm-api.yaml")
TARGETS = {"crm-api": {"executor": "lab", "service": "crm"}}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Runs `aether` with these arguments; its exit code and everything that it said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["aether", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return run


def settings(folder: Path, **more: object) -> Path:
    file = folder / "given.yaml"
    file.write_text(json.dumps({"targets": TARGETS, **more}))
    return file


def test_the_list_tells_what_is_in_force_and_in_which_order(start_agent) -> None:
    agent = start_agent(mode=Mode.AUTO)

    answer = agent.call("GET", "/api/v1/playbooks").json()

    names = [item["name"] for item in answer["items"]]
    assert answer["next_cursor"] is None
    assert names == sorted(names, key=lambda name: (not answer["items"][names.index(name)]["steps"], name))
    [restart] = [item for item in answer["items"] if item["name"] == "restart-crm-api"]
    assert (restart["mode"], restart["is_builtin"], restart["match"]) == ("observe", True, ['alertname="CrmApiDown"'])
    [step] = restart["steps"]
    assert (step["verb"], step["target"]) == ("restart", {"name": "crm-api", "executor": ""})
    assert (step["when"], step["verify"], step["verify_within_seconds"]) == ("up == 0", "up == 1", 60.0)
    [pool] = [item for item in answer["items"] if item["name"] == "crm-pool-exhausted"]
    assert [(one["name"], one["instead_of"]) for one in pool["steps"]] == [("restart", ""), ("one-more", "restart")]


@pytest.mark.parametrize(("token", "status"), [(None, 200), ("read", 200), ("webhook", 403), ("unknown", 401)])
def test_who_may_read_may_list(agent, token: str | None, status: int) -> None:
    assert agent.call("GET", "/api/v1/playbooks", token=token).status_code == status


def test_the_command_lists_what_the_running_agent_has(agent, run) -> None:
    code, said = run("playbook", "list", "--url", agent.url)

    assert code == 0
    [line] = [line for line in said.splitlines() if line.startswith("restart-crm-api")]
    assert line.split()[1:] == ["observe", "built", "in", 'alertname="CrmApiDown"', "restart", "crm-api"]


def test_without_an_agent_the_list_is_out_of_reach(run) -> None:
    code, said = run("playbook", "list", "--url", "http://127.0.0.1:1")

    assert code == 3
    assert "Is the agent running" in said


def test_check_names_file_line_and_key(run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(Path(RESTART).read_text().replace("cooldown", "cooldwon").replace("query", "quer"))

    code, said = run("playbook", "check", RESTART, wrong)

    assert code == 1
    assert f"{RESTART}: restart-crm-api: restart crm-api, mode observe" in said
    assert f"{wrong}:8: verify.quer: unknown key: did you mean `query`?" in said
    assert f"{wrong}:10: cooldwon: unknown key: did you mean `cooldown`?" in said


def test_check_holds_what_a_playbook_does_against_the_targets_of_the_settings(run, tmp_path: Path) -> None:
    http = {"observe": {"url": "http://crm/"}, "requests": {"purge": {"url": "http://crm/purge"}}}
    config = settings(tmp_path, targets={"crm-api": {"executor": "http", "service": "crm", "http": http}})
    right, wrong = tmp_path / "right.yaml", tmp_path / "wrong.yaml"
    right.write_text(Path(RESTART).read_text().replace("{restart: {}}", "{http: {request: purge}}"))
    wrong.write_text(right.read_text().replace("purge", "prge"))

    code, said = run("playbook", "check", right, wrong, "--config", config)

    assert code == 1
    assert f"{right}: restart-crm-api: http purge crm-api, mode observe" in said
    assert "action.http.request: target crm-api has no request 'prge': did you mean `purge`?" in said
    assert run("playbook", "check", wrong)[0] == 0, "without settings there is no target to hold it against"


def test_an_invented_alert_shows_target_and_bound_queries(run, tmp_path: Path) -> None:
    code, said = run("playbook", "test", RESTART, "--alert", ALERT, "--config", settings(tmp_path))

    assert code == 0
    assert "restart crm-api" in said
    assert 'up{instance="crm:8000",job="peakpro_crm"} == 0' in said
    assert "mode observe: it does not act by itself" in said


@pytest.mark.parametrize(
    ("alert", "why"),
    [
        (ALERT.replace("CrmApiDown", "Other"), "alertname=\"CrmApiDown\": the alert says 'Other'"),
        ("service=crm", 'alertname="CrmApiDown": the alert has no such label'),
        (ALERT.replace("instance", "node"), "the alert has no label instance"),
    ],
)
def test_what_would_not_be_planned_says_why(run, tmp_path: Path, alert: str, why: str) -> None:
    code, said = run("playbook", "test", RESTART, "--alert", alert, "--config", settings(tmp_path), "--json")

    assert code == 1
    [tried] = json.loads(said)["alerts"]
    assert why in "; ".join(tried["problems"])


@pytest.mark.parametrize("targets", [{}, {"a": TARGETS["crm-api"], "b": TARGETS["crm-api"]}], ids=["none", "two"])
def test_a_target_by_labels_is_one_or_none(run, tmp_path: Path, targets: dict[str, object]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(Path(RESTART).read_text().replace("target: crm-api", "target: {from: labels}"))

    code, said = run("playbook", "test", file, "--alert", ALERT, "--config", settings(tmp_path, targets=targets))

    assert code == 1
    assert "CANNOT" in said


@pytest.mark.parametrize("arguments", [[], ["--alert", ALERT, "--incident", "inc-1"], ["--alert", "CrmApiDown"]])
def test_neither_alert_nor_incident_is_a_wrong_usage(run, arguments: list[str]) -> None:
    assert run("playbook", "test", RESTART, *arguments)[0] == 2


def test_a_recorded_incident_is_tried_alert_by_alert(agent, run, tmp_path: Path) -> None:
    alerts = [
        {"status": "firing", "startsAt": "2026-01-01T00:00:00Z", "labels": {**LABELS, **more}, "annotations": {}}
        for more in ({}, {"alertname": "Other"})
    ]
    body = {"version": "4", "status": "firing", "receiver": "agent", "alerts": alerts}
    assert agent.call("POST", "/alertmanager", token="webhook", json=body).status_code == 200
    [incident] = agent.call("GET", "/api/v1/incidents").json()["items"]
    before = agent.call("GET", "/api/v1/actions").json()

    code, said = run(
        "playbook", "test", RESTART, "--incident", incident["id"], "--url", agent.url, "--json",
        "--config", settings(tmp_path),
    )  # fmt: skip

    assert code == 0
    assert sorted(one["matches"] for one in json.loads(said)["alerts"]) == [False, True]
    assert agent.call("GET", "/api/v1/actions").json() == before


def _done(agent, name: str, number: int, **changes: object) -> Action:
    return replace(
        Action(
            ActionId(f"act-{name}-{number}"),
            Plan(Verb.RESTART, TargetName("crm-api"), playbook=PlaybookName(name)),
            "it is down",
            f"playbook:{name}",
            Decision(Effect.ALLOW, "all_rules", "nothing is against it"),
            ActionState.FINISHED,
            agent.services.clock.now(),
        ),
        **changes,
    )


def _put_what_was_done(agent) -> None:
    now = agent.services.clock.now()
    observed = Decision(Effect.OBSERVE, "mode_allows", "it observes")
    undo = Plan(Verb.SCALE, TargetName("crm-api"), PlaybookName("crm-pool-exhausted"), undo_of=ActionId("act-1"))
    kept = [
        *(_done(agent, "restart-crm-api", n, started_at=now, facts={"verdict": "recovered"}) for n in range(3)),
        _done(agent, "restart-crm-api", 3, started_at=now, facts={"verdict": "not_recovered", "wrong": {"by": "ann"}}),
        _done(agent, "restart-crm-api", 4, started_at=now, facts={"verdict": "cannot_tell"}),
        _done(agent, "restart-crm-api", 5, started_at=now),
        _done(agent, "restart-crm-api", 6, created_at=now - timedelta(days=31), started_at=now - timedelta(days=31)),
        _done(agent, "crm-pool-exhausted", 0, plan=undo, outcome=Outcome(OutcomeStatus.DONE, "scaled")),
        _done(agent, "crm-pool-exhausted", 1, decision=observed, facts={"then": {"how": would_be.BY_ITSELF}}),
        _done(agent, "crm-pool-exhausted", 2, decision=observed, facts={"then": {"how": would_be.BY_A_PERSON}}),
        _done(agent, "crm-pool-exhausted", 3, decision=observed, facts={"then": {"how": would_be.BY_A_PERSON}}),
        _done(agent, "crm-pool-exhausted", 4, decision=observed),
        _done(agent, "crm-pool-exhausted", 5, decision=observed, facts={"then": {"how": would_be.BY_A_REPAIR}}),
    ]
    asyncio.run(agent.store.write(lambda tx: [tx.actions.put(each) for each in kept]))


def test_the_list_tells_how_good_each_playbook_was(agent, run) -> None:
    _put_what_was_done(agent)

    items = agent.call("GET", "/api/v1/playbooks").json()["items"]
    found = {item["name"]: item["precision"] for item in items}
    would_be_none = {"resolved_by_itself": 0, "looked_after": 0, "repaired": 0, "not_known": 0}
    none = dict.fromkeys(("executed", "judged", "recovered", "not_recovered", "cannot_tell", "undone", "wrong"), 0)
    none = {"days": 30, **none, "would_be": would_be_none}
    ran = {"executed": 6, "judged": 5, "recovered": 3, "not_recovered": 1, "cannot_tell": 1, "wrong": 1}
    then = {"resolved_by_itself": 1, "looked_after": 2, "repaired": 1, "not_known": 1}
    assert found["restart-crm-api"] == {**none, **ran}
    assert found["crm-pool-exhausted"] == {**none, "undone": 1, "would_be": then}
    assert found["watchdog"] == none

    code, said = run("playbook", "list", "--url", agent.url)
    assert code == 0
    assert "6 ran, 3 recovered, 1 did not, 1 unclear, 1 wrong" in said
    assert "1 undone; would have acted 5 times: 1 ended by themselves, 2 a person" in " ".join(said.split())


Answering = Callable[[Callable[[object], None]], str]


@pytest.mark.parametrize(("value", "code", "status"), [("0", 0, "holds"), ("", 1, "does_not_hold")])
def test_prometheus_is_asked_when_it_is_to_be(
    answering: Answering, run, tmp_path: Path, *, value: str, code: int, status: str
) -> None:
    asked = []

    def answer(handler) -> None:
        asked.append(handler.path)
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": _snapshot(value)}}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    sources = [{"name": "a", "prometheus": answering(answer)}]
    ended, said = run(
        "playbook", "test", RESTART, "--alert", ALERT, "--ask", "--json",
        "--config", settings(tmp_path, sources=sources),
    )  # fmt: skip

    assert len(asked) == 2
    assert json.loads(said)["alerts"][0]["evidence"][0]["status"] == status
    assert ended == code


def _snapshot(value: str) -> list[object]:
    """The answer to a combined question on one series, scraped just now."""
    now = time.time()
    parts = {"now": str(now), "current-0": str(now - 1), **({"value": value} if value else {})}
    return [{"metric": {"aether_part": part}, "value": [now, number]} for part, number in parts.items()]


def test_a_prometheus_that_is_away_is_3(run, tmp_path: Path) -> None:
    sources = [{"name": "a", "prometheus": "http://127.0.0.1:1"}]
    config = settings(tmp_path, sources=sources)

    code, said = run("playbook", "test", RESTART, "--alert", ALERT, "--ask", "--config", config)

    assert code == 3
    assert "no connection" in said


def test_explain_says_of_every_playbook_whether_it_would_match(run, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "mine.yaml").write_text(Path(RESTART).read_text().replace("name: restart-crm-api", "name: zz-mine"))
    config = settings(tmp_path, playbooks_dir=str(mine))

    code, said = run("playbook", "explain", "CrmApiDown", "--config", config, "--json")

    found = {item["playbook"]: (item["matches"], item["why"]) for item in json.loads(said)["items"]}
    assert code == 0
    assert found["zz-mine"] == ("yes", "mode observe")
    assert found["restart-crm-api"] == ("later", "zz-mine is asked before it")
    assert found["watchdog"] == ("no", "alertname=\"Watchdog\": the alert says 'CrmApiDown'")
    assert run("playbook", "explain", "alertname=Nobody,severity=page", "--config", config)[0] == 1
