"""The health loop and the source watch on a real Prometheus and a real server that dies and comes back."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.health.course import Course
from aetherlink.health.metrics import HealthMetrics
from aetherlink.health.options import HealthOptions
from aetherlink.health.sources import SourceWatch
from aetherlink.health.survey import Surveyor
from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.options import LabelOptions
from aetherlink.lib.clock import SystemClock
from aetherlink.model.ids import SourceName
from aetherlink.model.sources import SourceKind
from aetherlink.testing import START

NAMES = LabelMapping(LabelOptions(), ())


@pytest.fixture
async def client(prometheus_url: str, options: ClientOptions) -> AsyncIterator[PrometheusClient]:
    client = PrometheusClient(prometheus_url, options)
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    ("query", "status", "score"),
    [
        ("vector(85.5)", "ok", 85.5),
        ("scalar(vector(12))", "low", 12.0),
        ("aether:health_score:15m", "no_data", None),
        ("vector(0) / 0", "no_data", None),
        ('label_replace(vector(1), "a", "b", "c", "(")', "error", None),
        ("up", "error", None),
    ],
)
async def test_the_score_is_read_as_prometheus_gives_it(
    client: PrometheusClient, query: str, status: str, score: float | None
) -> None:
    sight = await Surveyor(client, HealthOptions(query=query), NAMES).look()

    assert (Course("", 60.0).take(sight.whole, START).status, sight.whole.value) == (status, score)


async def test_a_source_that_dies_and_comes_back_is_seen_both_times(target: Any, options: ClientOptions) -> None:
    registry = CollectorRegistry()
    client = PrometheusClient(f"http://127.0.0.1:{target.port}", options)
    watch = SourceWatch(
        {SourceKind.PROMETHEUS: {SourceName("lab"): [client]}},
        interval=timedelta(milliseconds=50),
        clock=SystemClock(),
        metrics=HealthMetrics(registry),
    )

    async def until(is_up: float) -> None:
        deadline = time.monotonic() + 10
        labels = {"source": "lab", "kind": "prometheus"}
        while registry.get_sample_value("aether_agent_source_up", labels) != is_up:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    watch.start()
    await until(1)
    target.kill()
    await until(0)
    target.start()
    await until(1)
    await watch.stop()
    await client.aclose()
