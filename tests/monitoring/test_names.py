"""The names that rules and dashboards ask for are those that the CRM really exposes, labels included."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aetherlink.agent import Agent
from aetherlink.settings import Settings
from peakpro_crm.metrics import Metrics

ROOT = Path(__file__).parents[2] / "monitoring"
ASKING = [*sorted((ROOT / "rules").glob("*.yml")), *sorted((ROOT / "grafana" / "dashboards").glob("*.json"))]


@pytest.fixture
def exposed() -> dict[str, set[str]]:
    """Each series' name and its labels, of a CRM that has answered one request."""
    metrics = Metrics(tenants=["acme-corp"], version="1.0.0")
    metrics.answered("/api/leads", "GET", status=200, tenant="acme-corp", seconds=0.1)
    families = text_string_to_metric_families(metrics.render().decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@pytest.mark.parametrize("file", ASKING, ids=lambda file: file.name)
def test_every_crm_metric_that_is_asked_for_exists(file: Path, exposed: dict[str, set[str]]) -> None:
    asked = set(re.findall(r"(?<![\w:])crm_\w+", file.read_text()))

    assert asked - exposed.keys() == set()


@pytest.fixture(scope="module")
def of_the_agent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Each series' name and its labels, of an agent that tells one channel."""
    folder = tmp_path_factory.mktemp("agent")
    channel = {"webhook": {"url": "http://127.0.0.1:9/"}}
    agent = Agent(Settings(data_dir=folder, notify={"channels": {"chat": channel}}))
    labels: dict[str, set[str]] = {}
    for collector in list(agent.registry._collector_to_names):
        for family in collector.collect():
            seen = (sample.labels for sample in family.samples)
            of_it = {"job", "instance"}.union(getattr(collector, "_labelnames", ()), *seen)
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}
            for end in ends.get(family.type, [""]):
                labels[family.name + end] = of_it | ({"le"} if end == "_bucket" else set())
    return labels


@pytest.mark.parametrize("file", ASKING, ids=lambda file: file.name)
def test_every_metric_of_the_agent_that_is_asked_for_exists_with_its_labels(
    file: Path, of_the_agent: dict[str, set[str]]
) -> None:
    text = file.read_text()
    asked = set(re.findall(r"(?<![\w:])aether_agent_\w+", text)) - {"aether_agent_"}
    grouped = re.findall(r"by \(([\w, ]+)\) \(\w*\(?(aether_agent_\w+)", text)

    assert asked - of_the_agent.keys() == set()
    for by, name in grouped:
        assert set(by.split(", ")) - of_the_agent[name] == set(), (name, by)


def test_the_labels_that_the_score_is_built_on_exist(exposed: dict[str, set[str]]) -> None:
    assert {"status_class", "tenant"} <= exposed["crm_http_requests_total"]
    assert {"status_class", "tenant", "le"} <= exposed["crm_http_request_duration_seconds_bucket"]
    assert {"tenant", "source"} <= exposed["crm_leads_created_total"]
