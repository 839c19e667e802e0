"""What the agent is measured against: a receiver with pydantic models that logs and counts, and stores nothing.

One worker, as `uvicorn bench.stub:app` starts it.
"""

import logging
from datetime import datetime

from fastapi import FastAPI
from prometheus_client import Counter
from pydantic import BaseModel, Field

logging.basicConfig(level=logging.INFO, format="%(asctime)s - %(name)s - %(levelname)s - %(message)s")

_log = logging.getLogger("bench.stub")
_heard = Counter("stub_alerts", "Alerts heard.", ["alertname", "severity"])


class StubAlert(BaseModel):
    """One alert of a webhook."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime = Field(alias="startsAt")
    ends_at: datetime = Field(alias="endsAt")
    generator_url: str = Field(alias="generatorURL")
    fingerprint: str


class StubWebhook(BaseModel):
    """A webhook, version 4."""

    version: str
    group_key: str = Field(alias="groupKey")
    truncated_alerts: int = Field(alias="truncatedAlerts")
    status: str
    receiver: str
    group_labels: dict[str, str] = Field(alias="groupLabels")
    common_labels: dict[str, str] = Field(alias="commonLabels")
    common_annotations: dict[str, str] = Field(alias="commonAnnotations")
    external_url: str = Field(alias="externalURL")
    alerts: list[StubAlert]


app = FastAPI()


@app.post("/alertmanager")
async def hear(webhook: StubWebhook) -> dict[str, int]:
    """Log and count every alert."""
    for alert in webhook.alerts:
        name, severity = alert.labels["alertname"], alert.labels["severity"]
        _log.info("ALERT: %s | severity=%s | summary='%s'", name, severity, alert.annotations.get("summary", ""))
        _heard.labels(alertname=name, severity=severity).inc()
    return {"received": len(webhook.alerts)}
