"""The fingerprint that we compute is the one that a real Alertmanager gives."""

import httpx
import pytest

from aetherlink.intake.fingerprint import fingerprint


@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "CrmApiDown"},
        {"alertname": "CrmApiDown", "job": "peakpro_crm", "instance": "crm:8000", "severity": "critical"},
        {"alertname": "Ünïcödé", "tenant": "日本語 & co", "z": "", "a": " "},
    ],
    ids=["one label", "several", "odd ones"],
)
def test_the_fingerprint_is_alertmanagers_own(alertmanager_url: str, labels: dict[str, str]) -> None:
    posted = httpx.post(f"{alertmanager_url}/api/v2/alerts", json=[{"labels": labels}])
    found = httpx.get(f"{alertmanager_url}/api/v2/alerts").json()

    kept = {name: value for name, value in labels.items() if value}  # Alertmanager drops empty labels
    assert posted.is_success
    assert [each["fingerprint"] for each in found if each["labels"] == kept] == [fingerprint(kept)]
