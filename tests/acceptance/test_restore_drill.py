"""The restore drill: a real agent is backed up while webhooks arrive, and its data is restored elsewhere."""

import subprocess
import threading
from pathlib import Path
from typing import Self

import httpx
import pytest

from rigs import warm_aether
from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.old_database import everything

PAUSED = "aether_agent_paused 1.0"


def aether(settings: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm_aether.run(arguments, settings, folder, timeout=60)


def url(settings: dict[str, str], path: str) -> str:
    return f"http://{settings['AETHER_LISTEN']}{path}"


def post(settings: dict[str, str], number: int) -> None:
    labels = {"alertname": "Drill", "service": f"service-{number % 7}", "number": str(number)}
    alert = {"status": "firing", "labels": labels, "startsAt": "2026-01-01T12:00:00Z", "fingerprint": f"{number:016x}"}
    httpx.post(url(settings, "/alertmanager"), json={"alerts": [alert]}).raise_for_status()


class Sender:
    """Posts one alert after the other until it is told to stop."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.sent = 0
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            post(self._settings, self.sent)
            self.sent += 1


def stored(folder: Path) -> set[str]:
    return {str(row[2]) for row in everything(folder / "data" / "aetherlink.db")["alerts"]}


def test_a_backup_made_while_webhooks_arrive_is_restored_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    settings, elsewhere = environment(here), environment(there)
    file = tmp_path / "agent.zip"
    with serving(settings, here):
        wait_until_ready(settings)
        with Sender(settings) as sender:
            wait_until(lambda: sender.sent >= 50, "alerts are stored")
            sent_before = sender.sent
            made = aether(settings, here, "backup", str(file))
            sent_after = sender.sent + 1
    restored = aether(elsewhere, there, "restore", str(file))

    assert (made.returncode, restored.returncode) == (0, 0), made.stderr + restored.stderr
    kept = stored(there)
    assert {f"{number:016x}" for number in range(sent_before)} <= kept <= {f"{n:016x}" for n in range(sent_after)}
    assert "read again and whole" in made.stdout
    assert "the agent starts paused" in restored.stdout

    with serving(elsewhere, there):
        wait_until_ready(elsewhere)
        wait_until(lambda: PAUSED in httpx.get(url(elsewhere, "/metrics")).text, "the gauge says that it is paused")
        state = httpx.get(url(elsewhere, "/api/v1/pause")).json()
        post(elsewhere, 1_000_000)
        resumed = aether(elsewhere, there, "resume")
    assert "restored from agent.zip" in state["pauses"][0]["reason"]
    assert stored(there) == kept | {f"{1_000_000:016x}"}
    assert resumed.returncode == 0


def test_restoring_over_data_asks_for_force_and_keeps_what_was_there(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    file = tmp_path / "agent.zip"
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        post(settings, 1)
        made = aether(settings, tmp_path, "backup", str(file))
        post(settings, 2)
        running = aether(settings, tmp_path, "restore", str(file), "--force")
    refused = aether(settings, tmp_path, "restore", str(file))
    done = aether(settings, tmp_path, "restore", str(file), "--force")

    assert (made.returncode, running.returncode, refused.returncode, done.returncode) == (0, 1, 2, 0)
    assert "another agent uses the data" in running.stderr
    assert "--force moves it aside" in refused.stderr
    assert stored(tmp_path) == {f"{1:016x}"}
    [aside] = (tmp_path / "data").glob("replaced-*")
    assert str(aside) in done.stdout
    assert len(everything(aside / "aetherlink.db")["alerts"]) == 2


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_what_cannot_be_is_refused_in_one_clear_line(tmp_path: Path, command: str) -> None:
    done = aether(environment(tmp_path), tmp_path, command, str(tmp_path / "nowhere.zip"))

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(tmp_path) in done.stderr
