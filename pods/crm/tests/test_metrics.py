"""The metrics as Prometheus reads them: names, labels, and what counts."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

REQUEST = {"route", "method", "status_class", "tenant"}
CONTRACT = {
    "crm_leads_created_total": {"tenant", "source"},
    "crm_http_requests_total": REQUEST,
    "crm_http_request_duration_seconds_bucket": REQUEST | {"le"},
    "crm_http_request_duration_seconds_count": REQUEST,
    "crm_http_request_duration_seconds_sum": REQUEST,
    "crm_db_pool_in_use": set(),
    "crm_db_pool_size": set(),
    "crm_db_pool_wait_seconds_bucket": {"le"},
    "crm_db_pool_wait_seconds_count": set(),
    "crm_db_pool_wait_seconds_sum": set(),
    "crm_database_up": set(),
    "crm_build_info": {"version"},
    "process_resident_memory_bytes": set(),
    "process_cpu_seconds_total": set(),
    "process_start_time_seconds": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
    "process_virtual_memory_bytes": set(),
}
LEAD = {"name": "Ada", "email": "ada@example.org", "source": "web"}


async def scraped(crm: httpx.AsyncClient) -> list[Sample]:
    response = await crm.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"

    def samples() -> Iterator[Sample]:
        for family in text_string_to_metric_families(response.text):
            yield from family.samples

    return list(samples())


async def requests(crm: httpx.AsyncClient) -> dict[tuple[str, str, str, str], float]:
    return {
        (sample.labels["route"], sample.labels["method"], sample.labels["status_class"], sample.labels["tenant"]): (
            sample.value
        )
        for sample in await scraped(crm)
        if sample.name == "crm_http_requests_total"
    }


async def test_every_metric_of_the_contract_is_there_with_exactly_its_labels(crm: httpx.AsyncClient) -> None:
    await crm.post("/api/leads", json=LEAD)

    labels: dict[str, set[frozenset[str]]] = {}
    for sample in await scraped(crm):
        labels.setdefault(sample.name, set()).add(frozenset(sample.labels))

    assert labels == {name: {frozenset(names)} for name, names in CONTRACT.items()}


async def test_durations_have_the_bounds_that_the_objectives_use(crm: httpx.AsyncClient) -> None:
    await crm.get("/api/leads")

    bounds = {s.labels["le"] for s in await scraped(crm) if s.name == "crm_http_request_duration_seconds_bucket"}

    assert {"0.25", "0.5", "1.0"} <= bounds


async def test_requests_are_counted_by_template_never_by_path(crm: httpx.AsyncClient) -> None:
    lead = (await crm.post("/api/leads", json=LEAD)).json()
    await crm.get(f"/api/leads/{lead['id']}")
    await crm.get("/api/leads/00000000-0000-0000-0000-000000000000")
    await crm.get("/api/leads/stages", headers={"X-Tenant": "globex"})
    await crm.get("/nowhere/4711")
    await crm.put("/api/leads", json=LEAD)
    await crm.request("BREW", "/api/leads")

    assert await requests(crm) == {
        ("/api/leads", "POST", "2xx", "acme-corp"): 1,
        ("/api/leads/{lead_id}", "GET", "2xx", "acme-corp"): 1,
        ("/api/leads/{lead_id}", "GET", "4xx", "acme-corp"): 1,
        ("/api/leads/stages", "GET", "2xx", "globex"): 1,
        ("unmatched", "GET", "4xx", "acme-corp"): 1,
        ("/api/leads", "PUT", "4xx", "acme-corp"): 1,
        ("/api/leads", "other", "4xx", "acme-corp"): 1,
    }


async def test_strangers_names_never_become_labels(crm: httpx.AsyncClient) -> None:
    await crm.get("/api/leads", headers={"X-Tenant": "mallory-1"})
    await crm.get("/api/leads", headers={"X-Tenant": "mallory-2"})

    assert await requests(crm) == {("/api/leads", "GET", "4xx", "other"): 2}


async def test_probes_and_scrapes_do_not_count_as_requests(crm: httpx.AsyncClient) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert (await crm.get(path)).status_code == 200

    assert await requests(crm) == {}


async def test_a_repeated_create_counts_one_lead(crm: httpx.AsyncClient) -> None:
    for _ in range(2):
        await crm.post("/api/leads", json=LEAD, headers={"Idempotency-Key": "one"})

    created = {
        (sample.labels["tenant"], sample.labels["source"]): sample.value
        for sample in await scraped(crm)
        if sample.name == "crm_leads_created_total"
    }

    assert created.pop(("acme-corp", "web")) == 1
    assert len(created) == 4 * 5 - 1  # every tenant and source is there from the start, at 0
    assert set(created.values()) == {0}


@pytest.mark.parametrize("release", ["1.0.0", "1.1.0"])
async def test_build_info_tells_which_release_runs(serve: Callable[..., Any], release: str) -> None:
    async with serve(release=release) as crm:
        infos = [sample for sample in await scraped(crm) if sample.name == "crm_build_info"]

    assert [(info.labels, info.value) for info in infos] == [({"version": release}, 1)]
