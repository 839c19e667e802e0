"""The ledger is what was sent, alert by alert: as soon as it is answered, after a restart, and after kill -9."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rigs.agent_process import environment, serving, wait_until_ready

START, END = "2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z"
OUTCOMES = ("opened", "updated", "duplicate", "suppressed", "quarantined")


def alert(number: int, *, status: str = "firing", name: str = "Ledger") -> dict[str, object]:
    labels = {"alertname": name, "service": f"service-{number % 7}", "instance": f"host-{number}"}
    return {"status": status, "labels": labels, "startsAt": START, "endsAt": END}


class Sender:
    """Posts to one agent, and keeps account of what was acknowledged."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.acknowledged = dict.fromkeys(OUTCOMES, 0)

    def send(self, outcome: str, alerts: Sequence[dict[str, object]]) -> None:
        answer = self._client.post("/alertmanager", json={"alerts": alerts}).raise_for_status()
        assert answer.json()["received"] == len(alerts)
        self.acknowledged[outcome] += len(alerts)

    def send_nonsense(self) -> None:
        self._client.post("/alertmanager", content=b'{"alerts": 7}').raise_for_status()
        self.acknowledged["quarantined"] += 1

    def ledger(self) -> dict[str, int]:
        """What the agent says that it received; its sum and its metric agree with it."""
        said = self._client.get("/api/v1/ledger").raise_for_status().json()
        assert said["received"] == sum(said["outcomes"].values())
        assert self._metric() == said["outcomes"]
        return dict(said["outcomes"])

    def _metric(self) -> dict[str, float]:
        text = self._client.get("/metrics").raise_for_status().text
        families = {family.name: family for family in text_string_to_metric_families(text)}
        return {sample.labels["outcome"]: sample.value for sample in families["aether_agent_ledger"].samples}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path)


@pytest.fixture
def sender(settings: dict[str, str]) -> Iterator[Sender]:
    with httpx.Client(base_url=f"http://{settings['AETHER_LISTEN']}", trust_env=False) as client:
        yield Sender(client)


def test_the_ledger_is_what_was_sent_before_and_after_a_restart(
    settings: dict[str, str], sender: Sender, tmp_path: Path
) -> None:
    with serving(settings, tmp_path) as agent:
        wait_until_ready(settings)
        sender.send("opened", [alert(number) for number in range(40)])
        sender.send("duplicate", [alert(number) for number in range(40)])
        sender.send("updated", [alert(number, status="resolved") for number in range(15)])
        sender.send("duplicate", [alert(3, status="resolved"), alert(7)])
        sender.send("suppressed", [alert(0, name="Watchdog")])
        sender.send_nonsense()
        assert sender.ledger() == sender.acknowledged
        sender.send("duplicate", [alert(30)])
        agent.terminate()
        assert agent.wait(20) == 0

    with serving(settings, tmp_path):
        wait_until_ready(settings)
        assert sender.ledger() == sender.acknowledged


def test_after_kill_9_the_ledger_lacks_the_last_repeats_at_most(
    settings: dict[str, str], sender: Sender, tmp_path: Path
) -> None:
    for life in range(2):
        with serving(settings, tmp_path) as agent:
            wait_until_ready(settings)
            counted = sender.ledger()
            sender.acknowledged = dict(counted)  # what the kill before took is gone from both
            for number in range(life * 100, life * 100 + 60):
                sender.send("opened", [alert(number)])
                sender.send("duplicate", [alert(number)])
            agent.kill()
            agent.wait()

        with serving(settings, tmp_path):
            wait_until_ready(settings)
            found = sender.ledger()
        repeats = (counted["duplicate"], found.pop("duplicate"), sender.acknowledged.pop("duplicate"))
        assert found == sender.acknowledged
        assert list(repeats) == sorted(repeats)
