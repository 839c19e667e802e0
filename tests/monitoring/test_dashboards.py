"""The Grafana dashboards: the committed JSON is the generated one, and every query of it runs on a real Prometheus."""

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aetherlink.lab.tools import ToolSet
from aetherlink.notifiers import grafana_markings
from aetherlink.policy import rules

GRAFANA = Path(__file__).parents[2] / "monitoring" / "grafana"
DASHBOARDS = {file.stem: json.loads(file.read_text()) for file in sorted((GRAFANA / "dashboards").glob("*.json"))}
WIDTH = 24


def _panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def _queries() -> Iterator[tuple[str, str]]:
    for name, dashboard in DASHBOARDS.items():
        for panel in _panels(dashboard):
            for target in panel["targets"]:
                yield f"{name}, {panel['title']}, {target['refId']}", target["expr"]


def _variables() -> Iterator[tuple[str, str]]:
    """Selector and label of every variable that asks for values."""
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
                assert found, variable["query"]
                yield found[1], found[2]


def _marks() -> Iterator[str]:
    for dashboard in DASHBOARDS.values():
        yield from (mark["expr"] for mark in dashboard["annotations"]["list"] if "expr" in mark)


def _filled_in(expr: str) -> str:
    """As Grafana sends it, with every tenant chosen."""
    filled = expr.replace("$__rate_interval", "5s").replace("$tenant", ".*")
    assert "$" not in filled, f"a variable that the dashboard does not have: {expr}"
    return filled


def test_the_committed_dashboards_are_the_generated_ones(tmp_path: Path) -> None:
    subprocess.run([sys.executable, GRAFANA / "generate.py", tmp_path], check=True)

    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    committed = {file.name: file.read_text() for file in (GRAFANA / "dashboards").iterdir()}

    assert written == committed, "run: python monitoring/grafana/generate.py"


def test_every_query_variable_and_mark_is_answered_with_data_by_a_real_prometheus(
    tools: ToolSet,
    web: Any,
    crm_page: Callable[..., Any],
    agent_page: Any,
    start_prometheus: Callable[..., Any],
) -> None:
    """One test for all of them, because a Prometheus takes five seconds to its first scrape."""
    web.pages |= {"/crm": crm_page(failing="acme-corp"), "/agent": agent_page}
    jobs = {"peakpro_crm": f"127.0.0.1:{web.port}/crm", "aether_agent": f"127.0.0.1:{web.port}/agent"}
    prometheus = start_prometheus(tools, jobs)

    for where, expr in _queries():
        values = [float(sample["value"][1]) for sample in prometheus.data(_filled_in(expr))]
        assert all(math.isfinite(value) for value in values), where
    for match, label in _variables():
        assert prometheus.label_values(label, match) == ["acme-corp", "vip-umbrella"]
    for expr in _marks():
        prometheus.query(_filled_in(expr))  # alerts that fire: none may, but the question must be well put


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_has_its_own_place_a_title_and_a_description(name: str) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in _panels(DASHBOARDS[name]):
        assert panel["title"], panel
        assert panel["description"], panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken.get((x, y))}"
                taken[x, y] = panel["title"]

    rows = {y for _, y in taken}
    assert all((x, y) in taken for y in rows for x in range(WIDTH)), "a row has a hole"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_asks_the_data_source_of_the_dashboard(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["templating"]["list"][0]["type"] == "datasource"

    for panel in _panels(dashboard):
        for asking in (panel, *panel["targets"]):
            assert asking["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]


def test_the_dashboards_are_those_of_the_contract_and_know_what_low_is() -> None:
    assert {dashboard["title"] for dashboard in DASHBOARDS.values()} == {"Agent", "CRM", "Decisions"}

    for dashboard in DASHBOARDS.values():
        scores = [panel for panel in _panels(dashboard) if "health_score" in panel["targets"][0]["expr"]]
        assert scores
        for panel in scores:
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert 60 in [step["value"] for step in steps], panel["title"]


def test_every_dashboard_shows_what_the_agent_records_by_the_tags_that_it_gives() -> None:
    """The two kinds of annotations have one tag each that the other has not."""
    assert (grafana_markings.TAG, grafana_markings.REGION, grafana_markings.POINT) == ("aetherlink", "region", "point")
    for dashboard in DASHBOARDS.values():
        asked = [mark for mark in dashboard["annotations"]["list"] if "target" in mark]

        assert [mark["target"]["tags"] for mark in asked] == [["aetherlink", "region"], ["aetherlink", "point"]]
        for mark in asked:
            assert mark["datasource"] == {"type": "grafana", "uid": "-- Grafana --"}
            assert (mark["enable"], mark["target"]["type"], mark["target"]["matchAny"]) == (True, "tags", False)


def test_dashboards_and_panels_can_be_told_apart() -> None:
    uids = [dashboard["uid"] for dashboard in DASHBOARDS.values()]

    assert sorted(uids) == ["aether-agent", "aether-crm", "aether-decisions"]
    for name, dashboard in DASHBOARDS.items():
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids), name
        marks = [mark["name"] for mark in dashboard["annotations"]["list"]]
        assert len(set(marks)) == len(marks), name


def test_the_rules_that_count_as_budgets_are_rules_of_the_policy() -> None:
    held_back = [expr for _, expr in _queries() if "fleet_budget_holds" in expr]
    [named] = {found for expr in held_back for found in re.findall(r'rule=~"([a-z_|]+)"', expr)}
    known = {rule.__name__ for rule in rules.RULES}

    assert set(named.split("|")) - known == set()
    assert {name for name in known if "budget" in name} - set(named.split("|")) == set()


def test_grafana_is_told_where_prometheus_and_the_dashboards_are() -> None:
    provisioning = GRAFANA / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "aether.yml").read_text())["providers"]
    service = yaml.safe_load((GRAFANA.parent / "docker-compose.yml").read_text())["services"]["grafana"]
    scraping = yaml.safe_load((GRAFANA.parent / "prometheus-config.yml").read_text())["global"]

    assert source["url"] == "http://prometheus:9090"
    assert source["isDefault"] is True
    assert source["jsonData"]["timeInterval"] == scraping["scrape_interval"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in service["volumes"]
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in service["volumes"]
