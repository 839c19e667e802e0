"""What `aether init` proposes for `absent()` of a container, on a real Prometheus: a blind eye is no absence."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.adoption.judging import judged
from aetherlink.adoption.stack import Scraped, Stack, StackRule
from aetherlink.adoption.workloads import workload
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.lib.clock import SystemClock
from aetherlink.model.decisions import EvidenceStatus
from aetherlink.model.ids import SourceName
from aetherlink.playbooks.binding import bind_query
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.options import ProbeOptions
from aetherlink.probes.prometheus import PrometheusProbe

LAB = SourceName("lab")


@pytest.fixture
async def probe(prometheus_url: str, options: ClientOptions) -> AsyncIterator[PrometheusProbe]:
    client = PrometheusClient(prometheus_url, options)
    limits = ProbeOptions(max_age=timedelta(seconds=5))
    yield PrometheusProbe({LAB: client}, limits, clock=SystemClock(), metrics=ProbeMetrics(CollectorRegistry()))
    await client.aclose()


async def until(probe: PrometheusProbe, query: str, status: EvidenceStatus) -> None:
    deadline = time.monotonic() + 15
    while (evidence := await probe.check(LAB, query)).status is not status:
        assert time.monotonic() < deadline, evidence
        await asyncio.sleep(0.05)


async def test_an_absent_container_is_evidence_only_while_the_eye_is_open(probe: PrometheusProbe, target: Any) -> None:
    jenkins = workload(project="shop", service="jenkins", container="jenkins", image="jenkins")
    rule = StackRule("jenkins_down", 'absent(container_memory_usage_bytes{name="jenkins"})')
    eye = Scraped(target.job, f"127.0.0.1:{target.port}", "cadvisor")
    [verdict] = judged(Stack((rule,), (eye,), (jenkins,)), load_playbooks(None))
    [draft] = verdict.drafts
    when = bind_query(draft.when, draft.bind, {"alertname": "jenkins_down", "name": "jenkins"})

    target.text = 'container_memory_usage_bytes{name="other"} 1\n'
    await until(probe, when, EvidenceStatus.HOLDS)
    target.text += (
        f'container_memory_usage_bytes{{name="jenkins"}} 1\ncontainer_last_seen{{name="jenkins"}} {time.time()}\n'
    )
    await until(probe, when, EvidenceStatus.DOES_NOT_HOLD)
    await until(probe, draft.verify, EvidenceStatus.HOLDS)
    target.kill()

    await until(probe, f'up{{job="{target.job}"}} == 0', EvidenceStatus.HOLDS)
    blind = await probe.check(LAB, when)
    assert blind.status is EvidenceStatus.DOES_NOT_HOLD, blind
    assert (await probe.check(LAB, draft.verify)).status is EvidenceStatus.NO_DATA
