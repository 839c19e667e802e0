"""The audit log of a real agent: its key, its anchors, and what `aether audit verify` says of it."""

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from rigs import warm_aether
from rigs.agent_process import environment, serving, wait_until, wait_until_ready

ALERT = {
    "status": "firing",
    "labels": {"alertname": "DiskFull", "service": "db"},
    "startsAt": "2026-01-01T12:00:00Z",
    "fingerprint": "00000000000000aa",
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path) | {"AETHER_AUDIT__ANCHOR_INTERVAL": "1s"}


@pytest.fixture
def aether(tmp_path: Path, settings: dict[str, str]) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm_aether.run(arguments, settings, tmp_path)

    return run


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "aetherlink.db")) as database, database:
        database.execute(statement)


def test_the_log_of_a_real_agent_is_verified_and_a_change_is_named(
    tmp_path: Path, settings: dict[str, str], aether: Run
) -> None:
    url = f"http://{settings['AETHER_LISTEN']}"
    anchors = tmp_path / "data" / "audit.anchors"
    with serving(settings, tmp_path) as agent:
        wait_until_ready(settings)
        httpx.post(f"{url}/alertmanager", json={"alerts": [ALERT]}).raise_for_status()
        wait_until(anchors.exists, "an anchor is written")
        told = httpx.get(f"{url}/api/v1/audit").json()
        running = aether("audit", "verify", "--json")
        [incident] = httpx.get(f"{url}/api/v1/incidents").json()["items"]
        assert aether("note", incident["id"], "I look after it").returncode == 0
        agent.terminate()
        agent.wait(timeout=30)

    assert told["anchor"]["number"] >= 1
    assert running.returncode == 0, running.stdout + running.stderr
    assert json.loads(running.stdout)["ok"] is True
    for name in ("audit.key", "audit.anchors"):
        assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600
    stopped = aether("audit", "verify", "--json")
    [last, *_] = re.findall(r"AUDIT anchor number=\d+ digest=[0-9a-f]{64}", (tmp_path / "log").read_text())[::-1]
    found = json.loads(stopped.stdout)
    assert (stopped.returncode, found["first_bad"], found["notices"]) == (0, None, [])
    assert last == f"AUDIT anchor number={found['entries']} digest={found['digest']}"

    change(tmp_path, "UPDATE timeline SET text = 'nobody looked' WHERE kind = 'note'")
    changed = aether("audit", "verify")
    assert changed.returncode == 1
    assert f"CHANGED: entry {found['entries']} ({incident['id']}" in changed.stdout

    anchors.unlink()
    change(tmp_path, "DELETE FROM timeline WHERE kind = 'note'")
    cut = aether("audit", "verify", "--anchor", f"2026-01-01 12:00:00 - aetherlink.audit - INFO - {last}")
    assert cut.returncode == 1
    assert "it is gone with all after it" in cut.stdout


def test_without_its_key_the_agent_does_not_start_and_nothing_is_verified(
    tmp_path: Path, settings: dict[str, str], aether: Run
) -> None:
    with serving(settings, tmp_path) as agent:
        wait_until_ready(settings)
        url = f"http://{settings['AETHER_LISTEN']}"
        httpx.post(f"{url}/alertmanager", json={"alerts": [ALERT]}).raise_for_status()
        agent.terminate()
        agent.wait(timeout=30)
    (tmp_path / "data" / "audit.key").rename(tmp_path / "kept.key")

    refused, verified = aether("serve"), aether("audit", "verify")
    assert (refused.returncode, verified.returncode) == (2, 2)
    for done in (refused, verified):
        assert "the audit key file" in done.stderr
        assert "restore it from a backup" in done.stderr
    assert not (tmp_path / "data" / "audit.key").exists()

    settings["AETHER_AUDIT__KEY_FILE"] = str(tmp_path / "kept.key")
    assert aether("audit", "verify").returncode == 0


@pytest.mark.parametrize(
    "forgotten",
    [
        ["DELETE FROM agent_state WHERE name = 'audit'"],
        ["UPDATE timeline SET hash = ''", "UPDATE incidents SET head = ''", "DELETE FROM agent_state"],
        [
            "UPDATE timeline SET hash = ''",
            "UPDATE incidents SET head = ''",
            "DELETE FROM agent_state",
            "INSERT INTO agent_state (name, value) SELECT 'unchained', count(*) FROM timeline",
        ],
    ],
    ids=["tally", "chain", "chain, as if migrated"],
)
def test_a_database_that_does_not_know_its_entries_is_not_hashed_anew(
    tmp_path: Path, settings: dict[str, str], aether: Run, forgotten: list[str]
) -> None:
    with serving(settings, tmp_path) as agent:
        wait_until_ready(settings)
        url = f"http://{settings['AETHER_LISTEN']}"
        httpx.post(f"{url}/alertmanager", json={"alerts": [ALERT]}).raise_for_status()
        agent.terminate()
        agent.wait(timeout=30)
    change(tmp_path, "UPDATE timeline SET text = 'something else'")
    for statement in forgotten:
        change(tmp_path, statement)

    refused = aether("serve")
    assert refused.returncode == 1
    assert "the database does not say any more how many timeline entries it has" in refused.stderr
    assert aether("audit", "verify").returncode == 1


def test_what_cannot_be_used_is_said(tmp_path: Path, aether: Run) -> None:
    assert "there is no file of anchors" in aether("audit", "verify", "--anchors", "none").stderr
    nothing = aether("audit", "verify")
    assert nothing.returncode == 2
    assert not (tmp_path / "data").exists()
