"""Release 1.1.0 is bad under the very traffic that 1.0.0 bears, measured in real processes."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

Launch = Callable[..., Any]
SECONDS = 3
RATE = 50
TENANTS = ("acme-corp", "globex", "initech", "vip-umbrella")


class Scrape:
    """One scrape's samples."""

    def __init__(self, url: str) -> None:
        families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
        self._samples = [sample for family in families for sample in family.samples]

    def total(self, name: str, **labels: str) -> float:
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())

    def error_ratio(self) -> float:
        requests = self.total("crm_http_requests_total")
        return self.total("crm_http_requests_total", status_class="5xx") / requests

    def slow_ratio(self) -> float:
        quick = self.total("crm_http_request_duration_seconds_bucket", le="0.25")
        return 1 - quick / self.total("crm_http_request_duration_seconds_count")


def under_traffic(launch: Launch, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """Serve, send traffic for some seconds, and return the CRM's address and the last row of the summary."""
    crm = launch("serve", {"CRM_POOL_TIMEOUT_SECONDS": "0.5", **variables})
    traffic = launch(
        "traffic",
        {
            "CRM_TRAFFIC_URL": crm.url(),
            "CRM_TRAFFIC_RATE": str(RATE),
            "CRM_TRAFFIC_DURATION_SECONDS": str(SECONDS),
        },
    )
    assert traffic.popen.wait(30) == 0
    return crm.url(), traffic.log.read_text().splitlines()[-1].split()


def test_the_good_release_answers_all_traffic_well(launch: Launch, database_url: str) -> None:
    url, row = under_traffic(launch, {"CRM_DATABASE_URL": database_url})

    scrape = Scrape(url)
    stages = [httpx.get(f"{url}/api/leads/stages", headers={"X-Tenant": name}).json()["stages"] for name in TENANTS]

    assert row[:8] == ["all", str(RATE * SECONDS), str(RATE * SECONDS), "0", "0", "0", "0", "0"]
    assert scrape.error_ratio() == 0
    assert scrape.slow_ratio() < 0.1
    assert scrape.total("crm_db_pool_in_use") == 0
    assert all(sum(counts.values()) > 0 for counts in stages)
    assert sum(counts["contacted"] for counts in stages) > 0


def test_the_bad_release_shows_in_errors_latency_and_pool(launch: Launch, database_url: str) -> None:
    url, row = under_traffic(launch, {"CRM_DATABASE_URL": database_url, "CRM_RELEASE": "1.1.0"})

    scrape = Scrape(url)

    assert scrape.error_ratio() > 0.2
    assert scrape.slow_ratio() > 0.2
    assert scrape.total("crm_db_pool_in_use") == scrape.total("crm_db_pool_size")
    assert int(row[4]) > 0.2 * RATE * SECONDS  # and the visitors saw it
