"""The description of POST /alertmanager for OpenAPI. A bare ASGI callable in front of the API serves the routes."""

from typing import Any

PATH = "/alertmanager"
SOURCE_PATH = "/alertmanager/{source}"
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


_ANSWERS = {
    "401": "No token, or a wrong one.",
    "403": "The token does not have the scope webhook.",
    "408": "The body took too long to arrive.",
    "404": "There is no source of this name.",
    "413": "The body is too large.",
    "415": "Content-Encoding is not supported.",
    "503": "Overloaded, or the store cannot be used: Alertmanager tries again.",
}
_TAKEN = {
    "description": "Every alert is durable. A body that could not be read is kept in quarantine, and counted.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["received", "quarantined"],
                "properties": {
                    "received": {"type": "integer"},
                    "quarantined": {"type": "integer"},
                    "detail": {"type": "string"},
                },
            },
            "example": {"received": 1, "quarantined": 0},
        }
    },
}


def paths(*, security: list[dict[str, list[str]]]) -> dict[str, Any]:
    """Both paths: the one that the first source is heard by, and the one that names the source."""
    first = _operation(security, name="alertmanager_webhook", summary="Alertmanager's webhook, version 4")
    named = _operation(security, name="alertmanager_webhook_of", summary="The webhook of one source")
    source = {"name": "source", "in": "path", "required": True, "description": "The source's name in the settings."}
    named["parameters"] = [{**source, "schema": {"type": "string"}, "example": "lab"}]
    return {PATH: {"post": first}, SOURCE_PATH: {"post": named}}


def _operation(security: list[dict[str, list[str]]], *, name: str, summary: str) -> dict[str, Any]:
    problems = {status: {"description": words, "content": _problem()} for status, words in _ANSWERS.items()}
    return {
        "tags": [TAG],
        "operationId": name,
        "summary": f"{summary} (and Grafana's superset of it)",
        "security": security,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _SCHEMA, "example": EXAMPLE}},
        },
        "responses": {"200": _TAKEN, **problems},
    }


def _problem() -> dict[str, Any]:
    return {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


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
