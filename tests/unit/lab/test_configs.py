"""monitoring/ is rewritten for one machine: addresses, intervals, waits; strangers are left out."""

from pathlib import Path
from typing import Any

import pytest

from aetherlink.lab import configs
from aetherlink.lab.errors import LabSettingsError

LAB = configs.LabAddresses(
    hosts={
        "prometheus": "127.0.0.1:1",
        "localhost:9090": "127.0.0.1:1",
        "alertmanager": "127.0.0.1:2",
        "agent": "127.0.0.1:3",
    },
    instances={"127.0.0.1:1": "prometheus", "127.0.0.1:2": "alertmanager", "127.0.0.1:3": "agent"},
    crm_targets=Path("/lab/crm.json"),
    rules=Path("/lab/rules"),
    webhook_token=Path("/lab/token"),
    interval=1.0,
)


def _scrape(**more: Any) -> dict[str, Any]:
    jobs = [
        {"job_name": "peakpro_crm", "scrape_interval": "15s", "dns_sd_configs": [{"names": ["crm"]}]},
        {"job_name": "prometheus", "static_configs": [{"targets": ["localhost:9090"]}]},
        {
            "job_name": "a",
            "scrape_interval": "10s",
            "static_configs": [{"targets": ["agent:8080", "db.example:9187"], "labels": {"team": "x"}}],
        },
    ]
    return {"global": {"scrape_interval": "15s", "external_labels": {"env": "x"}}, "scrape_configs": jobs, **more}


def _jobs(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {job["job_name"]: job for job in config["scrape_configs"]}


def test_targets_become_loopback_ports_and_strangers_are_left_out() -> None:
    jobs = _jobs(configs.prometheus(_scrape(), LAB))

    assert jobs["prometheus"]["static_configs"][0]["targets"] == ["127.0.0.1:1"]
    named = {"targets": ["127.0.0.1:3"], "labels": {"team": "x", "instance": "agent"}}
    assert jobs["a"] == {"job_name": "a", "static_configs": [named]}


def test_the_crms_replicas_are_discovered_from_the_labs_file() -> None:
    job = _jobs(configs.prometheus(_scrape(), LAB))["peakpro_crm"]

    assert job["file_sd_configs"][0]["files"] == ["/lab/crm.json"]
    assert "dns_sd_configs" not in job
    assert "scrape_interval" not in job


def test_scrapes_and_evaluations_run_at_the_labs_interval_with_a_shorter_timeout() -> None:
    settings = configs.prometheus(_scrape(), LAB)["global"]

    assert settings == {
        "scrape_interval": "1s",
        "scrape_timeout": "800ms",
        "evaluation_interval": "1s",
        "external_labels": {"env": "x"},
    }


def test_samples_are_sent_nowhere() -> None:
    config = configs.prometheus(_scrape(remote_write=[{"url": "http://elsewhere.example"}]), LAB)

    assert "remote_write" not in config


def test_alerts_go_to_the_labs_alertmanager() -> None:
    source = _scrape(alerting={"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]})

    config = configs.prometheus(source, LAB)

    assert config["alerting"] == {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:2"]}]}]}


def test_without_the_crms_job_the_lab_refuses_to_start_blind() -> None:
    with pytest.raises(LabSettingsError, match="peakpro_crm"):
        configs.prometheus({"scrape_configs": []}, LAB)


@pytest.mark.parametrize(("asked", "given"), [("5m", "2s"), ("2s", "2s"), ("1s", "1s"), ("0s", "0s")])
def test_alerts_wait_two_intervals_at_most(asked: str, given: str) -> None:
    source = {"groups": [{"name": "g", "interval": "30s", "rules": [{"alert": "A", "expr": "x", "for": asked}]}]}

    (group,) = configs.rules(source, 1.0)["groups"]

    assert group["interval"] == "1s"
    assert group["rules"] == [{"alert": "A", "expr": "x", "for": given}]


def test_a_wait_that_is_no_duration_is_refused_with_its_text() -> None:
    with pytest.raises(LabSettingsError, match="soon"):
        configs.rules({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "x", "for": "soon"}]}]}, 1.0)


def test_every_route_tells_at_once_and_keeps_its_matchers() -> None:
    source = {
        "route": {
            "receiver": "d",
            "group_wait": "30s",
            "routes": [{"receiver": "a", "matchers": ["x"], "continue": True}],
        },
        "receivers": [{"name": "d"}, {"name": "a"}],
    }

    route = configs.alertmanager(source, LAB)["route"]

    assert route["group_wait"] == "0s"
    assert route["group_interval"] == "1s"
    (below,) = route["routes"]
    assert below == {"receiver": "a", "matchers": ["x"], "continue": True, "group_wait": "0s", "group_interval": "1s"}


def test_only_webhooks_that_end_in_this_lab_are_kept() -> None:
    hook = {"url": "http://agent:8080/alertmanager", "send_resolved": True, "http_config": {"follow_redirects": False}}
    receiver = {
        "name": "a",
        "webhook_configs": [hook, {"url": "https://pager.example/x"}],
        "slack_configs": [{"channel": "#ops"}],
    }

    (told,) = configs.alertmanager({"route": {"receiver": "a"}, "receivers": [receiver]}, LAB)["receivers"]

    assert told["webhook_configs"] == [
        {
            "url": "http://127.0.0.1:3/alertmanager",
            "send_resolved": True,
            "http_config": {
                "follow_redirects": False,
                "authorization": {"type": "Bearer", "credentials_file": "/lab/token"},
            },
        }
    ]
    assert "slack_configs" not in told


def test_settings_are_laid_over_mapping_by_mapping() -> None:
    merged = configs.merge({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"c": 3}, "d": [2], "e": 4})

    assert merged == {"a": {"b": 1, "c": 3}, "d": [2], "e": 4}


@pytest.mark.parametrize(("value", "text"), [(1.0, "1s"), (0.8, "800ms"), (0.2, "200ms"), (60.0, "60s")])
def test_durations_are_written_in_whole_units(value: float, text: str) -> None:
    assert configs.seconds(value) == text
