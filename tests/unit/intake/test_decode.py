"""Alertmanager's webhook is decoded as it really comes; what is not one is named."""

import json
from datetime import UTC, datetime

import pytest

from aetherlink.errors import BadRequestError
from aetherlink.intake.decode import decode
from aetherlink.intake.fingerprint import fingerprint
from aetherlink.model.alerts import AlertStatus
from aetherlink.model.ids import SourceName

LAB = SourceName("lab")
WIRE = {
    "status": "firing",
    "labels": {"alertname": "CrmApiDown", "job": "peakpro_crm"},
    "annotations": {"summary": "down"},
    "startsAt": "2026-01-01T12:00:00.123456Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus/graph",
    "fingerprint": "02c58e51a2b16e6f",
}


def body(*alerts: dict[str, object], **more: object) -> bytes:
    return json.dumps({"version": "4", "groupKey": "{}", "status": "firing", "alerts": alerts, **more}).encode()


def test_a_firing_alert_has_no_end() -> None:
    [alert] = decode(body(WIRE), LAB).alerts

    assert (alert.name, alert.status, alert.ends_at) == ("CrmApiDown", AlertStatus.FIRING, None)
    assert alert.starts_at == datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    [alert] = decode(body({**WIRE, "endsAt": "2026-01-01T14:00:00+01:00"}), LAB).alerts

    assert alert.ends_at == datetime(2026, 1, 1, 13, 0, tzinfo=UTC)


def test_a_missing_fingerprint_is_computed_as_alertmanager_does() -> None:
    [alert] = decode(body({key: value for key, value in WIRE.items() if key != "fingerprint"}), LAB).alerts

    assert alert.fingerprint == fingerprint({"job": "peakpro_crm", "alertname": "CrmApiDown"})


def test_grafanas_extra_keys_are_no_trouble() -> None:
    grafana = {**WIRE, "values": {"A": 1.5}, "silenceURL": "http://grafana", "dashboardURL": "", "imageURL": None}

    assert len(decode(body(grafana, title="[FIRING:1]", message="", orgId=1), LAB).alerts) == 1


def test_what_alertmanager_left_out_is_told() -> None:
    assert decode(body(WIRE, truncatedAlerts=7), LAB).left_out == 7
    assert decode(body(WIRE), LAB).left_out == 0
    assert decode(body(WIRE, truncatedAlerts=-1), LAB).left_out == 0


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (b"", "not an Alertmanager webhook"),
        (b"{", "not an Alertmanager webhook"),
        (b"[]", "Expected `object`"),
        (b"{}", "alerts"),
        (b'{"alerts": {}}', r"\$\.alerts"),
        (b"\xff\xfe", "not an Alertmanager webhook"),
        (b'{"alerts": [], "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
        (body({**WIRE, "labels": {"a": 1}}), r"labels"),
        (body({**WIRE, "status": "burning"}), r"status"),
        (body({**WIRE, "startsAt": "yesterday"}), r"startsAt"),
        (body({**WIRE, "startsAt": "2026-01-01T12:00:00"}), "zone"),
        (body(WIRE, {**WIRE, "startsAt": None}), r"\$\.alerts\[1\]\.startsAt"),
    ],
)
def test_what_is_no_webhook_is_refused_with_the_place(wrong: bytes, complaint: str) -> None:
    with pytest.raises(BadRequestError, match=complaint):
        decode(wrong, LAB)


def test_the_complaint_about_a_body_stays_short_however_long_the_body() -> None:
    with pytest.raises(BadRequestError) as caught:
        decode(body({**WIRE, "status": "x" * 100_000}), LAB)

    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_at_the_edge_of_the_calendar_do_no_harm(when: str) -> None:
    try:
        alerts = decode(body({**WIRE, "startsAt": when}), LAB).alerts
    except BadRequestError:
        return
    assert alerts[0].starts_at.tzinfo is UTC
