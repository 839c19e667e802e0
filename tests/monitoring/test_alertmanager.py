"""Who hears which alert: as amtool reads the routes, and as a real Alertmanager delivers."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from aetherlink.lab.tools import ToolSet

OWN = {"AetherAgentDown", "AetherAgentBlind"}
CONFIG = Path(__file__).parents[2] / "monitoring" / "alertmanager.yml"


def _receivers(tools: ToolSet, labels: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [tools.amtool, "config", "routes", "test", f"--config.file={CONFIG}", *(f"{k}={v}" for k, v in labels.items())],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().split(",")


def test_amtool_accepts_the_configuration(tools: ToolSet) -> None:
    done = subprocess.run([tools.amtool, "check-config", CONFIG], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_still_reaches_the_default_receiver_and_the_agent_as_well(
    tools: ToolSet, alert_rules: list[Any]
) -> None:
    for rule in alert_rules:
        expected = ["default"] if rule.name in OWN else ["agent", "default"]
        labels = {"alertname": rule.name, **rule.labels, "service": "some-service"}
        assert _receivers(tools, labels) == expected, rule.name


def test_alerts_of_rules_that_are_not_ours_reach_both_too(tools: ToolSet) -> None:
    assert _receivers(tools, {"alertname": "HostOutOfDisk", "team": "infra"}) == ["agent", "default"]
    assert _receivers(tools, {"severity": "critical"}) == ["agent", "default"]


def test_no_alert_is_inhibited_and_none_is_cut_out_of_its_group() -> None:
    settings = yaml.safe_load(CONFIG.read_text())
    [webhook] = next(one for one in settings["receivers"] if one["name"] == "agent")["webhook_configs"]

    assert "inhibit_rules" not in settings
    assert webhook["send_resolved"] is True
    assert webhook["max_alerts"] == 0
    assert webhook["url"] == "http://aether-agent:8080/alertmanager"


def test_a_real_alertmanager_tells_both_and_proves_to_the_agent_who_it_is(
    tools: ToolSet,
    web: Any,
    tmp_path: Path,
    start_alertmanager: Callable[..., str],
    eventually: Callable[..., Any],
) -> None:
    token = tmp_path / "webhook.token"
    token.write_text("let-me-in-please-0123456789\n")
    url = start_alertmanager(tools, _delivering_here(web.port, token))

    _fire(url, "CrmApiDown", "AetherAgentDown", "AetherAgentBlind")

    eventually(lambda: web.alerts_at("/default") >= {"CrmApiDown", *OWN} or None, "the default receiver")
    eventually(lambda: web.alerts_at("/alertmanager") or None, "the agent")
    assert web.alerts_at("/alertmanager") == {"CrmApiDown"}
    headers = next(headers for path, headers, _ in web.posts if path == "/alertmanager")
    assert headers["Authorization"] == "Bearer let-me-in-please-0123456789"


def _delivering_here(port: int, token: Path) -> dict[str, Any]:
    """The shipped settings, with the receivers on this machine and without the waits of the default receiver."""
    settings: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    settings["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    receivers = {one["name"]: one["webhook_configs"] for one in settings["receivers"]}
    receivers["default"].append({"url": f"http://127.0.0.1:{port}/default"})
    receivers["agent"][0]["url"] = f"http://127.0.0.1:{port}/alertmanager"
    receivers["agent"][0]["http_config"]["authorization"]["credentials_file"] = str(token)
    return settings


def _fire(url: str, *names: str) -> None:
    now = datetime.now(UTC).isoformat()
    alerts = [{"labels": {"alertname": name}, "startsAt": now} for name in names]
    httpx.post(f"{url}/api/v2/alerts", json=alerts).raise_for_status()
