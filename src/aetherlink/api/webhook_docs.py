"""The description of POST /alertmanager for OpenAPI. A bare ASGI callable in front of the API serves the route."""

from typing import Any

PATH = "/alertmanager"
TAG = "Health, queries, actions"  # the heading over the seed's routes in /docs
EXAMPLE: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="HealthScoreDegradation"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "agent",
    "groupLabels": {"alertname": "HealthScoreDegradation"},
    "commonLabels": {"alertname": "HealthScoreDegradation", "severity": "warning", "tenant": "acme-corp"},
    "commonAnnotations": {"summary": "The health score of acme-corp is low."},
    "externalURL": "http://localhost:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HealthScoreDegradation", "severity": "warning", "tenant": "acme-corp"},
            "annotations": {"summary": "The health score of acme-corp is low."},
            "startsAt": "2025-11-02T20:06:26.123Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://localhost:9090/graph?g0.expr=aether%3Ahealth_score%3A15m+%3C+60",
            "fingerprint": "c1b2f0a3d4e5f607",
        }
    ],
}


def operation(*, security: list[dict[str, list[str]]]) -> dict[str, Any]:
    """The path item."""
    answers = {
        "200": "Every alert is durable. A body that could not be read is kept in quarantine, and counted.",
        "401": "No token, or a wrong one.",
        "403": "The token does not have the scope webhook.",
        "413": "The body is too large.",
        "503": "Overloaded, or the store cannot be used: Alertmanager tries again.",
    }
    return {
        "post": {
            "tags": [TAG],
            "operationId": "alertmanager_webhook",
            "summary": "Alertmanager's webhook, version 4 (and Grafana's superset of it)",
            "security": security,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _SCHEMA, "example": EXAMPLE}},
            },
            "responses": {status: {"description": words} for status, words in answers.items()},
        }
    }


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_ALERT = {
    "type": "object",
    "required": ["status", "labels", "startsAt"],
    "properties": {
        "status": {"enum": ["firing", "resolved"]},
        "labels": _TEXTS,
        "annotations": _TEXTS,
        "startsAt": {"type": "string", "format": "date-time"},
        "endsAt": {"type": "string", "format": "date-time"},
        "generatorURL": {"type": "string"},
        "fingerprint": {"type": "string"},
    },
}
_SCHEMA = {
    "type": "object",
    "required": ["alerts"],
    "properties": {
        "version": {"type": "string"},
        "groupKey": {"type": "string"},
        "truncatedAlerts": {"type": "integer"},
        "status": {"enum": ["firing", "resolved"]},
        "receiver": {"type": "string"},
        "groupLabels": _TEXTS,
        "commonLabels": _TEXTS,
        "commonAnnotations": _TEXTS,
        "externalURL": {"type": "string"},
        "alerts": {"type": "array", "items": _ALERT},
    },
}
