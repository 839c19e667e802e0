"""`aether` as a user runs it: a process of its own, against a running agent or against none."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.commands import ActionOptions
from aetherlink.lab import layout, record
from aetherlink.lab.identity import identify
from aetherlink.lib.clock import SystemClock
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import TargetName

AETHER = Path(sys.executable).with_name("aether")


def test_version_and_help_are_quick_and_good(aether) -> None:
    began = time.monotonic()
    shown = aether("--help")
    took = time.monotonic() - began

    assert shown.returncode == 0
    assert shown.stdout.startswith("Usage: aether [OPTIONS] COMMAND [ARGS]...")
    assert took < 2, "the aim is 0.3 s on a quiet machine"
    assert aether("version").stdout.startswith("aether ")


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, aetherlink.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"httpx", "pydantic", "fastapi", "sqlalchemy", "uvicorn", "msgspec", "rich"} & set(loaded)


@pytest.mark.parametrize(
    "arguments",
    [["explode"], [], ["query"], ["act", "restart"], ["token", "create", "x"], ["incidents", "--limit", "0"]],
    ids=["no such command", "nothing", "no query", "no reason", "no scope", "limit 0"],
)
def test_wrong_usage_is_2(aether, arguments: list[str]) -> None:
    assert aether(*arguments).returncode == 2


def test_a_wrong_settings_file_is_2_and_one_line(aether, tmp_path: Path) -> None:
    (tmp_path / "aether.yaml").write_text("colour: blue\n")

    for command in (["incidents"], ["check"], ["serve"]):
        done = aether(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert "colour" in done.stderr
        assert done.stderr.startswith("aether: ")
        assert "Traceback" not in done.stderr


def test_no_agent_is_3_and_says_where_it_was_looked_for(aether) -> None:
    done = aether("incidents", "--url", "http://127.0.0.1:9")

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("aether: GET /api/v1/incidents?limit=20 at http://127.0.0.1:9")
    assert done.stderr.count("\n") == 1


def test_query_prints_a_table_or_json(aether, agent) -> None:
    ql = 'label_replace(vector(85.5), "tenant", "acme", "", "")'

    table = aether("query", ql, AETHER_URL=agent.url)
    as_json = aether("query", ql, "--json", "--url", agent.url)

    assert table.returncode == 0
    assert '{tenant="acme"}' in table.stdout
    assert "85.5" in table.stdout
    assert json.loads(as_json.stdout)["value"] == 85.5
    assert aether("query", "absent_metric", "--url", agent.url).stdout == "no data\n"
    assert aether("query", "42", "--url", agent.url).stdout == "42\n"


def test_a_query_that_prometheus_refuses_is_2_with_its_words(aether, agent) -> None:
    done = aether("query", "sum((", "--url", agent.url)

    assert done.returncode == 2
    assert "unclosed left parenthesis" in done.stderr


def test_a_prometheus_out_of_reach_is_3(aether, start_agent) -> None:
    agent = start_agent(prometheus_url="http://127.0.0.1:9")

    assert aether("query", "up", "--url", agent.url).returncode == 3


def test_act_is_0_when_accepted_and_1_when_not(aether, start_agent) -> None:
    agent = start_agent(mode=Mode.AUTO, actions={"restart_api": ActionOptions(restart=TargetName("crm-api"))})

    accepted = aether("act", "restart_api", "--reason", "by hand", "--url", agent.url)
    refused = aether("act", "scale", "--reason", "x", "--service", "crm", "--replicas", "9", "--url", agent.url)
    unknown = aether("act", "explode", "--reason", "x", "--url", agent.url)

    assert (accepted.returncode, refused.returncode, unknown.returncode) == (0, 1, 2)
    assert accepted.stdout.startswith("allow: ")
    assert "9 replicas are outside the bounds" in refused.stdout
    assert "known are" in unknown.stderr
    shown = aether("show", accepted.stdout.split()[-1], "--url", agent.url)
    assert "by hand" in shown.stdout
    assert shown.stdout.startswith("action "), "no heading without words"


def test_incidents_are_listed_and_shown_without_obeying_what_alerts_say(aether, agent) -> None:
    evil = "\x1b[31mred\nsecond line"
    labels = {"alertname": evil, "severity": "critical", "tenant": evil}
    alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": "2025-11-02T20:06:26Z"}
    agent.call("POST", "/alertmanager", json={"alerts": [alert]})
    [incident] = agent.call("GET", "/api/v1/incidents").json()["items"]

    listed = aether("incidents", "--url", agent.url)
    shown = aether("show", incident["id"], "--url", agent.url)

    assert (listed.returncode, shown.returncode) == (0, 0)
    assert incident["id"] in listed.stdout
    assert "\x1b" not in listed.stdout + shown.stdout
    assert "\\x1b[31mred" in listed.stdout
    assert "opened" in shown.stdout
    as_json = aether("show", incident["id"], "--json", "--url", agent.url)
    assert json.loads(as_json.stdout)["timeline"][0]["kind"] == "opened"
    assert aether("incidents", "--status", "resolved", "--url", agent.url).stdout == "no incidents\n"
    assert aether("show", "inc-none", "--url", agent.url).returncode == 2


def test_alerts_and_incidents_are_narrowed_and_listed_over_pages(aether, agent) -> None:
    names = [f"Alert{number:03d}" for number in range(520)]
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": name, "tenant": f"tenant-{name[-1]}"},
            "startsAt": "2025-11-02T20:06:26Z",
        }
        for name in names
    ]
    agent.call("POST", "/alertmanager", json={"alerts": alerts})
    [incident, *_] = agent.call("GET", "/api/v1/incidents?tenant=tenant-7").json()["items"]
    url = ["--url", agent.url]

    everything = json.loads(aether("alerts", "--limit", "600", "--json", *url).stdout)
    first = json.loads(aether("alerts", "--limit", "510", "--json", *url).stdout)
    table = aether("alerts", "--tenant", "tenant-7", "--status", "firing", "--not-suppressed", *url).stdout

    assert [item["name"] for item in everything["items"]] == names[::-1]
    assert everything["next_cursor"] is None
    assert (len(first["items"]), first["next_cursor"]) == (510, "11")
    assert [word for word in table.split() if word.startswith("Alert")] == names[7::10][::-1][:20]
    assert aether("alerts", "--suppressed", *url).stdout == "no alerts\n"
    assert incident["id"] in aether("alerts", "--incident", incident["id"], *url).stdout
    assert incident["id"] in aether("incidents", "--tenant", "tenant-7", "--no-vip", "--limit", "99", *url).stdout
    assert aether("incidents", "--origin", "health", *url).stdout == "no incidents\n"
    assert aether("incidents", "--vip", *url).stdout == "no incidents\n"
    assert aether("alerts", "--status", "sad", *url).returncode == 2


@pytest.mark.parametrize(
    ("command", "option", "known"),
    [
        ("alerts", "--severity", ("critical", "warning", "info", "none")),
        ("alerts", "--status", ("firing", "resolved")),
        ("incidents", "--severity", ("critical", "warning", "info")),
        ("incidents", "--status", ("open", "resolved")),
        ("incidents", "--origin", ("alert", "health", "request")),
    ],
)
def test_a_filter_that_nothing_can_fit_is_2_and_names_the_known_words(
    aether, agent, command: str, option: str, known: tuple[str, ...]
) -> None:
    done = aether(command, option, "foo", AETHER_URL=agent.url)

    assert (done.returncode, done.stdout) == (2, "")
    assert option.removeprefix("--") in done.stderr
    assert all(f"'{word}'" in done.stderr for word in known)


def test_tokens_are_made_listed_and_revoked_with_the_operators_token(aether, agent, settings_of) -> None:
    config = ["--config", settings_of(agent)]

    made = aether("token", "create", "grafana", "--scope", "read", *config)
    agent.secrets["made"] = made.stdout.strip()

    assert made.returncode == 0
    assert agent.call("GET", "/api/v1/alerts", token="made").status_code == 200
    listed = json.loads(aether("token", "list", "--json", *config).stdout)["items"]
    token_id = next(item["id"] for item in listed if item["name"] == "grafana")
    assert {item["name"]: item["source"] for item in listed}["grafana"] is None
    assert "grafana" in aether("token", "list", *config).stdout
    assert aether("token", "revoke", token_id, *config).returncode == 0
    assert agent.call("GET", "/api/v1/alerts", token="made").status_code == 401


def test_open_prints_a_link_that_signs_in_with_its_role(aether, agent, settings_of) -> None:
    config = ["--config", str(settings_of(agent))]

    done = aether("open", "--print", "--role", "viewer", "--name", "zoe", *config)
    wrong = aether("open", "--print", "--role", "king", *config)

    assert done.returncode == 0, done.stderr
    assert "signs zoe in as viewer, once, until" in done.stderr
    address, _, code = done.stdout.strip().partition("#")
    assert address == f"{agent.url}/login"
    form = {"code": code}
    answer = agent.call("POST", "/login", data=form, headers={"Origin": agent.url}, follow_redirects=False)
    assert answer.status_code == 303
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_open_opens_a_browser(aether, agent, settings_of, tmp_path: Path) -> None:
    config = ["--config", str(settings_of(agent))]
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path / "opened"}\n')
    browser.chmod(0o755)

    done = aether("open", *config, BROWSER=str(browser))

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "opened").read_text() == done.stdout


def test_a_token_is_rotated_by_name(aether, agent, settings_of) -> None:
    config = ["--config", str(settings_of(agent))]
    old = aether("token", "create", "ci", "--role", "viewer", "--expires-in", "90d", *config)
    assert old.returncode == 0, old.stderr
    agent.secrets["old"] = old.stdout.strip()

    agent.secrets["new"] = aether("token", "rotate", "ci", "--overlap", "1h", *config).stdout.strip()

    for name in ("old", "new"):
        assert agent.call("GET", "/api/v1/alerts", token=name).status_code == 200
    listed = aether("token", "list", *config).stdout
    assert listed.count(" ci ") == 2
    assert "viewer" in listed
    again = aether("token", "rotate", "ci", *config)
    assert again.returncode != 0
    assert "2 tokens named 'ci' are valid" in again.stderr


def test_a_token_has_scopes_or_a_role(aether, agent, settings_of) -> None:
    config = ["--config", str(settings_of(agent))]

    assert aether("token", "create", "x", "--role", "viewer", "--scope", "read", *config).returncode == 2
    assert aether("token", "create", "x", "--role", "admin", "--tenant", "acme", *config).returncode == 2


def test_a_token_can_be_bound_to_a_source(aether, agent, settings_of) -> None:
    config = ["--config", settings_of(agent)]

    made = aether("token", "create", "alertmanager-prod", "--scope", "webhook", "--source", "prod", *config)
    unknown = aether("token", "create", "x", "--scope", "webhook", "--source", "prd", *config)

    assert made.returncode == 0
    assert "there is no source 'prd'" in unknown.stderr
    listed = json.loads(aether("token", "list", "--json", *config).stdout)["items"]
    assert {item["name"]: item["source"] for item in listed}["alertmanager-prod"] == "prod"
    assert " prod " in aether("token", "list", *config).stdout


def test_the_operators_token_goes_to_the_settings_address_only(aether, agent, settings_of) -> None:
    config = ["--config", settings_of(agent)]

    elsewhere = aether("token", "list", "--url", agent.url, *config)

    assert elsewhere.returncode == 1
    assert "AETHER_TOKEN" in elsewhere.stderr
    assert aether("token", "list", "--url", agent.url, AETHER_TOKEN=agent.secrets["operator"]).returncode == 0


@pytest.fixture
def lab_around(tmp_path: Path):
    """Holds ./.lab as a running lab does, with the agent as the lab's."""

    @contextlib.contextmanager
    def hold(asked, **urls: str):
        places = layout.prepare(tmp_path / ".lab")
        listen = asked.url.removeprefix("http://")
        (places.config / "aether.yaml").write_text(json.dumps({"listen": listen, "data_dir": str(asked.data_dir)}))
        me = identify(os.getpid())
        assert me is not None
        lab = record.ProcessRecord(service="lab", pid=me.pid, born=me.born)
        now = SystemClock().now()
        held = layout.hold(places)
        with asyncio.Runner() as runner:
            runner.run(held.__aenter__())
            record.write(
                places, record.LabRecord(lab=lab, started_at=now, control_socket=str(places.control), urls=urls)
            )
            yield
            runner.run(held.__aexit__(None, None, None))

    return hold


def test_in_the_folder_of_a_lab_its_agent_is_asked_with_its_token(
    aether, start_agent, settings_of, tmp_path: Path, lab_around
) -> None:
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))
    told = f"the lab in .lab: {agent.url}\n"
    with lab_around(agent, agent=agent.url):
        listed = aether("incidents")
        made = aether("token", "create", "x", "--scope", "read")
        elsewhere = aether("incidents", "--url", "http://127.0.0.1:9")
        (tmp_path / "aether.yaml").write_text("listen: 127.0.0.1:9\n")
        own = aether("incidents")

    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "no incidents\n", told)
    assert (made.returncode, made.stderr.startswith(told)) == (0, True)
    assert (elsewhere.returncode, own.returncode) == (3, 3)
    assert "the lab" not in elsewhere.stderr + own.stderr
    assert "http://127.0.0.1:9" in own.stderr


def test_a_lab_that_ended_or_has_no_agent_is_not_asked(aether, agent, tmp_path: Path, lab_around) -> None:
    nowhere = {"AETHER_LISTEN": "127.0.0.1:9"}
    with lab_around(agent, crm="http://127.0.0.1:8000"):
        without_agent = aether("incidents", **nowhere)
    with lab_around(agent, agent=agent.url):
        pass
    ended = aether("incidents", **nowhere)

    assert (without_agent.returncode, ended.returncode) == (3, 3)
    assert "the lab" not in without_agent.stderr + ended.stderr


def test_a_lab_that_cannot_be_looked_at_is_not_passed_over(aether, tmp_path: Path) -> None:
    (tmp_path / ".lab" / "lock").mkdir(parents=True)

    done = aether("incidents")

    assert done.returncode == 2
    assert done.stderr.startswith("aether: the lab in .lab cannot be looked at (Is a directory)")


def test_who_has_no_token_is_told_where_the_operators_was_sought(aether, start_agent, tmp_path: Path) -> None:
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))
    (tmp_path / "aether.yaml").write_text(f"listen: {agent.url.removeprefix('http://')}\ndata_dir: not-here\n")
    create = ("token", "create", "x", "--scope", "read")

    nowhere, by_url = aether(*create), aether(*create, "--url", agent.url)
    (tmp_path / "not-here").mkdir()
    (tmp_path / "not-here" / "operator.token").write_text("aek_of-another-agent-of-another-time\n")
    wrong = aether(*create)

    assert {nowhere.returncode, by_url.returncode, wrong.returncode} == {1}
    assert "was sought in not-here/operator.token (No such file or directory)" in nowhere.stderr
    assert "is not sent to an address of --url" in by_url.stderr
    assert "does not accept the operator's token (the operator's was sought in not-here/operator.token)" in wrong.stderr
    assert "`aether token create`" not in nowhere.stderr + by_url.stderr


@pytest.mark.parametrize("given_by", ["--token", "AETHER_TOKEN"])
@pytest.mark.parametrize("command", [("incidents",), ("smoke",), ("token", "list")], ids=" ".join)
def test_a_token_that_is_not_accepted_is_told_of_by_what_gave_it_and_not_shown(
    aether, agent, given_by: str, command: tuple[str, ...]
) -> None:
    def refused(token: str) -> str:
        options, variables = (["--token", token], {}) if given_by == "--token" else ([], {given_by: token})
        done = aether(*command, *options, "--url", agent.url, **variables)
        assert done.returncode in (1, 2)
        assert "Authorization" not in done.stderr + done.stdout
        assert token not in done.stderr + done.stdout
        return done.stderr

    wrong, none = refused("aek_of-another-agent-of-another-time"), refused("tä st")

    assert f"the agent at {agent.url} does not accept the token that {given_by} gives" in wrong
    assert f"aether: what {given_by} gives is no token" in none
    assert "`aether token create NAME --scope SCOPE` makes one" in wrong
    assert "`aether token create NAME --scope SCOPE` makes one" in none


def test_smoke_passes_on_an_agent_that_is_well(aether, start_agent) -> None:
    agent = start_agent(mode=Mode.AUTO, actions={"scale": ActionOptions(scale=TargetName("crm-api"))})

    done = aether("smoke", "--url", agent.url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == f"asking the agent at {agent.url}\n"
    assert "health_score unknown, consecutive_low 0" in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        [name, "ok"] for name in ("health", "query", "act", "metrics", "webhook")
    ]
    [alert] = agent.call("GET", "/api/v1/alerts").json()["items"]
    assert alert["status"] == "resolved"
    assert [action["state"] for action in agent.call("GET", "/api/v1/actions").json()["items"]] == ["refused"]


def test_smoke_names_what_fails_and_why(aether, start_agent) -> None:
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN), prometheus_url="http://127.0.0.1:9")
    agent.world.reasons = ["stopping"]

    done = aether("smoke", "--url", agent.url, AETHER_TOKEN=agent.secrets["read"])

    assert done.returncode == 1
    words = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "FAILED  the agent is not ready" in words["health"]
    assert "502" in words["query"]
    assert "403" in words["act"]
    assert "ok" in words["metrics"]
    assert "403" in words["webhook"]


def test_smoke_on_something_else_fails_every_check(aether, prometheus: str) -> None:
    done = aether("smoke", "--url", prometheus)

    assert done.returncode == 1
    assert done.stdout.count("FAILED") == 5


def test_note_ack_and_close_say_what_was_done(agent, aether, settings_of) -> None:
    settings = settings_of(agent)
    alert = {"status": "firing", "labels": {"alertname": "DiskFull"}, "startsAt": "2026-01-01T12:00:00Z"}
    agent.call("POST", "/alertmanager", json={"alerts": [alert]}).raise_for_status()
    [incident] = agent.call("GET", "/api/v1/incidents").json()["items"]
    id_ = incident["id"]
    done = [
        aether("note", id_, "I look", "--config", settings),
        aether("ack", id_, "--config", settings),
        aether("close", id_, "--reason", "done", "--config", settings),
        aether("ack", id_, "--config", settings),
    ]
    assert [each.returncode for each in done] == [0, 0, 0, 1], [each.stderr for each in done]
    assert done[0].stdout == f"noted on {id_}\n"
    assert done[1].stdout.startswith(f"operator looks after {id_} since 2")
    assert done[2].stdout == f"{id_} is closed, by operator\n"
    assert "cannot be acknowledged" in done[3].stderr
