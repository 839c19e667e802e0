"""How long a page of a long list takes, through the HTTP API, at its beginning and deep inside, with each filter."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from bench import load, stored
from bench.filling import fill
from bench.ground import Ground
from bench.processes import running_agent
from bench.table import Row, show

_ALERTS = 1_000_000
_INCIDENTS = 100_000
_PAGES = 200
_LARGEST = 500  # of a page
_LISTS = ("alerts", "incidents")
_FILTERS: Mapping[str, tuple[str, ...]] = {  # values that match much, little and nothing, for filters that there are
    "status": ("firing", "open", "resolved"),
    "severity": ("critical", "info"),
    "service": ("svc-00007", "svc-unknown"),
    "name": ("ApiDown", "Unknown"),
    "alertname": ("ApiDown", "Unknown"),
    "tenant": ("unknown",),
    "vip": ("true", "false"),
    "origin": ("health",),
    "suppressed": ("true", "false"),
    "source": ("default", "unknown"),
}


async def measure(ground: Ground) -> None:
    """Print the table."""
    load.wrk()
    incidents = ground.count(_INCIDENTS)
    async with running_agent(ground.folder) as agent:
        begun = time.monotonic()
        alerts = await fill(agent, ground.count(_ALERTS), services=incidents)
        filled = time.monotonic() - begun
    await asyncio.to_thread(stored.let_rest, ground.folder)
    async with running_agent(ground.folder) as agent, httpx.AsyncClient(base_url=agent.url, timeout=60) as client:
        rows = [row async for row in _rows(client)]
    show(f"lists: {alerts:,} alerts of {incidents:,} incidents, stored in {filled:.0f} s", rows)


async def _rows(client: httpx.AsyncClient) -> AsyncIterator[Row]:
    described = (await client.get("/openapi.json")).raise_for_status().json()["paths"]
    for name in _LISTS:
        path = f"/api/v1/{name}"
        known = {parameter["name"] for parameter in described[path]["get"].get("parameters", ())}
        asked: list[dict[str, str | int]] = [{}, {"limit": _LARGEST}]
        asked += [{key: value} for key, values in _FILTERS.items() if key in known for value in values]
        for filters in asked:
            times = await _page_times(client, path, filters)
            if times:
                yield _row(name, filters, times)


def _row(name: str, filters: Mapping[str, str | int], times: list[float]) -> Row:
    said = "&".join(f"{key}={value}" for key, value in filters.items())
    p50, p99 = (sorted(times)[int(share * len(times))] for share in (0.5, 0.99))
    what = f"{name}?{said}" if said else name
    measured = f"{p50:.1f} / {p99:.1f} / {max(times):.1f} ms"
    return Row(f"{what}: p50 / p99 / worst of {len(times)}", measured, "" if "limit" in filters else "< 50 ms")


async def _page_times(client: httpx.AsyncClient, path: str, filters: Mapping[str, str | int]) -> list[float]:
    """Pages from the first on, in milliseconds; none where the list does not take this value."""
    times: list[float] = []
    cursor: dict[str, str] = {}
    while len(times) < _PAGES:
        begun = time.perf_counter()
        answer = await client.get(path, params={**filters, **cursor})
        if answer.status_code in (400, 422):
            return []
        page: dict[str, Any] = answer.raise_for_status().json()
        times.append((time.perf_counter() - begun) * 1000)
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    return times
