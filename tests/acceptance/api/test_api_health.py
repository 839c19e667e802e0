"""The health score over the API and the command line: as it is now, and as it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.model.health import Forecast, HealthReading, HealthStatus, Part
from aetherlink.model.ids import SourceName

NOW = datetime(2025, 11, 2, 20, 6, 26, tzinfo=UTC)
LAB = SourceName("lab")
LOW = HealthReading(
    NOW,
    HealthStatus.LOW,
    41.5,
    consecutive_low=2,
    detail="below 60",
    low_since=NOW - timedelta(minutes=1),
    parts=(Part("success", 0.415), Part("latency", 1.0)),
)
FALLING = replace(
    LOW,
    status=HealthStatus.OK,
    score=71.0,
    detail="",
    consecutive_low=0,
    low_since=None,
    tenant="vip-umbrella",
    vip=True,
    forecast=Forecast(-12.0, timedelta(minutes=40), timedelta(minutes=55), None),
)
GONE = HealthReading(NOW, HealthStatus.NO_DATA, None, 1, "its score was there and is gone", tenant="beta")


async def keep(agent, *readings: HealthReading, source: SourceName = LAB) -> None:
    await agent.store.write(lambda tx: tx.health.add(source, readings))


def history(agent, query: str = "") -> list[dict[str, object]]:
    answer = agent.call("GET", f"/api/v1/health/history{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_before_the_first_check_there_is_no_score(agent) -> None:
    assert agent.call("GET", "/api/v1/health").json() == {"source": "lab", "score": None, "tenants": []}


def test_the_present_is_told_whole_and_by_tenant(agent) -> None:
    agent.world.latest, agent.world.tenants = LOW, [FALLING, GONE]

    told = agent.call("GET", "/api/v1/health").json()

    assert told["score"] == {
        "tenant": "",
        "at": "2025-11-02T20:06:26Z",
        "status": "low",
        "score": 41.5,
        "detail": "below 60",
        "consecutive_low": 2,
        "low_since": "2025-11-02T20:05:26Z",
        "parts": [{"name": "success", "value": 0.415}, {"name": "latency", "value": 1.0}],
        "forecast": None,
        "vip": False,
    }
    assert [(one["tenant"], one["vip"], one["status"], one["score"]) for one in told["tenants"]] == [
        ("vip-umbrella", True, "ok", 71.0),
        ("beta", False, "no_data", None),
    ]
    assert told["tenants"][0]["forecast"] == {
        "slope_per_hour": -12.0,
        "earliest_seconds": 2400.0,
        "likely_seconds": 3300.0,
        "latest_seconds": None,
    }


async def test_the_history_pages_newest_first(agent) -> None:
    await keep(agent, *(replace(LOW, at=NOW + timedelta(minutes=minute), score=float(minute)) for minute in range(5)))

    first = agent.call("GET", "/api/v1/health/history?limit=3").json()
    rest = agent.call("GET", f"/api/v1/health/history?limit=3&cursor={first['next_cursor']}").json()

    assert [item["score"] for item in first["items"] + rest["items"]] == [4, 3, 2, 1, 0]
    assert rest["next_cursor"] is None
    assert first["items"][0]["source"] == "lab"
    assert first["items"][0]["parts"] == [{"name": "success", "value": 0.415}, {"name": "latency", "value": 1.0}]


async def test_the_history_is_narrowed_by_source_tenant_and_time(agent) -> None:
    await keep(agent, LOW, replace(FALLING, at=NOW + timedelta(minutes=1)), GONE)
    await keep(agent, replace(LOW, score=1.0), source=SourceName("other"))

    assert [item["tenant"] for item in history(agent)] == ["beta", "vip-umbrella", ""]
    assert [item["tenant"] for item in history(agent, "?tenant=")] == [""]
    assert [item["tenant"] for item in history(agent, "?tenant=beta")] == ["beta"]
    assert [item["score"] for item in history(agent, "?source=other")] == [1.0]
    assert [item["tenant"] for item in history(agent, "?since=2025-11-02T20:07:00Z")] == ["vip-umbrella"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("cursor=x", 400, "is no cursor of this list"),
        ("since=yesterday", 422, "query.since"),
        ("since=2025-11-02T20:06:26", 422, "timezone"),
        ("limit=0", 422, "query.limit"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(agent, query: str, status: int, words: str) -> None:
    answer = agent.call("GET", f"/api/v1/health/history?{query}")

    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_the_command_shows_scores_parts_and_forecast_and_fails_when_one_is_low(agent, aether, settings_of) -> None:
    agent.world.latest, agent.world.tenants = LOW, [FALLING, GONE]

    shown = aether("health", "--config", settings_of(agent))
    of_one = aether("health", "--tenant", "vip-umbrella", "--config", settings_of(agent))
    of_none = aether("health", "--tenant", "nobody", "--config", settings_of(agent))

    assert (shown.returncode, of_one.returncode, of_none.returncode) == (1, 0, 1)
    assert of_none.stdout == "no score of tenant 'nobody'\n"
    assert "success 0.41" in shown.stdout
    assert "in 55 min (40 min to much later)" in of_one.stdout
    assert "vip-umbrella (VIP)" in of_one.stdout
    assert "(all)" not in of_one.stdout


def test_the_command_fails_and_shows_no_number_where_no_score_could_be_read(agent, aether, settings_of) -> None:
    agent.world.latest = replace(LOW, status=HealthStatus.ERROR, score=7.5, detail="Prometheus does not answer")
    failed = aether("health", "--config", settings_of(agent))
    agent.world.latest = replace(LOW, status=HealthStatus.NO_DATA, score=7.5, detail="it is old")
    old = aether("health", "--config", settings_of(agent))
    agent.world.latest = replace(LOW, status=HealthStatus.OK, score=97.5)
    well = aether("health", "--config", settings_of(agent))

    assert (failed.returncode, old.returncode, well.returncode) == (1, 1, 0)
    assert "7.5" not in failed.stdout + old.stdout
    assert "Prometheus does not answer" in failed.stdout
    assert "97.5" in well.stdout


def test_the_command_before_the_first_check_and_as_json(agent, aether, settings_of) -> None:
    shown = aether("health", "--config", settings_of(agent))
    told = aether("health", "--json", "--config", settings_of(agent))

    assert (shown.returncode, shown.stdout) == (1, "not checked yet\n")
    assert '"score": null' in told.stdout
