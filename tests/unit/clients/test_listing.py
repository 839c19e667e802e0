"""What an Alertmanager lists is read whole or not at all, whatever it sends."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aetherlink.clients.listing import read_alerts, read_receivers, read_state
from aetherlink.errors import AnswerError
from aetherlink.model.alerts import Suppression
from aetherlink.model.ids import Fingerprint

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def wire(**more: Any) -> dict[str, Any]:
    return {
        "annotations": {"summary": "down"},
        "endsAt": "2026-01-01T12:04:00.000Z",
        "fingerprint": "00000000000000aa",
        "receivers": [{"name": "agent"}, {"name": "default"}],
        "startsAt": "2026-01-01T13:00:00.000+01:00",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-01-01T12:00:00.000Z",
        "generatorURL": "http://prometheus/graph",
        "labels": {"alertname": "CrmApiDown", "job": "crm"},
        **more,
    }


def status(**more: Any) -> dict[str, Any]:
    return {"inhibitedBy": [], "silencedBy": [], "state": "suppressed", **more}


def read(*alerts: object, receiver: str | None = None, most: int = 10) -> Any:
    return read_alerts(json.dumps(alerts).encode(), receiver=receiver, most=most)


def test_an_alert_is_read_with_its_times_in_utc() -> None:
    [alert] = read(wire()).values()

    assert (alert.fingerprint, alert.name, alert.suppressed) == ("00000000000000aa", "CrmApiDown", Suppression.NONE)
    assert (alert.starts_at, alert.ends_at) == (NOW, NOW + timedelta(minutes=4))
    assert alert.labels == {"alertname": "CrmApiDown", "job": "crm"}
    assert alert.annotations == {"summary": "down"}


@pytest.mark.parametrize(
    ("said", "suppressed"),
    [
        (status(silencedBy=["s"]), Suppression.SILENCED),
        (status(inhibitedBy=["i"]), Suppression.INHIBITED),
        (status(silencedBy=["s"], inhibitedBy=["i"]), Suppression.SILENCED),
        (status(), Suppression.SILENCED),
        (status(state="unprocessed"), Suppression.NONE),
    ],
    ids=["silenced", "inhibited", "both", "nobody says why", "just arrived"],
)
def test_who_wants_it_quiet_is_read(said: dict[str, Any], suppressed: Suppression) -> None:
    [alert] = read(wire(status=said)).values()

    assert alert.suppressed is suppressed


@pytest.mark.parametrize(
    ("said", "suppressed"),
    [
        (status(silencedBy=["ours"]), Suppression.NONE),
        (status(silencedBy=["ours", "ours-too"]), Suppression.NONE),
        (status(silencedBy=["ours", "theirs"]), Suppression.SILENCED),
        (status(silencedBy=["ours"], inhibitedBy=["i"]), Suppression.INHIBITED),
        (status(), Suppression.SILENCED),
    ],
    ids=["one of ours", "several of ours", "somebody else's too", "inhibited too", "nobody says why"],
)
def test_our_own_silences_do_not_count(said: dict[str, Any], suppressed: Suppression) -> None:
    body = json.dumps([wire(status=said)]).encode()
    [alert] = read_alerts(body, receiver=None, most=10, own_silences={"ours", "ours-too"}).values()

    assert alert.suppressed is suppressed


def test_only_alerts_of_the_receiver_count() -> None:
    other = wire(fingerprint="00000000000000bb", receivers=[{"name": "default"}])

    assert set(read(wire(), other, receiver="agent")) == {Fingerprint("00000000000000aa")}
    assert len(read(wire(), other)) == 2


def test_an_empty_list_is_a_list() -> None:
    assert read() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"fingerprint": ""},
        {"fingerprint": "a" * 65},
        {"fingerprint": 7},
        {"labels": {"alertname": 7}},
        {"labels": ["alertname"]},
        {"annotations": None},
        {"startsAt": "2026-01-01T12:00:00"},
        {"startsAt": "yesterday"},
        {"startsAt": "0001-01-01T00:00:00+14:00"},
        {"endsAt": None},
        {"status": {"state": "asleep"}},
        {"status": {"state": "active", "silencedBy": [1]}},
        {"status": None},
        {"receivers": None},
    ],
    ids=str,
)
def test_one_wrong_alert_makes_the_list_unusable(wrong: dict[str, Any]) -> None:
    with pytest.raises(AnswerError, match="its list of alerts cannot be read"):
        read(wire(), wire(fingerprint="00000000000000bb") | wrong)


@pytest.mark.parametrize("key", ["fingerprint", "labels", "annotations", "startsAt", "endsAt", "status", "receivers"])
def test_a_key_that_is_missing_makes_the_list_unusable(key: str) -> None:
    alert = wire()
    del alert[key]

    with pytest.raises(AnswerError):
        read(alert)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"<html>", b"[NaN]", b"[0,0]", b"[", b"[[", b"\xff", b"[" * 10_000, b'"x"'],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(AnswerError, match="cannot be read"):
        read_alerts(body, receiver=None, most=10)


def test_more_alerts_than_the_bound_are_refused() -> None:
    alerts = [wire(fingerprint=f"{number:016x}") for number in range(4)]

    assert len(read(*alerts[:3], most=3)) == 3
    with pytest.raises(AnswerError, match=r"it lists 4 alerts, more than 3 \(reconcile\.max_alerts\)"):
        read(*alerts, most=3)


def state(up: object = "2026-01-01T11:00:00Z", cluster: object = "ready") -> bytes:
    return json.dumps({"cluster": {"status": cluster, "peers": []}, "config": {"original": "x"}, "uptime": up}).encode()


def test_how_long_it_is_up_is_told_by_its_own_clock() -> None:
    found = read_state(state(), date="Thu, 01 Jan 2026 11:00:30 GMT", now=NOW)

    assert (found.up_for, found.is_settled) == (timedelta(seconds=30), True)
    assert read_state(state(), date="", now=NOW).up_for == timedelta(hours=1)


@pytest.mark.parametrize(("cluster", "is_settled"), [("disabled", True), ("settling", False), ("", False)])
def test_a_cluster_that_has_not_found_together_is_not_settled(cluster: str, is_settled: bool) -> None:
    assert read_state(state(cluster=cluster), date="", now=NOW).is_settled is is_settled


@pytest.mark.parametrize(
    ("body", "date"),
    [
        (b"", ""),
        (b"{}", ""),
        (state(up="long"), ""),
        (state(up="2026-01-01T11:00:00"), ""),
        (state(cluster=1), ""),
        (state(), "soon"),
        (state(), "Thu, 01 Jan 2026 11:00:30"),
    ],
)
def test_a_state_that_cannot_be_read_is_an_error(body: bytes, date: str) -> None:
    with pytest.raises(AnswerError, match="its status cannot be read"):
        read_state(body, date=date, now=NOW)


def test_receivers_are_read_or_refused() -> None:
    assert read_receivers(b'[{"name": "agent"}, {"name": "default"}]') == ["agent", "default"]
    with pytest.raises(AnswerError, match="its receivers cannot be read"):
        read_receivers(b'["agent"]')
