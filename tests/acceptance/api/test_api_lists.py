"""The lists under /api/v1, and single things in them."""

from datetime import UTC, datetime, timedelta

import pytest

START = datetime(2025, 11, 2, 20, 6, 26, tzinfo=UTC)


def webhook(*names: str, status: str = "firing", minute: int = 0) -> dict[str, object]:
    """A notification as Alertmanager sends it."""
    alerts = [
        {
            "status": status,
            "labels": {"alertname": name, "severity": "critical", "service": name.lower(), "tenant": "acme-corp"},
            "annotations": {"summary": f"{name} is wrong."},
            "startsAt": (START + timedelta(minutes=minute)).isoformat(),
            "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else (START + timedelta(hours=1)).isoformat(),
        }
        for name in names
    ]
    return {"version": "4", "status": status, "receiver": "agent", "alerts": alerts}


def pages(agent, path: str, *, limit: int) -> list[list[dict[str, object]]]:
    found = []
    cursor = ""
    while True:
        page = agent.call("GET", f"{path}?limit={limit}{cursor}").json()
        assert list(page) == ["next_cursor", "items"] or set(page) == {"next_cursor", "items"}
        found.append(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_an_alert_carries_what_was_sent_and_its_incident(agent) -> None:
    agent.call("POST", "/alertmanager", json=webhook("CrmApiDown"))

    [alert] = agent.call("GET", "/api/v1/alerts").json()["items"]

    [incident] = agent.call("GET", "/api/v1/incidents").json()["items"]
    assert alert.pop("fingerprint")
    assert (alert.pop("id"), alert.pop("suppressed")) == (1, "")
    assert alert.pop("received_at") == alert.pop("updated_at")
    assert alert == {
        "source": "lab",
        "name": "CrmApiDown",
        "tenant": "acme-corp",
        "severity": "critical",
        "status": "firing",
        "starts_at": "2025-11-02T20:06:26Z",
        "ends_at": None,
        "labels": {"alertname": "CrmApiDown", "severity": "critical", "service": "crmapidown", "tenant": "acme-corp"},
        "annotations": {"summary": "CrmApiDown is wrong."},
        "incident_id": incident["id"],
    }


def test_an_incident_comes_with_its_alerts_and_timeline(agent) -> None:
    agent.call("POST", "/alertmanager", json=webhook("CrmApiDown"))
    agent.call("POST", "/alertmanager", json=webhook("CrmApiDown", status="resolved"))
    [listed] = agent.call("GET", "/api/v1/incidents").json()["items"]

    detail = agent.call("GET", f"/api/v1/incidents/{listed['id']}").json()
    timeline = agent.call("GET", f"/api/v1/incidents/{listed['id']}/timeline").json()

    assert detail["tenant"] == "acme-corp"
    assert [alert["status"] for alert in detail["alerts"]] == ["resolved"]
    assert detail["action"] is None
    assert timeline["items"][0]["kind"] == "opened"
    assert [entry["sequence"] for entry in timeline["items"]] == list(range(1, len(timeline["items"]) + 1))
    assert all(entry["at"].endswith("Z") for entry in timeline["items"])


@pytest.mark.parametrize("path", ["/api/v1/alerts", "/api/v1/incidents"])
def test_pages_hold_every_item_once_newest_first(agent, path: str) -> None:
    for minute in range(5):
        agent.call("POST", "/alertmanager", json=webhook(f"Alert{minute}", minute=minute))

    found = pages(agent, path, limit=2)

    assert [len(page) for page in found] == [2, 2, 1]
    names = [item["labels"]["alertname"] for page in found for item in page]
    assert names == [f"Alert{minute}" for minute in reversed(range(5))]


def test_a_timeline_is_paged_in_order(agent) -> None:
    for status in ("firing", "resolved"):
        agent.call("POST", "/alertmanager", json=webhook("CrmApiDown", status=status))
    [incident] = agent.call("GET", "/api/v1/incidents").json()["items"]
    path = f"/api/v1/incidents/{incident['id']}/timeline"

    found = pages(agent, path, limit=1)

    assert [entry["sequence"] for page in found for entry in page] == list(range(1, len(found) + 1))
    assert len(found) >= 2


def test_incidents_are_filtered_by_status(agent) -> None:
    agent.call("POST", "/alertmanager", json=webhook("CrmApiDown"))

    assert len(agent.call("GET", "/api/v1/incidents?status=open").json()["items"]) == 1
    assert agent.call("GET", "/api/v1/incidents?status=resolved").json()["items"] == []


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ("status=resolved", {"Down"}),
        ("status=firing", {"Slow", "Full", "Watchdog"}),
        ("source=lab", {"Down", "Slow", "Full", "Watchdog"}),
        ("source=prod", set()),
        ("alertname=Slow", {"Slow"}),
        ("alertname=slow", set()),
        ("tenant=acme-corp", {"Down", "Slow", "Full"}),
        ("tenant=", {"Watchdog"}),
        ("severity=critical&status=firing", {"Slow", "Full"}),
        ("severity=none", {"Watchdog"}),
        ("severity=info", set()),
        ("suppressed=true", {"Watchdog"}),
        ("suppressed=false", {"Down", "Slow", "Full"}),
        ("incident_id=inc-none", set()),
    ],
)
def test_alerts_are_narrowed(agent, filters: str, names: set[str]) -> None:
    watchdog = {"status": "firing", "labels": {"alertname": "Watchdog", "severity": "none"}, "startsAt": str(START)}
    agent.call("POST", "/alertmanager", json=webhook("Down", "Slow", "Full"))
    agent.call("POST", "/alertmanager", json=webhook("Down", status="resolved", minute=1))
    agent.call("POST", "/alertmanager", json={"alerts": [watchdog]})

    found = agent.call("GET", f"/api/v1/alerts?{filters}").json()["items"]

    assert sorted(item["name"] for item in found) == sorted(names)


def test_all_alerts_of_an_incident_are_paged(agent) -> None:
    agent.call("POST", "/alertmanager", json=webhook("Down", "Slow"))
    slow, down = agent.call("GET", "/api/v1/alerts").json()["items"]

    found = agent.call("GET", f"/api/v1/alerts?incident_id={down['incident_id']}").json()

    assert slow["incident_id"] != down["incident_id"]
    assert (found["items"], found["next_cursor"]) == ([down], None)


@pytest.mark.parametrize(
    ("filters", "services"),
    [
        ("severity=critical&source=lab&origin=alert", {"down", "slow"}),
        ("severity=info", set()),
        ("source=prod", set()),
        ("origin=health", set()),
        ("tenant=acme-corp&service=slow", {"slow"}),
        ("service=Slow", set()),
        ("vip=true", set()),
        ("vip=false&status=open", {"down", "slow"}),
    ],
)
def test_incidents_are_narrowed(agent, filters: str, services: set[str]) -> None:
    agent.call("POST", "/alertmanager", json=webhook("Down", "Slow"))

    found = agent.call("GET", f"/api/v1/incidents?{filters}").json()["items"]

    assert {item["service"] for item in found} == services


def test_each_entry_of_a_timeline_has_its_number_and_its_hash(agent) -> None:
    agent.call("POST", "/alertmanager", json=webhook("Down", "Slow"))
    ids = [item["id"] for item in agent.call("GET", "/api/v1/incidents").json()["items"]]

    entries = [entry for one in ids for entry in agent.call("GET", f"/api/v1/incidents/{one}/timeline").json()["items"]]

    assert sorted(entry["number"] for entry in entries) == list(range(1, len(entries) + 1))
    assert len({entry["hash"] for entry in entries}) == len(entries)
    assert all(len(entry["hash"]) == 64 for entry in entries)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/v1/alerts?status=open", 422, "query.status"),
        ("/api/v1/alerts?severity=foo", 422, "query.severity: Input should be 'critical', 'warning', 'info' or 'none'"),
        ("/api/v1/alerts?suppressed=perhaps", 422, "query.suppressed"),
        ("/api/v1/alerts?tenant=%00", 422, "query.tenant"),
        ("/api/v1/incidents?severity=none", 422, "query.severity"),
        ("/api/v1/incidents?vip=perhaps", 422, "query.vip"),
        ("/api/v1/incidents/inc-%00", 422, "path.incident_id"),
        ("/api/v1/alerts?limit=0", 422, "query.limit"),
        ("/api/v1/alerts?limit=501", 422, "query.limit"),
        ("/api/v1/alerts?limit=many", 422, "query.limit"),
        ("/api/v1/alerts?cursor=", 422, "query.cursor"),
        ("/api/v1/incidents?status=sad", 422, "query.status"),
        ("/api/v1/incidents/inc-none", 404, "there is no incident 'inc-none'"),
        ("/api/v1/incidents/inc-none/timeline", 404, "there is no incident 'inc-none'"),
        ("/api/v1/incidents/inc-none/timeline?cursor=x", 400, "next_cursor"),
        ("/api/v1/incidents/inc-none/timeline?cursor=99999999999999999999", 400, "next_cursor"),
        ("/api/v1/actions/act-none", 404, "there is no action 'act-none'"),
    ],
)
def test_what_cannot_be_listed_is_refused_and_says(agent, path: str, status: int, words: str) -> None:
    answer = agent.call("GET", path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    "cursor", ["abc", "%00", "-1", "1.5", "%D9%A1", "1%0A", "'%20or%201=1--", "9" * 200, "tok-1", "inc-%00", "act-A"]
)
@pytest.mark.parametrize("path", ["alerts", "incidents", "incidents/inc-none/timeline", "actions", "tokens"])
def test_an_invented_cursor_is_refused_by_name(agent, path: str, cursor: str) -> None:
    """It was answered with the first page: a client could page for ever."""
    answer = agent.call("GET", f"/api/v1/{path}?cursor={cursor}", token="operator")

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("cursor: ")
    assert answer.json()["detail"].endswith("take it from next_cursor")


@pytest.mark.parametrize(("path", "cursor"), [("incidents", "act-1"), ("incidents", "7"), ("actions", "inc-1")])
def test_a_cursor_of_another_list_is_refused(agent, path: str, cursor: str) -> None:
    assert agent.call("GET", f"/api/v1/{path}?cursor={cursor}").status_code == 400


class TestTokens:
    def test_a_new_token_works_at_once_until_it_is_revoked(self, agent) -> None:
        made = agent.call("POST", "/api/v1/tokens", token="operator", json={"name": "grafana", "scopes": ["read"]})
        agent.secrets["new"] = made.json()["token"]

        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        assert made.json()["token"].startswith("aek_")
        assert agent.call("GET", "/api/v1/alerts", token="new").status_code == 200
        revoked = agent.call("DELETE", f"/api/v1/tokens/{made.json()['id']}", token="operator")
        assert revoked.json()["revoked_at"].endswith("Z")
        assert agent.call("GET", "/api/v1/alerts", token="new").status_code == 401
        again = agent.call("DELETE", f"/api/v1/tokens/{made.json()['id']}", token="operator")
        assert again.json() == revoked.json()

    def test_no_list_shows_a_secret_or_a_digest(self, agent) -> None:
        listed = agent.call("GET", "/api/v1/tokens", token="operator")

        assert {item["name"] for item in listed.json()["items"]} >= {"read-test", "revoked"}
        assert set(listed.json()["items"][0]) == {
            *("id", "name", "scopes", "role", "source", "tenant"),
            *("created_at", "expires_at", "used_at", "revoked_at"),
        }

    def test_the_list_is_paged(self, agent) -> None:
        every = agent.call("GET", "/api/v1/tokens", token="operator").json()["items"]
        half = len(every) // 2 + 1
        first = agent.call("GET", f"/api/v1/tokens?limit={half}", token="operator").json()
        following = f"/api/v1/tokens?limit={half}&cursor={first['next_cursor']}"
        second = agent.call("GET", following, token="operator").json()

        assert len(first["items"]) == half
        assert first["items"] + second["items"] == every
        assert second["next_cursor"] is None
        assert agent.call("GET", "/api/v1/tokens?cursor=x", token="operator").status_code == 400

    def test_two_of_a_name_are_valid_at_a_time(self, agent) -> None:
        wish = {"name": "alertmanager", "scopes": ["webhook"]}
        first, second, third = (agent.call("POST", "/api/v1/tokens", token="operator", json=wish) for _ in range(3))

        assert (first.status_code, second.status_code, third.status_code) == (201, 201, 409)
        assert first.json()["id"] in third.json()["detail"]
        agent.call("DELETE", f"/api/v1/tokens/{first.json()['id']}", token="operator")
        assert agent.call("POST", "/api/v1/tokens", token="operator", json=wish).status_code == 201

    def test_a_repeat_under_one_key_makes_no_second_token(self, agent) -> None:
        wish = {"name": "alertmanager", "scopes": ["webhook"]}
        key = {"Idempotency-Key": "one"}

        first, second = (
            agent.call("POST", "/api/v1/tokens", token="operator", json=wish, headers=key) for _ in range(2)
        )

        assert (first.status_code, second.status_code) == (201, 409)
        assert first.json()["id"] in second.json()["detail"]

    @pytest.mark.parametrize(
        ("wish", "status", "words"),
        [
            ({"name": "Big Name", "scopes": ["read"]}, 400, "'Big Name' cannot be a token's name"),
            ({"name": "operator", "scopes": ["read"]}, 400, "the agent's own"),
            ({"name": "network:10.0.0.1", "scopes": ["read"]}, 400, "cannot be a token's name"),
            ({"name": "x", "scopes": ["webhook"], "source": "prd"}, 400, "no source 'prd': known are default, prod"),
            ({"name": "x", "scopes": ["read"], "source": "prod"}, 400, "a source is for the scope webhook"),
            ({"name": "x", "scopes": []}, 422, "give scopes, or a role"),
            ({"name": "x", "scopes": ["everything"]}, 422, "body.scopes.0"),
            ({"name": "x", "scopes": "read"}, 422, "body.scopes"),
            ({"name": "x"}, 422, "give scopes, or a role"),
            ({"name": "x", "scopes": ["read"], "token": "mine"}, 422, "body.token"),
        ],
    )
    def test_an_unusable_wish_is_refused(self, agent, wish, status: int, words: str) -> None:
        answer = agent.call("POST", "/api/v1/tokens", token="operator", json=wish)

        assert answer.status_code == status
        assert words in answer.json()["detail"]

    def test_an_unknown_token_cannot_be_revoked(self, agent) -> None:
        assert agent.call("DELETE", "/api/v1/tokens/tok-none", token="operator").status_code == 404
