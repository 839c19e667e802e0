"""GET /api/v1/ledger: what was sent is what is counted, alert by alert, and the metric says the same."""

import json
from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

START = datetime(2025, 11, 2, 20, 6, 26, tzinfo=UTC)


def alert(name: str, *, status: str = "firing", severity: str = "critical", hours: int = 0) -> dict[str, object]:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": severity, "service": "crm"},
        "startsAt": START.isoformat(),
        "endsAt": (START + timedelta(hours=hours)).isoformat(),
    }


def metric(agent) -> dict[str, float]:
    text = agent.call("GET", "/metrics").text
    [family] = [each for each in text_string_to_metric_families(text) if each.name == "aether_agent_ledger"]
    return {sample.labels["outcome"]: sample.value for sample in family.samples}


def test_a_new_database_counts_nothing_yet_and_names_every_outcome(agent) -> None:
    none = dict.fromkeys(("opened", "updated", "duplicate", "suppressed", "quarantined"), 0)

    found = agent.call("GET", "/api/v1/ledger").json()

    assert found == {"received": 0, "outcomes": none, "by_way": {"webhook": none, "reconcile": none}}


def test_everything_sent_has_its_outcome_as_soon_as_it_is_answered(agent, aether) -> None:
    fresh = [alert(f"Alert{number}") for number in range(5)]
    resolved, watchdog = alert("Alert1", status="resolved", hours=1), alert("Watchdog", severity="none")
    sent = [fresh, fresh, [fresh[0]], [resolved], [watchdog]]
    for alerts in sent:
        assert agent.call("POST", "/alertmanager", json={"alerts": alerts}).json()["received"] == len(alerts)
    assert agent.call("POST", "/alertmanager", content=b"{").json()["quarantined"] == 1

    found = agent.call("GET", "/api/v1/ledger").json()

    assert found["received"] == sum(map(len, sent)) + 1
    assert found["outcomes"] == {"opened": 5, "updated": 1, "duplicate": 6, "suppressed": 1, "quarantined": 1}
    assert found["by_way"]["webhook"] == found["outcomes"]
    assert set(found["by_way"]["reconcile"].values()) == {0}
    assert metric(agent) == found["outcomes"]
    assert json.loads(aether("ledger", "--json", "--url", agent.url).stdout) == found
    table = [line.split() for line in aether("ledger", "--url", agent.url).stdout.splitlines()]
    assert ["duplicate", "6", "0", "6"] in table
    assert ["received", "14", "0", "14"] in table


def test_the_ledger_needs_the_scope_read(agent) -> None:
    assert agent.call("GET", "/api/v1/ledger", token="webhook").status_code == 403
