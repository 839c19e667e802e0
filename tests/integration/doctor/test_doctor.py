"""`aether doctor` on a real Prometheus, a real pair of Alertmanagers and a real agent: well, broken, and down."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from aetherlink.clients.agent import AgentClient
from aetherlink.clients.options import ClientOptions
from aetherlink.doctor.agent_view import AgentView
from aetherlink.doctor.checks import rules, test_alert, wiring
from aetherlink.doctor.findings import Finding, Status
from aetherlink.doctor.looking import Ground
from aetherlink.lib.clock import SystemClock
from rigs import warm_aether
from rigs.agent_process import environment, free_port, wait_until
from rigs.doctor import findings, worst
from rigs.installation import Installation

TEST_ALERT = "AetherTestAlert"


class Grounded(Protocol):
    """Makes the ground of a check, with a client of the agent that is closed in the end."""

    def __call__(self, wait: timedelta | None = None) -> Ground: ...


@pytest.fixture
async def on(made: Installation) -> AsyncIterator[Grounded]:
    async with AgentClient(made.agent, ClientOptions()) as client:
        yield lambda wait=None: Ground(made.loaded, made.file, AgentView(client), SystemClock(), wait)


def by_check(report: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in report["findings"]:
        found.setdefault(one["check"], []).append(one["status"])
    return found


def of(made: Installation, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = httpx.get(f"{made.agent}{path}").raise_for_status().json()["items"]
    return items


def test_a_sound_installation_is_well_and_a_test_alert_goes_round_by_both_alertmanagers(made: Installation) -> None:
    """A playbook that would restart something for that very alert does nothing."""
    code, report, complaints = made.doctor("--send-test-alert", "--wait", "30s")

    assert (code, complaints) == (0, ""), report
    found = by_check(report)
    assert {status for name, each in found.items() if name != "data" for status in each} <= {
        *("ok", "not set up", "not checked")
    }
    assert found["test alert"] == ["ok", "ok"]
    assert found["alertmanager"] == ["ok", "ok"] * 2
    assert found["wiring"] == ["ok", "ok", "ok"] * 2
    assert found["prometheus"] == ["ok", "ok"]
    for name in ("agent", "rules", "scrape", "health score", "clocks", "targets"):
        assert set(found[name]) == {"ok"}, name
    heard = of(made, f"/api/v1/alerts?alertname={TEST_ALERT}")
    assert len({one["fingerprint"] for one in heard}) == 2
    assert {(one["suppressed"], one["incident_id"]) for one in heard} == {("test", None)}
    texts = [one["text"] for one in report["findings"] if one["check"] == "test alert"]
    assert all(any(one["fingerprint"] in text for text in texts) for one in heard)
    assert "these receivers hear: agent, people" in texts[0]
    wait_until(lambda: TEST_ALERT in made.people.told, "others hear of it as well, as is said")
    wait_until(
        lambda: {one["status"] for one in of(made, f"/api/v1/alerts?alertname={TEST_ALERT}")} == {"resolved"},
        "its end is told",
    )
    assert (of(made, "/api/v1/incidents"), of(made, "/api/v1/actions")) == ([], [])


def test_unasked_no_alert_is_sent(made: Installation) -> None:
    before = len(of(made, f"/api/v1/alerts?alertname={TEST_ALERT}"))

    code, report, _ = made.doctor()

    assert (code, by_check(report)["test alert"]) == (0, ["not checked", "not checked"])
    for url in made.alertmanagers:
        listed = httpx.get(f"{url}/api/v2/alerts").json()
        assert [one for one in listed if one["labels"]["alertname"] == TEST_ALERT] == []
    assert len(of(made, f"/api/v1/alerts?alertname={TEST_ALERT}")) == before


def test_with_the_agent_down_the_rest_is_looked_at_and_it_is_said(made: Installation) -> None:
    code, report, _ = made.doctor("--url", f"http://127.0.0.1:{free_port()}")

    found = by_check(report)
    assert (code, report["agent_reached"]) == (3, False)
    assert "fault" in found["agent"]
    assert found["labels"] == ["not checked"]
    assert found["prometheus"] == ["ok", "ok"]
    assert found["wiring"] == ["ok", "ok", "ok"] * 2


@pytest.mark.parametrize("text", ["mode: fast", "mode: ["])
def test_settings_that_cannot_be_read_are_said_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "aether.yaml").write_text(text)
    done = warm_aether.run(["doctor", "--json"], environment(tmp_path), tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "aether.yaml" in done.stderr


class TestBrokenRoutes:
    """Alertmanager itself says what it would do; what is found has to agree."""

    async def wired(self, made: Installation, on: Grounded, config: dict[str, Any]) -> list[Finding]:
        made.configure(config)
        try:
            return await findings(wiring, on())
        finally:
            made.configure(made.routes())

    async def test_a_route_that_lets_nothing_on_takes_the_alerts_of_people(
        self, made: Installation, on: Grounded
    ) -> None:
        found = worst(await self.wired(made, on, made.routes(**{"continue": False})))

        assert (found.status, "receiver people is not told any more" in found.text) == (Status.FAULT, True)
        assert "ShopDown" in found.text
        assert "continue: true" in found.fix

    async def test_the_seeds_route_alone_does_so_too(self, made: Installation, on: Grounded) -> None:
        config = made.routes()
        config["route"]["routes"].pop()

        assert "receiver people is not told any more" in worst(await self.wired(made, on, config)).text

    async def test_matchers_that_keep_alerts_away_are_told(self, made: Installation, on: Grounded) -> None:
        found = worst(await self.wired(made, on, made.routes(matchers=['severity!="critical"'])))

        assert (found.status, "do not reach the agent: ShopDown" in found.text) == (Status.WARNING, True)

    async def test_a_receiver_that_is_not_there_is_a_fault(self, made: Installation, on: Grounded) -> None:
        config = made.routes()
        config["route"]["routes"] = [{"receiver": "people"}]
        config["receivers"].pop()

        found = worst(await self.wired(made, on, config))
        assert (found.status, "there is no such receiver" in found.text) == (Status.FAULT, True)

    async def test_a_webhook_that_leads_nowhere_shows_by_a_test_alert(self, made: Installation, on: Grounded) -> None:
        config = made.routes()
        config["receivers"][1]["webhook_configs"][0]["url"] = f"http://127.0.0.1:{free_port()}/alertmanager"
        made.configure(config)
        try:
            wired = await findings(wiring, on())
            sent = await findings(test_alert, on(timedelta(seconds=3)))
        finally:
            made.configure(made.routes())

        assert {one.status for one in wired} == {Status.OK}
        assert [one.status for one in sent] == [Status.FAULT, Status.FAULT]
        assert "did not arrive within 3 s" in sent[0].text


async def test_a_rule_that_cannot_be_evaluated_is_named(made: Installation, on: Grounded) -> None:
    assert (await findings(rules, on()))[0].status is Status.OK
    made.rules({"alert": "Odd", "expr": 'up + on () group_left () {__name__=~"scrape_.*|up"}'})
    try:
        wait_until(lambda: '"health":"err"' in httpx.get(f"{made.prometheus}/api/v1/rules").text, "it was evaluated")
        found = worst(await findings(rules, on()))
    finally:
        made.rules()

    assert (found.status, "Odd (" in found.text) == (Status.FAULT, True)
