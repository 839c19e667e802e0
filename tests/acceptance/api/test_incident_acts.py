"""Notes, acknowledging and closing over the API and from the command line: who may, what is stored, what is refused."""

import asyncio
import json

import pytest

ALERT = {
    "status": "firing",
    "labels": {"alertname": "DiskFull", "service": "db", "severity": "critical"},
    "annotations": {"summary": "the disk is full"},
    "startsAt": "2026-01-01T12:00:00Z",
    "fingerprint": "00000000000000aa",
}


@pytest.fixture
def incident(agent) -> str:
    """The id of an open incident."""
    agent.call("POST", "/alertmanager", json={"alerts": [ALERT]}).raise_for_status()
    [found] = agent.call("GET", "/api/v1/incidents").json()["items"]
    return f"/api/v1/incidents/{found['id']}"


def timeline(agent, incident: str) -> list[tuple[str, str]]:
    items = agent.call("GET", f"{incident}/timeline").json()["items"]
    return [(entry["kind"], entry["text"]) for entry in items]


def test_an_incident_is_noted_on_acknowledged_and_closed(agent, incident: str) -> None:
    noted = agent.call("POST", f"{incident}/notes", token="operate", json={"text": "I look"})
    acknowledged = agent.call("POST", f"{incident}/ack", token="operate")
    closed = agent.call("POST", f"{incident}/close", token="operate", json={"reason": "done"})

    assert [answer.status_code for answer in (noted, acknowledged, closed)] == [200, 200, 200]
    assert acknowledged.json()["acknowledged_by"] == "operate-test"
    assert (closed.json()["status"], closed.json()["closed_by"]) == ("resolved", "operate-test")
    assert timeline(agent, incident)[-3:] == [
        ("note", "I look"),
        ("acknowledged", "operate-test looks after it"),
        ("closed", "closed by operate-test: done"),
    ]


def test_a_repeat_changes_nothing(agent, incident: str) -> None:
    key = {"Idempotency-Key": "k-1"}
    for what, body in (("notes", {"text": "I look"}), ("ack", None), ("close", {"reason": "done"})):
        first, second = (
            agent.call("POST", f"{incident}/{what}", token="operate", json=body, headers=key) for _ in range(2)
        )
        assert (first.status_code, first.json()) == (second.status_code, second.json())
    other = agent.call("POST", f"{incident}/notes", token="operate", json={"text": "other"}, headers=key)

    assert [kind for kind, _ in timeline(agent, incident)][-3:] == ["note", "acknowledged", "closed"]
    assert other.status_code == 409
    assert "Idempotency-Key" in other.json()["detail"]


def test_what_cannot_be_is_a_conflict(agent, incident: str) -> None:
    agent.call("POST", f"{incident}/close", token="operate", json={"reason": "done"})
    refused = agent.call("POST", f"{incident}/ack", token="operate")

    assert refused.status_code == 409
    assert "is closed: it cannot be acknowledged" in refused.json()["detail"]


def test_what_is_not_there_or_does_not_fit_is_refused(agent, incident: str) -> None:
    gone = "/api/v1/incidents/inc-none"
    assert agent.call("POST", f"{gone}/ack", token="operate").status_code == 404
    assert agent.call("POST", f"{gone}/notes", token="operate", json={"text": "x"}).status_code == 404
    assert agent.call("POST", f"{gone}/close", token="operate", json={"reason": "x"}).status_code == 404
    wrong = [{}, {"text": ""}, {"text": 7}, {"text": "x" * 4001}, {"text": "x", "more": 1}]
    bodies = [json.dumps(body) for body in wrong] + ['{"text": "\\ud800"}']
    answers = [
        agent.call(
            "POST", f"{incident}/notes", token="operate", content=body, headers={"Content-Type": "application/json"}
        )
        for body in bodies
    ]
    assert [answer.status_code for answer in answers] == [422] * len(bodies)
    assert agent.call("POST", f"{incident}/notes", token="operate", json={"text": "a\0b"}).status_code == 400
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers)


def test_the_audit_route_tells_how_far_the_anchors_reach(agent, incident: str) -> None:
    asyncio.run(agent.services.anchors.write())
    told = agent.call("GET", "/api/v1/audit").json()

    assert told["entries"] == told["anchor"]["number"] == len(timeline(agent, incident))
    assert len(told["anchor"]["digest"]) == 64
