"""The fault switchboard: hidden when off; each fault really breaks something and really mends it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

Serve = Callable[..., Any]
ALL: dict[str, dict[str, float]] = {
    "latency": {"seconds": 0.3},
    "errors": {"ratio": 1},
    "pool_leak": {"connections": 5},
    "memory_leak": {"mebibytes": 64},
}


def resident_mebibytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1024 / 1024


async def pool_in_use(crm: httpx.AsyncClient) -> float:
    lines = (await crm.get("/metrics")).text.splitlines()
    return float(next(line for line in lines if line.startswith("crm_db_pool_in_use ")).split()[1])


async def put(crm: httpx.AsyncClient, name: str, **settings: Any) -> None:
    response = await crm.put(f"/faults/{name}", json=settings)
    assert response.status_code == 200, response.text


async def timed(crm: httpx.AsyncClient, **headers: str) -> tuple[int, float]:
    started = time.monotonic()
    response = await crm.get("/api/leads", headers=headers)
    return response.status_code, time.monotonic() - started


async def test_faults_do_not_exist_unless_switched_on(crm: httpx.AsyncClient) -> None:
    answers = [
        await crm.get("/faults"),
        await crm.put("/faults/errors", json={"ratio": 1}),
        await crm.delete("/faults/errors"),
        await crm.delete("/faults"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert "/faults" not in (await crm.get("/openapi.json")).text
    assert (await crm.get("/api/leads")).status_code == 200


async def test_latency_delays_and_lifts(serve: Serve) -> None:
    async with serve(faults_enabled=True) as crm:
        await put(crm, "latency", seconds=0.3)
        delayed = await timed(crm)
        await crm.delete("/faults/latency")
        quick = await timed(crm)

    assert delayed[0] == quick[0] == 200
    assert delayed[1] >= 0.3 > quick[1]


async def test_a_tenants_latency_is_that_tenants_alone(serve: Serve) -> None:
    async with serve(faults_enabled=True) as crm:
        await put(crm, "latency", seconds=0.3, tenant="globex")

        assert (await timed(crm, **{"X-Tenant": "globex"}))[1] >= 0.3 > (await timed(crm))[1]


async def test_errors_hit_a_tenant_and_lift(serve: Serve) -> None:
    async with serve(faults_enabled=True) as crm:
        await put(crm, "errors", ratio=1, tenant="globex")
        globex = await crm.get("/api/leads", headers={"X-Tenant": "globex"})
        acme = await crm.get("/api/leads")
        await crm.delete("/faults/errors")
        after = await crm.get("/api/leads", headers={"X-Tenant": "globex"})

    assert (globex.status_code, acme.status_code, after.status_code) == (500, 200, 200)
    assert globex.headers["content-type"] == "application/problem+json"


async def test_half_of_the_errors_is_about_half(serve: Serve) -> None:
    async with serve(faults_enabled=True) as crm:
        await put(crm, "errors", ratio=0.5)
        answers = [(await crm.get("/api/leads")).status_code for _ in range(100)]

    assert set(answers) == {200, 500}
    assert 25 < answers.count(500) < 75


async def test_a_leaked_pool_is_really_empty_and_refills(serve: Serve) -> None:
    async with serve(faults_enabled=True, pool_size=5, pool_timeout_seconds=0.2) as crm:
        await put(crm, "pool_leak", connections=5)
        leaked = await pool_in_use(crm)
        starved = await crm.get("/api/leads")
        ready = await crm.get("/readyz")
        await crm.delete("/faults/pool_leak")
        mended = await crm.get("/api/leads")

        assert leaked == 5
        assert starved.status_code == 503
        assert starved.headers["content-type"] == "application/problem+json"
        assert ready.status_code == 200  # an empty pool is not a dead database
        assert mended.status_code == 200
        assert await pool_in_use(crm) == 0


async def test_a_partly_leaked_pool_still_serves(serve: Serve) -> None:
    async with serve(faults_enabled=True, pool_size=5) as crm:
        await put(crm, "pool_leak", connections=4)

        assert (await crm.get("/api/leads")).status_code == 200
        assert await pool_in_use(crm) == 4


async def test_a_smaller_leak_gives_the_rest_back(serve: Serve) -> None:
    async with serve(faults_enabled=True, pool_size=5) as crm:
        await put(crm, "pool_leak", connections=5)
        await put(crm, "pool_leak", connections=1)

        assert await pool_in_use(crm) == 1


async def test_more_connections_than_the_pool_has_are_refused(serve: Serve) -> None:
    async with serve(faults_enabled=True, pool_size=5) as crm:
        response = await crm.put("/faults/pool_leak", json={"connections": 6})

        assert response.status_code == 422
        assert "the pool holds 5" in response.json()["detail"]
        assert await pool_in_use(crm) == 0


async def test_leaked_memory_is_resident_and_given_back(serve: Serve) -> None:
    async with serve(faults_enabled=True) as crm:
        before = resident_mebibytes()
        await put(crm, "memory_leak", mebibytes=100)
        leaked = resident_mebibytes()
        await crm.delete("/faults/memory_leak")
        after = resident_mebibytes()

    assert leaked - before > 95
    assert after - before < 20


async def test_a_hang_answers_first_then_blocks_everything_then_ends(serve: Serve) -> None:
    async with serve(faults_enabled=True) as crm:
        await put(crm, "hang", seconds=0.5)
        started = time.monotonic()
        await asyncio.sleep(0.06)  # the fault begins 0.05 s after its answer
        probe = await crm.get("/livez")
        waited = time.monotonic() - started

        assert probe.status_code == 200
        assert waited >= 0.5
        assert (await crm.get("/faults")).json() == {"items": []}


async def test_faults_are_listed_and_lifted_together(serve: Serve) -> None:
    async with serve(faults_enabled=True, pool_size=5) as crm:
        for name, settings in ALL.items():
            await put(crm, name, **settings)
        listed = (await crm.get("/faults")).json()
        lifted = await crm.delete("/faults")

        assert {item["name"]: item["settings"] for item in listed["items"]} == {
            "latency": {"seconds": 0.3, "tenant": None},
            "errors": {"ratio": 1, "tenant": None},
            "pool_leak": {"connections": 5},
            "memory_leak": {"mebibytes": 64},
        }
        assert lifted.json() == {"items": []}
        assert await timed(crm) < (201, 0.3)


@pytest.mark.parametrize("name", ALL)
async def test_lifting_what_is_not_on_is_no_error(serve: Serve, name: str) -> None:
    async with serve(faults_enabled=True) as crm:
        assert (await crm.delete(f"/faults/{name}")).status_code == 200


@pytest.mark.parametrize(
    ("name", "body", "status", "says"),
    [
        pytest.param("fire", {}, 404, "latency, errors, pool_leak, memory_leak, hang", id="an unknown fault"),
        pytest.param("latency", {}, 422, "body.seconds", id="no seconds"),
        pytest.param("latency", {"seconds": -1}, 422, "body.seconds", id="negative seconds"),
        pytest.param("latency", {"seconds": 1, "tenant": "nobody"}, 422, "known are: acme-corp", id="unknown tenant"),
        pytest.param("errors", {"ratio": 1.5}, 422, "body.ratio", id="more than all"),
        pytest.param("errors", {"ratio": 1, "colour": "red"}, 422, "body.colour", id="an unknown setting"),
        pytest.param("memory_leak", {"mebibytes": 10**9}, 422, "body.mebibytes", id="more memory than there is"),
        pytest.param("hang", {"seconds": 10**9}, 422, "body.seconds", id="a hang for years"),
        pytest.param("hang", [], 422, "body", id="a list"),
    ],
)
async def test_wrong_fault_settings_are_refused(serve: Serve, name: str, body: Any, status: int, says: str) -> None:
    async with serve(faults_enabled=True) as crm:
        response = await crm.put(f"/faults/{name}", json=body)

        assert response.status_code == status
        assert says in response.json()["detail"]
        assert (await crm.get("/faults")).json() == {"items": []}
