"""T21: what Alertmanager never tells a webhook is found by asking it, and nothing is closed that it did not say."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from aetherlink.lab.tools import find_tools
from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.alertmanager import Alertmanager, Door

ROOT = Path(__file__).parents[2]
INTERVAL = 0.2  # seconds between two polls


class Agent:
    """`aether serve`, asked and restarted."""

    def __init__(self, folder: Path, alertmanager: str, **more: str) -> None:
        self.folder = folder
        self.settings = environment(folder) | {
            "ALERTMANAGER_URL": alertmanager,
            "AETHER_HEALTH__ENABLED": "false",
            "AETHER_RECONCILE__INTERVAL": str(INTERVAL),
            "AETHER_RECONCILE__SETTLE": "0.4",
            "AETHER_RECONCILE__SETTLE_AFTER_START": "2",
            "AETHER_CLIENTS__DEADLINE": "0.5",
            **more,
        }
        self.url = f"http://{self.settings['AETHER_LISTEN']}"

    @contextmanager
    def running(self) -> Iterator[None]:
        with serving(self.settings, self.folder):
            wait_until_ready(self.settings)
            yield

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}{path}").raise_for_status().json()

    def standing(self, name: str) -> tuple[str, str] | None:
        """Status and suppression of the latest episode of the alert; None: never heard of."""
        items = self.get("/api/v1/alerts?limit=200")["items"]
        return next(
            ((item["status"], item["suppressed"]) for item in items if item["labels"]["alertname"] == name), None
        )

    def wait_for(self, name: str, status: str, suppressed: str = "") -> None:
        wait_until(lambda: self.standing(name) == (status, suppressed), f"{name} is {status} {suppressed}")

    def metric(self, line: str) -> float:
        """The value of one sample, 0 where there is none."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return next((float(each.split()[-1]) for each in lines if each.startswith(line)), 0.0)

    def polls(self, status: str) -> float:
        return self.metric(f'aether_agent_reconcile_polls_total{{source="default",status="{status}"}}')

    def see_polls(self, status: str, count: int = 4) -> None:
        """Let so many more polls go by that end this way."""
        before = self.polls(status)
        wait_until(lambda: self.polls(status) >= before + count, f"{count} polls are {status}")

    def incidents(self, status: str) -> list[str]:
        return [item["title"] for item in self.get(f"/api/v1/incidents?status={status}&limit=200")["items"]]


@dataclass
class World:
    """An Alertmanager, the door that its webhooks go through, and the agent behind it."""

    alertmanager: Alertmanager
    door: Door
    agent: Agent


@contextmanager
def world(folder: Path, **settings: str) -> Iterator[World]:
    program = find_tools("stable", project_dir=ROOT).alertmanager
    with ExitStack() as stack:
        door = Door("")
        stack.enter_context(door.standing())
        alertmanager = Alertmanager(program, folder, door.url)
        stack.callback(alertmanager.kill)
        alertmanager.start()
        agent = Agent(folder, alertmanager.url, **settings)
        door.agent = agent.url
        yield World(alertmanager, door, agent)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all tests that leave it running; each has alerts of its own."""
    with world(tmp_path_factory.mktemp("shared")) as made, made.agent.running():
        made.alertmanager.fire("Standing")  # so that the list is never empty
        yield made


def test_t21_an_alert_and_its_end_that_no_webhook_delivered_are_found(shared: World) -> None:
    """The first losing case: 503 while it fires and while it resolves. Alertmanager then never tells again."""
    shared.door.is_shut = True
    shared.alertmanager.fire("Unheard")
    wait_until(lambda: shared.door.refused > 0, "a webhook was refused")

    shared.agent.wait_for("Unheard", "firing")
    assert "Unheard" in shared.agent.incidents("open")
    shared.alertmanager.resolve("Unheard")
    shared.agent.wait_for("Unheard", "resolved")
    shared.door.is_shut = False
    assert "Unheard" in shared.agent.incidents("resolved")


def test_t21_an_alert_that_fires_again_with_the_same_start_is_found(shared: World) -> None:
    """It looks like a late report: Prometheus could not reach Alertmanager, which took the alert for over."""
    shared.alertmanager.fire("Again")
    shared.agent.wait_for("Again", "firing")
    shared.alertmanager.resolve("Again")
    shared.agent.wait_for("Again", "resolved")

    shared.alertmanager.fire("Again")

    shared.agent.wait_for("Again", "firing")


def test_t21_a_silence_is_known_and_so_is_its_end(shared: World) -> None:
    shared.alertmanager.fire("Noisy")
    shared.agent.wait_for("Noisy", "firing")

    silence = shared.alertmanager.silence("Noisy")
    shared.agent.wait_for("Noisy", "firing", "silenced")
    shared.alertmanager.expire(silence)
    shared.agent.wait_for("Noisy", "firing")


def test_t21_an_alert_that_is_silenced_from_its_start_is_known_as_such(shared: World) -> None:
    shared.alertmanager.silence("Muted")
    shared.alertmanager.fire("Muted")

    shared.agent.wait_for("Muted", "firing", "silenced")
    assert "Muted" not in shared.agent.incidents("open")


def test_t21_an_inhibition_is_known_and_so_is_its_end(shared: World) -> None:
    shared.alertmanager.fire("ServiceSlow", host="one")
    shared.agent.wait_for("ServiceSlow", "firing")

    shared.alertmanager.fire("HostDown", host="one")
    shared.agent.wait_for("ServiceSlow", "firing", "inhibited")
    shared.alertmanager.resolve("HostDown", host="one")
    shared.agent.wait_for("ServiceSlow", "firing")


def test_t21_a_killed_and_emptied_alertmanager_closes_nothing_until_it_can_know(tmp_path: Path) -> None:
    """The second losing case: it forgot whom it told, so the end of the alert is told to nobody."""
    with world(tmp_path, AETHER_RECONCILE__SETTLE_AFTER_START="4") as here, here.agent.running():
        here.alertmanager.fire("Forgotten")
        here.agent.wait_for("Forgotten", "firing")

        here.alertmanager.kill(wipe=True)
        here.agent.see_polls("error")
        here.alertmanager.start()
        here.agent.see_polls("ok")
        assert here.agent.standing("Forgotten") == ("firing", "")

        here.alertmanager.resolve("Forgotten")
        here.agent.wait_for("Forgotten", "resolved")


def test_t21_what_happened_while_the_agent_was_away_is_found_after_its_start(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        with here.agent.running():
            here.alertmanager.fire("Before")
            here.alertmanager.fire("Standing")
            here.agent.wait_for("Before", "firing")
            here.agent.wait_for("Standing", "firing")
        here.door.is_shut = True  # also those that would come again after the start
        here.alertmanager.fire("Meanwhile")
        here.alertmanager.resolve("Before")

        with here.agent.running():
            here.agent.wait_for("Meanwhile", "firing")
            here.agent.wait_for("Before", "resolved")
            assert here.agent.standing("Standing") == ("firing", "")


def test_t21_a_heartbeat_that_stops_is_an_incident_until_it_is_back(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        with here.agent.running():
            here.door.is_shut = True
            here.alertmanager.fire("Standing")
            here.alertmanager.fire("Watchdog")
            here.agent.wait_for("Watchdog", "firing", "heartbeat")
            here.alertmanager.kill(wipe=True)
            here.alertmanager.start()
            here.alertmanager.fire("Standing")
            wait_until(lambda: "monitoring of source default is blind" in here.agent.incidents("open"), "it is blind")
            assert here.agent.metric('aether_agent_blind{source="default"}') == 1
        with here.agent.running():
            assert here.agent.metric('aether_agent_blind{source="default"}') == 1
            here.alertmanager.fire("Watchdog")
            wait_until(lambda: "monitoring of source default is blind" in here.agent.incidents("resolved"), "it sees")
            assert here.agent.metric('aether_agent_blind{source="default"}') == 0


NONSENSE = {
    "500": (500, b"oops"),
    "garbage": (200, b'[{"fingerprint": 7}]'),
    "empty body": (200, b""),
    "html": (200, b"<html>please sign in</html>"),
}


@dataclass
class Impostor:
    """Answers as an Alertmanager does, until it is told to answer otherwise."""

    mood: str = "well"
    asked: list[str] = field(default_factory=list)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def answering(self) -> Iterator["Impostor"]:
        impostor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = impostor.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silent."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            yield self
            self.released.set()
            server.shutdown()

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        self.asked.append(path)
        if path == "/-/ready":
            return 200, b"OK"
        if self.mood in NONSENSE:
            return NONSENSE[self.mood]
        if self.mood == "hang":
            self.released.wait(30)
        is_young = self.mood == "just started"
        if path == "/api/v2/status":
            return 200, self._status(timedelta(0) if is_young else timedelta(hours=1))
        return 200, b"[]" if is_young else self._alerts()

    def _status(self, up_for: timedelta) -> bytes:
        uptime = (datetime.now(UTC) - up_for).isoformat()
        return json.dumps({"uptime": uptime, "cluster": {"status": "disabled"}}).encode()

    def _alerts(self) -> bytes:
        alert = {
            "fingerprint": "00000000000000aa",
            "labels": {"alertname": "Standing", "service": "crm"},
            "annotations": {},
            "startsAt": "2026-01-01T12:00:00Z",
            "endsAt": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(),  # lapses at once: no excuse is left
            "receivers": [{"name": "agent"}],
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        }
        return json.dumps([alert]).encode()


@pytest.fixture(scope="module")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Impostor, Agent]]:
    """One that lists one alert, which the agent knows."""
    with Impostor().answering() as made:
        agent = Agent(tmp_path_factory.mktemp("impostor"), made.url)
        with agent.running():
            agent.wait_for("Standing", "firing")
            yield made, agent


@pytest.mark.parametrize("mood", [*NONSENSE, "hang", "just started"])
def test_t21_an_answer_that_is_none_closes_nothing(impostor: tuple[Impostor, Agent], mood: str) -> None:
    alertmanager, agent = impostor
    alertmanager.released.clear()
    alertmanager.mood = mood

    agent.see_polls("ok" if mood == "just started" else "error", count=3)

    assert agent.standing("Standing") == ("firing", "")
    alertmanager.released.set()
    alertmanager.mood = "well"
    agent.see_polls("ok", count=1)


def test_t21_where_nothing_changes_nothing_is_written_and_each_poll_asks_the_same(
    impostor: tuple[Impostor, Agent],
) -> None:
    alertmanager, agent = impostor
    agent.see_polls("ok", count=2)
    before = written(agent)
    alertmanager.asked.clear()
    agent.see_polls("ok", count=5)
    asked = [path.partition("?")[0] for path in alertmanager.asked if path != "/-/ready"]

    assert written(agent) == before
    assert asked[:10] == ["/api/v2/alerts", "/api/v2/status"] * 5
    assert agent.metric('aether_agent_reconcile_found_total{kind="missed",source="default"}') == 1


def written(agent: Agent) -> list[tuple[str, int, int]]:
    """Size and time of the database's files."""
    files = sorted((agent.folder / "data").glob("aetherlink.db*"))
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.suffix != ".db-shm"]
