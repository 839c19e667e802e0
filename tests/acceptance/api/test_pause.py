"""Pausing over the API and from the command line: who may, when it is in force, what it outlives."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from rigs import warm_aether
from rigs.agent_process import environment, serving, wait_until, wait_until_ready

PAUSE = {"reason": "we move the database"}
NOT_PAUSED = {"paused": False, "pauses": [], "outside": None}


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def test_whoever_may_operate_pauses_and_only_an_admin_resumes(agent) -> None:
    said = agent.call("POST", "/api/v1/pause", token="operate", json=PAUSE).json()
    assert said["paused"] is True
    [one] = said["pauses"]
    assert (one["scope"], one["until"], one["paused_by"]) == ("all", None, "operate-test")
    assert one["reason"] == PAUSE["reason"]

    assert agent.call("DELETE", "/api/v1/pause").status_code == 401
    assert agent.call("DELETE", "/api/v1/pause", token="operate").status_code == 403
    assert agent.call("GET", "/api/v1/pause").json() == said
    assert agent.call("DELETE", "/api/v1/pause", token="admin").json() == NOT_PAUSED
    assert agent.call("DELETE", "/api/v1/pause", token="admin").status_code == 200


def test_a_caller_without_a_token_may_not_pause(agent) -> None:
    assert agent.call("POST", "/api/v1/pause", json=PAUSE).status_code == 401
    assert agent.call("GET", "/api/v1/pause").json() == NOT_PAUSED


def test_whoever_may_not_resume_cannot_do_it_by_a_shorter_pause(agent) -> None:
    agent.call("POST", "/api/v1/pause", token="operate", json=PAUSE)
    agent.call("POST", "/api/v1/pause", token="operate", json={"reason": "short", "until": in_hours(0.1)})

    [one] = agent.call("GET", "/api/v1/pause").json()["pauses"]
    assert (one["reason"], one["until"]) == ("short", None)


def test_a_second_pause_without_a_reason_keeps_the_first_ones(agent) -> None:
    first = agent.call("POST", "/api/v1/pause", token="operate", json={}).json()
    agent.call("POST", "/api/v1/pause", token="operate", json=PAUSE)
    again = agent.call("POST", "/api/v1/pause", token="operator", json={})

    assert first["pauses"][0]["reason"] == "no reason was given"
    assert again.json()["pauses"][0]["reason"] == PAUSE["reason"]


def test_a_request_while_paused_is_denied_by_the_pause(start_agent) -> None:
    agent = start_agent()
    agent.call("POST", "/api/v1/pause", token="operator", json=PAUSE)

    details = agent.call("POST", "/act", json={"action": "restart", "service": "crm", "reason": "x"}).json()["details"]
    assert (details["decision"], details["rule"]) == ("deny", "agent_is_not_paused")
    assert details["reason"].endswith("we move the database")


def test_what_does_not_fit_is_refused_in_words(agent) -> None:
    wrong = [
        {"reason": ""},
        {"reason": 1},
        {"reason": "x", "scope": 1},
        {"reason": "x", "scope": "tenant:" + "a" * 400},
        {"reason": "x", "from": "2099-01-01T00:00"},
        {"reason": "x", "until": "2099-01-01T00:00"},
    ]
    answers = [agent.call("POST", "/api/v1/pause", token="operator", json=body) for body in wrong]
    past = agent.call("POST", "/api/v1/pause", token="operator", json={"reason": "x", "until": in_hours(-1)})

    assert {answer.status_code for answer in answers} == {422}
    assert past.status_code == 400
    assert "is past" in past.json()["detail"]
    unknown = agent.call("POST", "/api/v1/pause", token="operator", json={"scope": "target:crm-apj"})
    assert unknown.status_code == 400
    assert "did you mean 'crm-api'?" in unknown.json()["detail"]
    assert agent.call("DELETE", "/api/v1/pause?scope=nothing", token="operator").status_code == 400


def test_a_part_is_paused_and_another_one_is_planned(agent) -> None:
    agent.call("POST", "/api/v1/pause", token="operate", json={"scope": "target:crm-api", "reason": "they look at it"})
    window = {"scope": "tenant:acme", "from": in_hours(1), "until": in_hours(2)}
    said = agent.call("POST", "/api/v1/pause", token="operate", json=window).json()
    assert [(one["scope"], one["in_force"]) for one in said["pauses"]] == [
        ("target:crm-api", True),
        ("tenant:acme", False),
    ]
    assert datetime.fromisoformat(said["pauses"][1]["from"]) == datetime.fromisoformat(window["from"])

    left = agent.call("DELETE", "/api/v1/pause?scope=target:crm-api", token="admin").json()
    assert (left["paused"], len(left["pauses"])) == (False, 1)
    assert agent.call("DELETE", "/api/v1/pause?scope=tenant:acme", token="admin").json() == left
    over = agent.call("DELETE", "/api/v1/pause?scope=tenant:acme&planned=true", token="admin").json()
    assert over == NOT_PAUSED


def test_who_paused_and_who_resumed_is_in_a_timeline(agent) -> None:
    agent.call("POST", "/api/v1/pause", token="operate", json=PAUSE)
    agent.call("DELETE", "/api/v1/pause", token="operate")
    agent.call("DELETE", "/api/v1/pause", token="admin")

    [incident] = agent.call("GET", "/api/v1/incidents").json()["items"]
    assert (incident["title"], incident["status"]) == ("Pauses of the agent", "resolved")
    entries = agent.call("GET", f"/api/v1/incidents/{incident['id']}/timeline").json()["items"]
    assert [entry["kind"] for entry in entries] == ["paused", "resumed"]
    assert entries[0]["facts"]["by"] == "operate-test"
    assert entries[1]["facts"]["resumed_by"] == "admin-test"


def test_a_file_that_pauses_is_told(agent) -> None:
    (agent.data_dir.parent / "pause").write_text("they look for the leak\n")
    said = agent.call("GET", "/api/v1/pause").json()

    assert (said["paused"], said["pauses"]) == (True, [])
    assert said["outside"].endswith("pause: they look for the leak")


def test_the_status_tells_what_is_paused_and_frozen_now(agent, aether) -> None:
    before = agent.call("GET", "/api/v1/status").json()
    agent.world.freezes = ["weekend: no changes"]
    agent.call("POST", "/api/v1/pause", token="operate", json=PAUSE)
    agent.call("POST", "/api/v1/pause", token="operate", json={"scope": "tenant:acme", "from": in_hours(1)})
    (agent.data_dir.parent / "pause").write_text("they look for the leak\n")
    status = agent.call("GET", "/api/v1/status").json()
    told = aether("status", AETHER_URL=agent.url).stdout
    brakes = aether("brakes", AETHER_URL=agent.url).stdout

    assert (before["pause"], before["frozen"]) == (NOT_PAUSED, [])
    assert [(one["scope"], one["reason"]) for one in status["pause"]["pauses"]] == [("all", PAUSE["reason"])]
    assert status["pause"]["outside"].endswith("they look for the leak")
    assert status["frozen"] == ["weekend: no changes"]
    assert "all, by operate-test: we move the database" in told
    assert [line.split()[1] for line in told.splitlines() if line.startswith("acting ")] == [
        "PAUSED",
        "PAUSED",
        "FROZEN",
    ]
    assert "aether pause --list" in brakes


def run(settings: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm_aether.run(arguments, settings, folder)


def test_one_command_pauses_it_outlives_kill_9_and_one_command_resumes(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    agent = f"http://{settings['AETHER_LISTEN']}"
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        run(settings, tmp_path, "pause", "--reason", "we move the database", "--for", "1h")
        paused = run(settings, tmp_path, "pause", "--for", "2h")
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        wait_until(lambda: "aether_agent_paused 1.0" in httpx.get(f"{agent}/metrics").text, "the gauge says so")
        act = run(settings, tmp_path, "act", "restart_api", "--reason", "x")
        resumed = run(settings, tmp_path, "resume")
        wait_until(lambda: "aether_agent_paused 0.0" in httpx.get(f"{agent}/metrics").text, "the gauge says so")

    assert (paused.returncode, resumed.returncode) == (0, 0), paused.stderr + resumed.stderr
    assert paused.stdout.startswith("paused until 2")
    assert "by operator" in paused.stdout
    assert "we move the database" in paused.stdout
    assert act.returncode == 1
    assert resumed.stdout == "not paused: the agent acts as its mode allows\n"
    log = (tmp_path / "log").read_text()
    assert "the agent is paused by operator" in log
    assert "the agent was resumed by operator" in log


def test_parts_and_planned_pauses_from_the_command_line(tmp_path: Path) -> None:
    settings = environment(tmp_path) | {"AETHER_PAUSE_FILE": str(tmp_path / "stop")}
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        part = run(settings, tmp_path, "pause", "--scope", "tenant:acme", "--reason", "they asked for it")
        planned = run(settings, tmp_path, "pause", "--from", "2h", "--for", "30m")
        (tmp_path / "stop").touch()
        listed = run(settings, tmp_path, "pause", "--list")
        status = run(settings, tmp_path, "status")
        (tmp_path / "stop").unlink()
        resumed = run(settings, tmp_path, "resume", "--scope", "tenant:acme")
        resumed_status = run(settings, tmp_path, "status")
        called_off = run(settings, tmp_path, "resume", "--planned")

    assert part.stdout.startswith("tenant:acme is paused until `aether resume --scope tenant:acme`, by operator at 2")
    assert "\nto be paused from 2" in planned.stdout
    assert listed.stdout.splitlines()[-1] == f"paused by the file {tmp_path / 'stop'}: no reason was given"
    assert resumed.stdout.splitlines()[-1] == "not paused: the agent acts as its mode allows"
    acting = [line.split() for line in status.stdout.splitlines() if line.startswith("acting ")]
    assert [(words[1], words[-1]) for words in acting] == [("PAUSED", "it"), ("PAUSED", "given")]
    assert "tenant:acme, by operator: they asked for it" in status.stdout
    assert f"all: paused by the file {tmp_path / 'stop'}" in status.stdout
    assert "PAUSED" not in resumed_status.stdout
    assert "nothing is paused or frozen" in resumed_status.stdout
    assert called_off.stdout == "not paused: the agent acts as its mode allows\n"


@pytest.mark.parametrize(
    ("start", "words"),
    [("2026-01-01T00:00", "does not say its zone"), ("soon", "--from: 'soon' is not a duration")],
)
def test_a_beginning_that_is_none_is_a_usage_error(tmp_path: Path, start: str, words: str) -> None:
    done = run(environment(tmp_path), tmp_path, "pause", "--from", start)

    assert done.returncode == 2
    assert words in done.stderr


def test_a_duration_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    done = run(environment(tmp_path), tmp_path, "pause", "--for", "a while")

    assert done.returncode == 2
    assert "--for: 'a while' is not a duration" in done.stderr
