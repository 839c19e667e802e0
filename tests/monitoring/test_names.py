"""The names that rules and dashboards ask for are those that the CRM really exposes, labels included."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

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


def test_the_labels_that_the_score_is_built_on_exist(exposed: dict[str, set[str]]) -> None:
    assert {"status_class", "tenant"} <= exposed["crm_http_requests_total"]
    assert {"status_class", "tenant", "le"} <= exposed["crm_http_request_duration_seconds_bucket"]
    assert {"tenant", "source"} <= exposed["crm_leads_created_total"]
