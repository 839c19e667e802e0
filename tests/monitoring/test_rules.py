"""The scrape configuration and the rules: checked and unit-tested by promtool, and whole."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from aetherlink.lab.tools import ToolSet

RULES = Path(__file__).parents[2] / "monitoring" / "rules"
CONTRACT = {
    "AetherAgentBlind",
    "AetherAgentDown",
    "AetherAgentUnwell",
    "CrmApiDown",
    "CrmHighErrorRate",
    "CrmHighLatency",
    "CrmMemoryHigh",
    "CrmPoolExhausted",
    "HealthScoreDegradation",
    "PostgresDown",
    "TargetMissing",
    "Watchdog",
}
SCENARIOS = {
    "all well",
    "killed",
    "killed and repaired",
    "seven minutes of errors and repaired",
    "no traffic",
    "one tenant failing",
}


def _unit_tests() -> list[dict[str, Any]]:
    return [
        case for file in sorted((RULES / "tests").glob("*.yml")) for case in yaml.safe_load(file.read_text())["tests"]
    ]


def test_promtool_accepts_the_configuration_and_its_rules(tools: ToolSet, monitoring: Path) -> None:
    done = subprocess.run(
        [tools.promtool, "check", "config", monitoring / "prometheus-config.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == len(list(RULES.glob("*.yml"))), "a rule file is not read"


@pytest.mark.parametrize("file", sorted((RULES / "tests").glob("*.yml")), ids=lambda file: file.stem)
def test_the_rules_do_what_their_unit_tests_say(tools: ToolSet, file: Path) -> None:
    done = subprocess.run([tools.promtool, "test", "rules", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_jobs_and_their_intervals_are_those_of_the_contract(monitoring: Path) -> None:
    settings = yaml.safe_load((monitoring / "prometheus-config.yml").read_text())

    usual = settings["global"]["scrape_interval"]
    intervals = {job["job_name"]: job.get("scrape_interval", usual) for job in settings["scrape_configs"]}

    assert intervals == {"aether_agent": "10s", "peakpro_crm": "15s", "prometheus": "15s", "alertmanager": "15s"}


def test_the_alerts_are_those_of_the_contract(alert_rules: list[Any]) -> None:
    assert {rule.name for rule in alert_rules} == CONTRACT


def test_every_alert_says_how_bad_of_what_and_why(alert_rules: list[Any]) -> None:
    for rule in alert_rules:
        assert rule.labels["severity"] in {"critical", "warning", "info"}, rule.name
        assert rule.labels["service"], rule.name
        assert rule.annotations.keys() == {"summary", "description"}, rule.name
        assert rule.is_waiting, f"{rule.name} has no `for`"


def test_every_alert_has_a_case_where_it_fires_and_one_where_it_is_silent(alert_rules: list[Any]) -> None:
    checks = [check for case in _unit_tests() for check in case.get("alert_rule_test", ())]
    firing = {check["alertname"] for check in checks if check["exp_alerts"]}
    silent = {check["alertname"] for check in checks if not check["exp_alerts"]}

    names = {rule.name for rule in alert_rules}

    assert names - firing == set()
    assert names - silent == {"Watchdog"}


def test_every_scenario_of_the_health_score_is_tested() -> None:
    assert SCENARIOS - {case["name"] for case in _unit_tests()} == set()


def test_a_broken_rule_is_noticed_by_its_unit_test(stable_tools: ToolSet, tmp_path: Path) -> None:
    """The unit tests can fail: a score that forgets availability does not pass for the real one."""
    (tmp_path / "tests").mkdir()
    text = (RULES / "health_score.yml").read_text()
    broken = text.replace("* on (job) group_left () aether:crm_availability:15m", "")
    assert broken != text
    (tmp_path / "health_score.yml").write_text(broken)
    case = tmp_path / "tests" / "health_score.yml"
    case.write_text((RULES / "tests" / "health_score.yml").read_text())

    done = subprocess.run([stable_tools.promtool, "test", "rules", case], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "aether:health_score:15m:tenant" in done.stdout + done.stderr


@dataclass(slots=True)
class Scores:
    """The four recorded scores of a Prometheus, by window and tenant."""

    prometheus: Any

    def now(self) -> dict[str, float] | None:
        found = self.prometheus.query('{__name__=~"aether:health_score:.*"}')
        scores = {_name(sample["metric"]): round(float(sample["value"][1]), 6) for sample in found}
        return scores if len(scores) == 6 else None

    def if_all_zero(self) -> dict[str, float] | None:
        scores = self.now()
        return scores if scores is not None and set(scores.values()) == {0.0} else None


def _name(metric: dict[str, str]) -> str:
    return " ".join([metric["__name__"].split(":")[2], *([metric["tenant"]] if "tenant" in metric else [])])


def test_a_crm_that_dies_falls_from_100_to_0_at_once_on_a_real_prometheus(
    tools: ToolSet,
    web: Any,
    crm_page: Callable[..., Any],
    start_prometheus: Callable[..., Any],
    eventually: Callable[..., Any],
) -> None:
    """As in the unit tests, but through real scrapes: the histogram's bounds and the stale markers are real here."""
    web.pages["/crm"] = crm_page()
    scores = Scores(start_prometheus(tools, {"peakpro_crm": f"127.0.0.1:{web.port}/crm"}))
    alive = eventually(scores.now, "a score of everybody")

    del web.pages["/crm"]
    eventually(scores.if_all_zero, "a score of 0 for everybody", deadline_seconds=5)

    everybody = ("15m", "1m", "15m acme-corp", "1m acme-corp", "15m vip-umbrella", "1m vip-umbrella")
    assert alive == dict.fromkeys(everybody, 100.0)
