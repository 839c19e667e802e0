"""T34: SIGTERM in every state of a repair. The agent ends in time, and nothing is half recorded."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.lab_server import LabServer
from rigs.lab_thread import lab_thread
from rigs.scripted_prometheus import ScriptedPrometheus, scripted_prometheus

IN_TIME = 30.0
DEADLINE = 12  # of one action: longer than the grace of a stop
PLAYBOOK = """
name: restart-crm-api
match: {alertname: CrmApiDown}
target: crm-api
bind: [job]
when: 'up == 0'
action: {restart: {}}
verify: {query: 'up == 1', for: 20s, within: 120s}
mode: auto
"""


@dataclass
class Scene:
    settings: dict[str, str]
    folder: Path
    lab: LabServer
    prometheus: ScriptedPrometheus

    @property
    def url(self) -> str:
        return f"http://{self.settings['AETHER_LISTEN']}"

    def fire(self, number: int = 0) -> None:
        labels = {"alertname": "CrmApiDown", "service": "crm", "severity": "critical", "job": "peakpro_crm"}
        labels |= {"replica": str(number)}
        started = datetime.now(UTC).isoformat()
        alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": started}
        answer = httpx.post(f"{self.url}/alertmanager", json={"version": "4", "alerts": [alert]})
        assert answer.status_code == 200

    def items(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v1/{path}").json()["items"]
        return found

    def action(self) -> dict[str, Any]:
        actions = self.items("actions")
        return actions[0] if actions else {"state": None, "outcome": None}

    def stage(self) -> object:
        incidents = self.items("incidents")
        return incidents[0]["stage"] if incidents else None


def idle(_scene: Scene) -> None:
    """Nothing has happened yet."""


def in_a_storm(scene: Scene) -> None:
    for number in range(200):
        scene.fire(number)


def denied(scene: Scene) -> None:
    scene.prometheus.holds = False
    scene.fire()
    wait_until(lambda: scene.action()["decision"] == "deny" if scene.items("actions") else False, "it is denied")


def waiting_for_approval(scene: Scene) -> None:
    scene.fire()
    wait_until(lambda: scene.action()["state"] == "waiting_approval", "a person is asked")


def acting(scene: Scene) -> None:
    scene.lab.delay = 2.0
    scene.fire()
    wait_until(lambda: scene.lab.changes != [], "the call is under way")


def hanging(scene: Scene) -> None:
    scene.lab.delay = 3600.0
    scene.fire()
    wait_until(lambda: scene.lab.changes != [], "the call hangs")


def verifying(scene: Scene) -> None:
    scene.fire()
    wait_until(lambda: scene.stage() == "verify", "it verifies")


def watching(scene: Scene) -> None:
    scene.lab.refuses = True
    scene.fire()
    wait_until(lambda: scene.stage() == "watch", "a person is called")


STATES = (idle, in_a_storm, denied, waiting_for_approval, acting, hanging, verifying, watching)
BRIEF = (waiting_for_approval, acting, verifying)


@contextmanager
def scene(folder: Path, reach: Callable[[Scene], None]) -> Iterator[Scene]:
    folder.mkdir()
    (folder / "playbooks").mkdir()
    (folder / "playbooks/restart-crm-api.yaml").write_text(PLAYBOOK)
    with scripted_prometheus() as prometheus, lab_thread() as lab:
        settings = {
            **environment(folder),
            "PROM_URL": prometheus.url,
            "AETHER_MODE": "approve" if reach is waiting_for_approval else "auto",
            "AETHER_TARGETS": json.dumps({"crm-api": {"executor": "lab", "service": "crm"}}),
            "AETHER_LAB__CONTROL_SOCKET": str(lab.socket),
            "AETHER_PLAYBOOKS_DIR": str(folder / "playbooks"),
            "AETHER_PIPELINE__ACTION_DEADLINE": f"{DEADLINE}s",
        }
        yield Scene(settings, folder, lab, prometheus)


def stopped(agent: subprocess.Popen[str], *, twice: bool) -> float:
    """Seconds from SIGTERM to a clean end."""
    begun = time.monotonic()
    agent.send_signal(signal.SIGTERM)
    if twice:
        time.sleep(0.2)
        agent.send_signal(signal.SIGTERM)
    assert agent.wait(IN_TIME) == 0
    return time.monotonic() - begun


def check(folder: Path, reach: Callable[[Scene], None], *, twice: bool) -> None:
    with scene(folder, reach) as world:
        with serving(world.settings, world.folder) as agent:
            wait_until_ready(world.settings)
            reach(world)
            heard = len(world.items("alerts?limit=200"))
            calls = len(world.lab.changes)
            assert stopped(agent, twice=twice) <= IN_TIME
        world.lab.delay = 0.0
        with serving({**world.settings, "AETHER_MODE": "observe"}, world.folder):
            wait_until_ready(world.settings)
            wait_until(lambda: world.action()["state"] != "running", "nothing is left running", seconds=DEADLINE + 20)
            assert len(world.items("alerts?limit=200")) == heard
            assert len(world.lab.changes) == calls  # nothing was sent once more
            action = world.action()
    if reach is acting:
        assert action["outcome"] is not None
        assert action["outcome"]["status"] == "done"


@pytest.mark.parametrize("reach", BRIEF, ids=lambda reach: reach.__name__)
def test_t34_a_stop_in_the_middle_leaves_nothing_half_recorded(tmp_path: Path, reach: Callable[[Scene], None]) -> None:
    check(tmp_path / "agent", reach, twice=True)


@pytest.mark.long
@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_t34_every_state_twenty_five_times(tmp_path: Path, reach: Callable[[Scene], None]) -> None:
    for number in range(25):
        check(tmp_path / f"agent-{number}", reach, twice=number % 2 == 1)
