"""T26 on a whole agent: told of an incident, missed when it is killed, and telling past a store that takes nothing."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from rigs.agent_process import environment, is_ready, serving, wait_until, wait_until_ready
from rigs.hook import Hook, hook

WITHIN = 15.0  # seconds: promised for readiness
ALERT = {
    "status": "firing",
    "labels": {"alertname": "DiskFull", "service": "db", "severity": "critical", "tenant": "acme"},
    "annotations": {"summary": "the disk is full"},
    "startsAt": "2026-01-01T12:00:00Z",
    "fingerprint": "00000000000000aa",
}


@dataclass
class World:
    """An agent with one channel and a dead man's switch, both on this machine."""

    settings: dict[str, str]
    folder: Path
    people: Hook
    switch: Hook

    def open_titles(self) -> set[str]:
        latest = {body["incident"]["id"]: body["incident"] for body in self.people.bodies}
        return {one["title"] for one in latest.values() if one["status"] == "open"}

    def asked_within(self, seconds: float) -> int:
        """How often the switch is asked from now on."""
        before = len(self.switch.paths)
        time.sleep(seconds)
        return len(self.switch.paths) - before

    def hears(self, alert: dict[str, object]) -> None:
        httpx.post(f"http://{self.settings['AETHER_LISTEN']}/alertmanager", json={"alerts": [alert]}).raise_for_status()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with hook() as people, hook() as switch:
        settings = {
            "notify": {"channels": {"people": {"webhook": {"url": people.url}}}},
            "watch": {"deadman": {"url": f"{switch.url}/ping", "interval": "1s"}},
        }
        (tmp_path / "aether.yaml").write_text(json.dumps(settings))
        yield World(environment(tmp_path), tmp_path, people, switch)


def test_an_incident_is_told_and_its_end_too(world: World) -> None:
    with serving(world.settings, world.folder):
        wait_until_ready(world.settings)
        world.hears(ALERT)
        wait_until(lambda: world.open_titles() == {"the disk is full"}, "people are told")
        world.hears({**ALERT, "status": "resolved", "endsAt": "2026-01-01T12:05:00Z"})
        wait_until(lambda: bool(world.people.bodies) and not world.open_titles(), "people are told of the end")

    [first, *_] = world.people.bodies
    assert first["headline"] == "critical [acme]: the disk is full"


def test_t26_an_agent_that_is_killed_is_missed(world: World) -> None:
    with serving(world.settings, world.folder) as agent:
        wait_until(lambda: len(world.switch.paths) >= 2, "the switch is asked")
        agent.kill()
        agent.wait()
        asked = world.asked_within(3)

    assert asked <= 1


def test_t26_a_store_that_takes_nothing_is_unready_told_and_missed(world: World) -> None:
    with serving(world.settings, world.folder):
        wait_until(lambda: bool(world.switch.paths), "the switch is asked")
        [database] = (world.folder / "data").glob("*.db")
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            wait_until(lambda: not is_ready(world.settings), "it is unready", seconds=WITHIN)
            reasons = httpx.get(f"http://{world.settings['AETHER_LISTEN']}/readyz").json()["reasons"]
            wait_until(lambda: len(world.open_titles()) == 1, "people are told past the store", seconds=WITHIN)
            asked_meanwhile = world.asked_within(3)
            other.execute("ROLLBACK")
        wait_until_ready(world.settings)
        wait_until(lambda: not world.open_titles(), "people are told that it is over")
        before = len(world.switch.paths)
        wait_until(lambda: len(world.switch.paths) > before, "the switch is asked again", seconds=WITHIN)

    assert any("the store" in reason for reason in reasons)
    assert asked_meanwhile == 0
    assert "itself is not well" in world.people.bodies[0]["incident"]["title"]
    assert "the agent is not well: the store" in (world.folder / "log").read_text()
