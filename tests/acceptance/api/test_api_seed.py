"""The seed's routes as a user of the seed knows them, and what they say to bad input."""

import json
import math
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from aetherlink.commands import ActionOptions
from aetherlink.model.actions import ActionState, Target
from aetherlink.model.decisions import Mode
from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.ids import ActionId, TargetName
from aetherlink.model.sources import SourceKind, SourceState

NOW = datetime(2025, 11, 2, 20, 6, 26, tzinfo=UTC)
RESTART = {"restart_api": ActionOptions(restart=TargetName("crm-api"))}


def problem_of(answer: httpx.Response) -> dict[str, object]:
    """The problem, after a look at its form."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= problem.keys()
    assert problem["status"] == answer.status_code
    assert not {"Traceback", "/site-packages/", ".py"} & set(answer.text.split())
    return problem


class TestHealth:
    def test_before_the_first_check_it_is_as_the_seed_shows_it(self, agent) -> None:
        answer = agent.call("GET", "/health").json()

        assert list(answer.items())[:3] == [("ok", True), ("health_score", None), ("consecutive_low", 0)]

    def test_it_tells_the_last_reading_and_the_sources(self, agent) -> None:
        agent.world.latest = HealthReading(NOW, HealthStatus.LOW, 41.5, consecutive_low=2)
        agent.world.sources = [SourceState(next(iter(agent.services.queries)), SourceKind.PROMETHEUS, True, NOW)]

        answer = agent.call("GET", "/health").json()

        assert (answer["health_score"], answer["consecutive_low"], answer["status"]) == (41.5, 2, "low")
        assert answer["checked_at"] == "2025-11-02T20:06:26Z"
        assert answer["sources"] == [
            {"source": "lab", "kind": "prometheus", "up": True, "checked_at": "2025-11-02T20:06:26Z", "detail": ""}
        ]

    def test_an_agent_that_cannot_serve_is_alive_but_not_ready_and_says_why(self, agent) -> None:
        agent.world.reasons = ["the store cannot be used", "stopping"]

        assert agent.call("GET", "/livez").status_code == 200
        assert agent.call("GET", "/health").json()["ok"] is False
        ready = agent.call("GET", "/readyz")
        assert problem_of(ready)["detail"] == "not ready: the store cannot be used; stopping"
        assert ready.status_code == 503


class TestMetrics:
    def test_they_come_in_the_text_format_and_in_openmetrics(self, agent) -> None:
        plain = agent.call("GET", "/metrics")
        wanted = "application/openmetrics-text; version=1.0.0"
        open_metrics = agent.call("GET", "/metrics", headers={"Accept": wanted})

        assert plain.headers["content-type"].startswith("text/plain; version=")
        assert 'aether_agent_health_checks_total{status="ok"} 0.0' in plain.text
        assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
        assert open_metrics.text.endswith("# EOF\n")


class TestQuery:
    def test_the_vector_is_passed_on_with_its_first_value(self, agent, prometheus: str) -> None:
        ql = 'label_replace(vector(85.5), "tenant", "acme", "", "")'
        direct = httpx.get(f"{prometheus}/api/v1/query", params={"query": ql}, trust_env=False).json()["data"]["result"]

        answer = agent.call("POST", "/query", json={"ql": ql})

        assert answer.status_code == 200
        assert list(answer.json()) == ["query", "value", "result"]
        assert (answer.json()["query"], answer.json()["value"]) == (ql, 85.5)
        assert [one["metric"] for one in answer.json()["result"]] == [one["metric"] for one in direct]
        assert answer.json()["result"][0]["value"][1] == "85.5"

    @pytest.mark.parametrize(
        ("ql", "value"),
        [
            ("absent_metric", None),
            ("vector(0) / 0", None),
            ("vector(1) / 0", None),
            ("vector(-1) / 0", None),
            ("42", 42),
            ('"words"', None),
            ("vector(1e300)", 1e300),
        ],
        ids=[
            "no sample is null",
            "NaN is null",
            "Inf is null",
            "-Inf is null",
            "a scalar is its number",
            "a string is null",
            "a large number stays",
        ],
    )
    def test_the_value_is_a_number_or_null(self, agent, ql: str, value: float | None) -> None:
        answer = agent.call("POST", "/query", json={"ql": ql})

        assert answer.status_code == 200, answer.text
        assert answer.json()["value"] == value

    def test_the_error_of_prometheus_is_passed_on(self, agent) -> None:
        answer = agent.call("POST", "/query", json={"ql": "sum(("})

        assert answer.status_code == 400
        assert "parse error: unclosed left parenthesis" in problem_of(answer)["detail"]
        assert answer.json()["error_type"] == "bad_data"

    def test_an_evaluation_that_fails_is_422_with_its_words(self, agent) -> None:
        answer = agent.call("POST", "/query", json={"ql": 'label_replace(vector(1), "0bad", "x", "", "")'})

        assert answer.status_code == 422
        assert "0bad" in problem_of(answer)["detail"]

    def test_an_unknown_source_names_the_known_ones(self, agent) -> None:
        answer = agent.call("POST", "/query", json={"ql": "up", "source": "moon"})

        assert answer.status_code == 400
        assert problem_of(answer)["detail"] == "unknown source 'moon': known are lab"

    def test_a_prometheus_that_is_down_is_502(self, start_agent) -> None:
        agent = start_agent(prometheus_url="http://127.0.0.1:9")

        answer = agent.call("POST", "/query", json={"ql": "up"})

        assert answer.status_code == 502
        assert "127.0.0.1:9" in problem_of(answer)["detail"]

    def test_a_prometheus_that_is_too_slow_is_504(self, start_agent, answering) -> None:
        url = answering(lambda _: time.sleep(0.4))
        agent = start_agent(prometheus_url=url, patience=timedelta(milliseconds=200))

        answer = agent.call("POST", "/query", json={"ql": "up"})

        assert answer.status_code == 504
        assert "0.2 s" in problem_of(answer)["detail"]

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b"<html>hello</html>"),
            (200, b'{"status":"success"}'),
            (200, b'{"status":"success","data":{"resultType":"vector","result":7}}'),
            (404, b"not here"),
            (401, b"who are you"),
            (500, b"\xff\xfe"),
        ],
        ids=["a page", "no data", "no vector", "another server", "our credentials are wrong", "bytes"],
    )
    def test_a_prometheus_that_talks_nonsense_is_502(self, start_agent, answering, status: int, body: bytes) -> None:
        def answer_so(request) -> None:
            request.send_response(status)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        agent = start_agent(prometheus_url=answering(answer_so))

        answer = agent.call("POST", "/query", json={"ql": "up"})

        assert answer.status_code == 502
        assert problem_of(answer)["detail"]


class TestAct:
    def test_a_known_action_without_a_target_is_denied_with_what_to_set(self, agent) -> None:
        for name in ("restart_api", "restart", "scale", "rollback"):
            answer = agent.call("POST", "/act", json={"action": name, "reason": "manual test"})

            assert answer.status_code == 202
            assert (answer.json()["accepted"], answer.json()["action"]) == (False, name)
            details = answer.json()["details"]
            assert list(details) == ["id", "decision", "rule", "reason", "status_url"]
            assert details["decision"] == "deny"
            assert f"actions.{name}" in details["reason"]

    def test_in_mode_observe_it_is_observed_and_recorded(self, start_agent) -> None:
        agent = start_agent(actions=RESTART)

        answer = agent.call("POST", "/act", json={"action": "restart_api", "reason": "manual test"}).json()

        assert (answer["accepted"], answer["details"]["decision"]) == (False, "observe")
        stored = agent.call("GET", answer["details"]["status_url"]).json()
        assert (stored["state"], stored["requested_by"], stored["reason"]) == ("refused", "local", "manual test")
        assert agent.call("GET", "/api/v1/incidents").json()["items"] == []
        assert agent.world.wakes == 0

    def test_in_mode_approve_it_waits_for_a_person(self, start_agent) -> None:
        agent = start_agent(mode=Mode.APPROVE, actions=RESTART)

        answer = agent.call("POST", "/act", json={"action": "restart_api", "reason": "x"}).json()

        assert (answer["accepted"], answer["details"]["decision"]) == (True, "needs_approval")
        stored = agent.call("GET", answer["details"]["status_url"]).json()
        assert stored["state"] == ActionState.WAITING_APPROVAL

    def test_in_mode_auto_it_opens_an_incident_and_wakes_the_pipeline(self, start_agent) -> None:
        agent = start_agent(mode=Mode.AUTO, actions=RESTART)

        answer = agent.call("POST", "/act", token="operate", json={"action": "restart_api", "reason": "slow"}).json()

        assert (answer["accepted"], answer["details"]["decision"]) == (True, "allow")
        [incident] = agent.call("GET", "/api/v1/incidents").json()["items"]
        assert (incident["origin"], incident["stage"], incident["status"]) == ("request", "act", "open")
        assert incident["action_id"] == answer["details"]["id"]
        timeline = agent.call("GET", f"/api/v1/incidents/{incident['id']}/timeline").json()["items"]
        assert [entry["kind"] for entry in timeline] == ["opened", "decided"]
        assert timeline[0]["text"] == "restart crm-api was requested by operate-test: slow"
        assert agent.world.wakes == 1

    @pytest.mark.parametrize("service", ["crm", "crm-api"])
    def test_a_service_chooses_the_target(self, start_agent, service: str) -> None:
        agent = start_agent(mode=Mode.AUTO)

        body = {"action": "scale", "reason": "x", "service": service, "replicas": 3}
        answer = agent.call("POST", "/act", json=body).json()

        stored = agent.call("GET", answer["details"]["status_url"]).json()
        assert (stored["target"], stored["verb"], stored["replicas"]) == ("crm-api", "scale", 3)
        assert stored["decision"] == "allow"

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"action": "scale", "service": "crm"}, "scale needs `replicas`: 1 to 4 for crm-api"),
            ({"action": "scale", "service": "crm", "replicas": 5}, "5 replicas are outside the bounds: 1 to 4"),
            ({"action": "scale", "service": "crm", "replicas": 0}, "0 replicas are outside the bounds: 1 to 4"),
            ({"action": "restart", "service": "crm", "replicas": 2}, "`replicas` belongs to scale"),
            ({"action": "restart", "service": "moon"}, "no target has the service or the name 'moon'"),
            ({"action": "restart_api", "service": "moon"}, "actions.restart_api is for crm-api, not for 'moon'"),
            ({"action": "restart", "service": "twin"}, "name one of twin-a, twin-b"),
            ({"action": "lost"}, "actions.lost names 'nowhere': declare it under `targets`"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_cannot_be_done_is_denied_and_says(self, start_agent, body, words: str) -> None:
        twins = [Target(TargetName(f"twin-{one}"), "lab", "twin") for one in "ab"]
        crm = Target(TargetName("crm-api"), "lab", "crm", minimum=1, maximum=4)
        lost = {"lost": ActionOptions(restart=TargetName("nowhere"))}
        agent = start_agent(mode=Mode.AUTO, actions=RESTART | lost, targets=[crm, *twins])

        answer = agent.call("POST", "/act", json={"reason": "x", **body})

        assert answer.status_code == 202
        assert answer.json()["details"]["decision"] == "deny"
        assert words in answer.json()["details"]["reason"]

    def test_an_unknown_action_names_the_known_ones(self, start_agent) -> None:
        agent = start_agent(actions={"bounce": ActionOptions(restart=TargetName("crm-api"))})

        answer = agent.call("POST", "/act", json={"action": "explode", "reason": "x"})

        assert answer.status_code == 400
        expected = "unknown action 'explode': known are bounce, restart, restart_api, rollback, scale"
        assert problem_of(answer)["detail"] == expected

    def test_a_repeat_under_one_key_is_the_first_action(self, start_agent) -> None:
        agent = start_agent(mode=Mode.AUTO, actions=RESTART)
        body = {"action": "restart_api", "reason": "x"}
        key = {"Idempotency-Key": "6ba7b810"}

        first, second = (agent.call("POST", "/act", json=body, headers=key).json() for _ in range(2))
        other = agent.call("POST", "/act", token="operate", json=body, headers=key).json()
        changed = agent.call("POST", "/act", json={**body, "reason": "y"}, headers=key)

        assert first == second
        assert other["details"]["id"] != first["details"]["id"]
        assert changed.status_code == 409
        assert first["details"]["id"] in problem_of(changed)["detail"]
        assert len(agent.call("GET", "/api/v1/actions").json()["items"]) == 2

    @pytest.mark.parametrize("key", ["", "two words", "x" * 201])
    def test_an_unusable_key_is_refused(self, agent, key: str) -> None:
        body = {"action": "restart", "reason": "x"}
        answer = agent.call("POST", "/act", json=body, headers={"Idempotency-Key": key})

        assert answer.status_code == 422
        assert problem_of(answer)["errors"][0]["where"] == "header.Idempotency-Key"

    def test_the_stored_action_keeps_the_request(self, agent) -> None:
        answer = agent.call("POST", "/act", json={"action": "restart", "reason": "x"}, headers={"Idempotency-Key": "k"})

        action_id = ActionId(answer.json()["details"]["id"])
        stored = agent.services.store._read(lambda rows: rows.actions.get(action_id))
        assert stored.facts["idempotency_key"] == "k"
        assert stored.facts["request"] == {"action": "restart", "reason": "x", "service": None, "replicas": None}


BAD_BODIES = {
    "nothing": (b"", 422, "body"),
    "half an object": (b'{"ql": ', 400, "not JSON"),
    "not JSON": (b"ql=up", 400, "not JSON"),
    "not UTF-8": (b'{"ql": "\xff"}', 400, ""),
    "a list": (b"[]", 422, "body"),
    "null": (b"null", 422, "body"),
    "a number for a text": (b'{"ql": 7, "action": 7, "reason": "x"}', 422, "Input should be a valid string"),
    "an empty text": (b'{"ql": "", "action": "", "reason": "x"}', 422, "at least 1 character"),
    "an unknown key": (b'{"ql": "up", "action": "restart", "reason": "x", "colour": 1}', 422, "body.colour"),
    "nested without end": (b"[" * 100_000, 400, ""),
}


@pytest.mark.parametrize("path", ["/query", "/act"])
@pytest.mark.parametrize("what", BAD_BODIES)
def test_a_bad_body_is_refused_and_says_where_and_what(agent, path: str, what: str) -> None:
    body, status, words = BAD_BODIES[what]

    answer = agent.call("POST", path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == status
    assert words in problem_of(answer)["detail"]
    assert problem_of(answer)["instance"] == path


@pytest.mark.parametrize(
    "replicas", ["2", 2.0, True, -1, 10_001, math.pi], ids=["text", "2.0", "true", "negative", "too many", "a fraction"]
)
def test_replicas_are_a_whole_number(agent, replicas: object) -> None:
    body = {"action": "scale", "reason": "x", "service": "crm", "replicas": replicas}

    answer = agent.call("POST", "/act", json=body)

    assert answer.status_code == 422
    assert problem_of(answer)["errors"][0]["where"] == "body.replicas"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_does_not_say_json_is_415(agent, kind: str | None) -> None:
    """Browsers send such bodies across origins without asking first."""
    body = json.dumps({"action": "restart_api", "reason": "x"}).encode()

    answer = agent.call("POST", "/act", content=body, headers={"Content-Type": kind} if kind else {})

    assert answer.status_code == 415
    assert "Content-Type: application/json" in problem_of(answer)["detail"]
