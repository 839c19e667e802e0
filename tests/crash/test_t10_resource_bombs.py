"""T10: whoever wants to use the agent up, honest alerts are still taken in time, and the agent stays within bounds."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.bombs import under_attack
from rigs.honest_sender import HonestSender, honest_sender, webhook
from rigs.vitals import MIB, open_files, peak_memory

MOST_MEMORY = 512 * MIB
MOST_FILES = 1000
MOST_SERIES = 5000
SLOWEST = 2.0  # seconds, 99 of 100 honest webhooks
SLOWEST_AMONG_TESTS = 10.0  # where the attackers and other tests share the agent's two cores

SENDERS: Mapping[str, int] = {
    "silent connections": 2000,
    "heads byte by byte": 200,
    "endless heads": 20,
    "bodies byte by byte": 200,
    "endless bodies": 20,
    "bodies that lack a byte": 40,
    "bodies of one byte too much": 4,
    "answers that nobody reads": 50,
    "deep nesting": 4,
    "many labels": 2,
    "big groups": 1,
}
TOGETHER = {name: max(1, senders // 10) for name, senders in SENDERS.items()}
CHEAP = ("silent connections", "heads byte by byte", "endless heads", "bodies byte by byte", "bodies that lack a byte")


@dataclass
class Agent:
    """The agent under attack."""

    pid: int
    url: str
    log: Path

    def series(self) -> int:
        """How many series /metrics has."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).raise_for_status().text
        return sum(1 for line in text.splitlines() if line and not line.startswith("#"))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    settings = environment(tmp_path)
    with serving(settings, tmp_path, cold=True) as process:
        wait_until_ready(settings)
        yield Agent(process.pid, f"http://{settings['AETHER_LISTEN']}", tmp_path / "log")
        assert process.poll() is None


def survive(agent: Agent, senders: Mapping[str, int], *, seconds: float, slowest: float = SLOWEST) -> None:
    """Honest traffic meanwhile, and everything back to what it was soon after."""
    port = httpx.URL(agent.url).port or 0
    before = open_files(agent.pid)
    with honest_sender(agent.url) as honest:
        with ExitStack() as attacks:
            for name, count in senders.items():
                attacks.enter_context(under_attack(port, name, senders=count))
            most = most_open_files(agent, seconds)
        wait_until(lambda: open_files(agent.pid) <= before + 10, "the descriptors are given back")

    assert honest.p99 <= slowest
    assert peak_memory(agent.pid) <= MOST_MEMORY
    assert most <= MOST_FILES
    assert agent.series() <= MOST_SERIES
    assert "Traceback" not in agent.log.read_text()
    check_nothing_is_lost(agent, honest)


def most_open_files(agent: Agent, seconds: float) -> int:
    """Watches them for so long."""
    end = time.monotonic() + seconds
    most = 0
    while time.monotonic() < end:
        most = max(most, open_files(agent.pid))
        time.sleep(0.05)
    return most


def check_nothing_is_lost(agent: Agent, honest: HonestSender) -> None:
    with httpx.Client(base_url=agent.url, timeout=10) as client:
        found: list[str] = []
        cursor: Mapping[str, str] = {}
        while True:
            page = client.get("/api/v1/alerts", params={"limit": 500, **cursor}).raise_for_status().json()
            found += [alert["fingerprint"] for alert in page["items"] if alert["labels"]["alertname"] == "Honest"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
    assert len(honest.acknowledged) > 1
    assert set(honest.acknowledged) - set(found) == set()
    assert len(found) == len(set(found))


def test_t10_honest_alerts_are_taken_under_cheap_attacks(agent: Agent) -> None:
    survive(agent, {name: SENDERS[name] for name in CHEAP}, seconds=4, slowest=SLOWEST_AMONG_TESTS)


def test_t10_honest_alerts_are_taken_under_costly_attacks(agent: Agent) -> None:
    costly = {name: TOGETHER[name] for name in SENDERS if name not in CHEAP}
    survive(agent, costly, seconds=4, slowest=SLOWEST_AMONG_TESTS)


def in_pieces(body: bytes) -> Iterator[bytes]:
    """The body without its length being announced."""
    yield body


def test_t10_a_body_above_the_bound_is_refused_and_is_an_incident_of_its_own(tmp_path: Path) -> None:
    """Alertmanager does not send it again: whoever is on duty has to hear of it."""
    settings = environment(tmp_path) | {"AETHER_INTAKE__MAX_BODY_BYTES": "4096"}
    large = webhook(*(f"lost-{number}" for number in range(100)))
    with serving(settings, tmp_path), httpx.Client(base_url=f"http://{settings['AETHER_LISTEN']}") as client:
        wait_until_ready(settings)

        def incidents() -> list[dict[str, object]]:
            found: list[dict[str, object]] = client.get("/api/v1/incidents").raise_for_status().json()["items"]
            return found

        # Each over a connection of its own: the agent ends one whose body it has not read to the end.
        refused = [
            httpx.post(client.base_url.join("/alertmanager"), content=each) for each in (large, in_pieces(large))
        ]
        wait_until(lambda: len(incidents()) > 0, "there is an incident")
        [incident] = incidents()
        said = client.get(f"/api/v1/incidents/{incident['id']}/timeline").raise_for_status().json()["items"]
        taken = client.post("/alertmanager", content=webhook("small"))

    assert [answer.status_code for answer in refused] == [413, 413]
    assert "larger than 4096 bytes (intake.max_body_bytes)" in refused[0].json()["detail"]
    assert incident["title"] == "webhooks of source default are too large to be read"
    assert (incident["status"], incident["service"]) == ("open", "aetherlink")
    assert "from 127.0.0.1 was not read: intake.max_body_bytes is 4096" in said[0]["text"]
    assert taken.status_code == 200


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", SENDERS)
def test_t10_honest_alerts_are_taken_for_a_minute(agent: Agent, what: str) -> None:
    survive(agent, {what: SENDERS[what]}, seconds=60)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_t10_honest_alerts_are_taken_under_everything(agent: Agent) -> None:
    survive(agent, TOGETHER, seconds=120, slowest=SLOWEST_AMONG_TESTS)  # eleven attackers on the agent's two cores
