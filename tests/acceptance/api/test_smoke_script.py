"""scripts/test-agent.sh on a running agent, as it stands in the checkout."""

import os
import subprocess
from pathlib import Path

import pytest

from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.commands import ActionOptions
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import TargetName

pytestmark = pytest.mark.curl
SCRIPT = Path(__file__).parents[3] / "scripts" / "test-agent.sh"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *arguments],
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def marks(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return dict(line.split()[:2] for line in done.stdout.splitlines())


def test_it_passes_on_an_agent_that_is_well(start_agent) -> None:
    agent = start_agent(mode=Mode.AUTO, actions={"scale": ActionOptions(scale=TargetName("crm-api"))})

    done = run(agent.url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert marks(done) == dict.fromkeys(("health", "query", "act", "metrics", "webhook"), "ok")
    assert [action["state"] for action in agent.call("GET", "/api/v1/actions").json()["items"]] == ["refused"]
    assert [alert["status"] for alert in agent.call("GET", "/api/v1/alerts").json()["items"]] == ["resolved"]


def test_it_takes_a_token_from_the_environment(start_agent) -> None:
    agent = start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))

    with_token = run(agent.url, AETHER_TOKEN=agent.secrets["operator"])
    without = run(agent.url)

    assert with_token.returncode == 0, with_token.stdout
    assert without.returncode == 1
    assert marks(without) == {"health": "ok", "query": "FAILED", "act": "FAILED", "metrics": "ok", "webhook": "FAILED"}


def test_it_fails_where_something_else_listens(prometheus: str) -> None:
    done = run(prometheus)

    assert done.returncode == 1
    assert set(marks(done).values()) == {"FAILED"}


def test_it_fails_where_nobody_listens() -> None:
    done = run("http://127.0.0.1:9")

    assert done.returncode == 1
    assert done.stdout.startswith("health   FAILED  000 curl: (7) ")
    assert "==>" not in done.stdout
    assert set(marks(done).values()) == {"FAILED"}


def test_wrong_usage_is_2() -> None:
    assert run("localhost:8088").returncode == 2
    assert run("http://localhost", "more").returncode == 2
