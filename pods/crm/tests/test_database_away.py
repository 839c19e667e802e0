"""When the database is away, frozen or broken: 503 within bounds, a true gauge, and recovery without a restart."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import psycopg
import pytest

from peakpro_crm.database import libpq_url

Serve = Callable[..., Any]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
LEAD = {"name": "Ada", "email": "ada@example.org"}


def database_up_is(crm: httpx.AsyncClient, value: str) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return f"crm_database_up {value}" in (await crm.get("/metrics")).text

    return condition


async def test_an_absent_database_is_503_and_comes_back(serve: Serve, proxy: Any, until: Until) -> None:
    async with serve(database_url=proxy.url, database_check_seconds=0.1) as crm:
        assert (await crm.post("/api/leads", json=LEAD)).status_code == 201

        await proxy.shut()
        refused = await crm.post("/api/leads", json=LEAD)
        await until(database_up_is(crm, "0.0"))
        ready, alive = await crm.get("/readyz"), await crm.get("/livez")

        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "1"
        assert "the database did not answer" in refused.json()["detail"]
        assert (ready.status_code, alive.status_code) == (503, 200)

        await proxy.open()
        await until(database_up_is(crm, "1.0"))

        assert (await crm.get("/readyz")).status_code == 200
        assert (await crm.post("/api/leads", json=LEAD)).status_code == 201


async def test_a_frozen_database_is_seen_within_the_deadline(serve: Serve, proxy: Any, until: Until) -> None:
    async with serve(database_url=proxy.url, database_check_seconds=0.1) as crm:
        proxy.freeze()
        started = time.monotonic()
        await until(database_up_is(crm, "0.0"))

        assert time.monotonic() - started < 4
        assert (await crm.get("/readyz")).status_code == 503
        await proxy.shut()


async def test_a_crm_without_a_database_starts_and_says_so(serve: Serve) -> None:
    async with serve(database_url="postgresql+psycopg://crm@127.0.0.1:1/crm") as crm:
        answers = [await crm.get("/api/leads"), await crm.get("/readyz")]

        assert [answer.status_code for answer in answers] == [503, 503]
        assert "crm_database_up 0.0" in (await crm.get("/metrics")).text
        assert (await crm.get("/livez")).status_code == 200


async def test_a_query_that_takes_too_long_is_503(serve: Serve, database_url: str) -> None:
    async with serve(statement_timeout_seconds=0.2) as crm:
        lead = (await crm.post("/api/leads", json=LEAD)).json()
        with psycopg.connect(libpq_url(database_url)) as rival:
            rival.execute("SELECT 1 FROM leads FOR UPDATE")

            response = await crm.patch(f"/api/leads/{lead['id']}", json={"name": "Ben"})

    assert response.status_code == 503


async def test_what_nobody_foresaw_is_a_500_problem_that_counts_and_is_logged(
    serve: Serve, own_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(database_url=own_database_url) as crm:
        with psycopg.connect(libpq_url(own_database_url)) as vandal:
            vandal.execute("ALTER TABLE leads RENAME COLUMN note TO remark")
            vandal.commit()

        response = await crm.get("/api/leads")
        metrics = (await crm.get("/metrics")).text

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "note" not in response.text  # what broke is for the log
    assert "unforeseen error in GET /api/leads" in caplog.text
    assert 'route="/api/leads",status_class="5xx"' in metrics


async def test_more_requests_than_admitted_are_503_at_once(serve: Serve) -> None:
    async with serve(faults_enabled=True, max_in_flight=1) as crm:
        await crm.put("/faults/latency", json={"seconds": 0.3})
        answers = await asyncio.gather(crm.get("/api/leads"), crm.get("/api/leads"))

    assert sorted(answer.status_code for answer in answers) == [200, 503]
