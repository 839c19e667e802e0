"""What a score is worth when what it rests on ends, on real Prometheus of both generations.

Each job's score is an average over ten minutes: a recorded series that is new at every evaluation, and stays at 100 for
minutes over a target that is dead, over one that is scraped no more, and over a rule that is evaluated no more.
"""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.health.answers import Score
from aetherlink.health.options import HealthOptions
from aetherlink.health.survey import Surveyor
from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.options import LabelOptions
from aetherlink.lab.tools import GENERATIONS, find_tools
from rigs.exposition import Exposition, free_port, wait_for

ROOT = Path(__file__).parents[3]
JOBS = {
    "well": 1,
    "dead": 1,
    "dead_and_bad": 0,
    "lost": 1,
    "removed": 1,
    "unscraped": 1,
    "unruled": 1,
}  # and what each exposes
QUICK = "200ms"
NEVER = "1h"
NAMES = LabelMapping(LabelOptions(), ())


def options(job: str) -> HealthOptions:
    return HealthOptions(
        query=f'shop:score{{job="{job}"}}',
        tenant_query=f'shop:score{{job="{job}"}}',
        max_age=timedelta(seconds=3),
        parts={"uptime": "shop:uptime"},
    )


def scrape_config(ports: dict[str, int], *, is_broken: bool) -> dict[str, Any]:
    jobs = [
        {
            "job_name": job,
            "scrape_interval": NEVER if is_broken and job == "unscraped" else QUICK,
            "scrape_timeout": QUICK,
            "static_configs": [{"targets": [] if is_broken and job == "lost" else [f"127.0.0.1:{port}"]}],
        }
        for job, port in ports.items()
        if not (is_broken and job == "removed")
    ]
    return {"global": {"evaluation_interval": QUICK}, "rule_files": ["rules.yml"], "scrape_configs": jobs}


def rules(*, is_broken: bool) -> dict[str, Any]:
    groups = [
        {
            "name": job,
            "interval": NEVER if is_broken and job == "unruled" else QUICK,
            "rules": [
                {
                    "record": "shop:score",
                    "expr": f'100 * avg by (job) (avg_over_time(shop_ok{{job="{job}"}}[10m]))',
                    "labels": {"tenant": "acme-corp"},
                },
                {"record": "shop:uptime", "expr": f'avg by (job) (avg_over_time(up{{job="{job}"}}[10m]))'},
            ],
        }
        for job in JOBS
    ]
    return {"groups": groups}


@pytest.fixture(scope="module", params=GENERATIONS)
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that had seen every score, after all that could end has ended at once."""
    folder = tmp_path_factory.mktemp("fresh")
    shops = {job: Exposition(job, 0, f"shop_ok {number}\n") for job, number in JOBS.items()}
    for shop in shops.values():
        shop.start()
    ports = {job: shop.port for job, shop in shops.items()}
    _write(folder, ports, is_broken=False)
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        find_tools(request.param, project_dir=ROOT).prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--log.level=warn",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            wait_for(lambda: _number(url, "count(shop:score and on (job) up)") == len(JOBS), "every score is there")
            shops["dead"].kill()
            shops["dead_and_bad"].kill()
            _write(folder, ports, is_broken=True)
            process.send_signal(signal.SIGHUP)
            wait_for(lambda: _number(url, 'count(up{job="lost"})') is None, "the lost target is gone")
            yield url
        finally:
            process.kill()
            for shop in shops.values():
                shop.kill()


def _write(folder: Path, ports: dict[str, int], *, is_broken: bool) -> None:
    (folder / "prometheus.yml").write_text(yaml.safe_dump(scrape_config(ports, is_broken=is_broken)))
    (folder / "rules.yml").write_text(yaml.safe_dump(rules(is_broken=is_broken)))


def _number(url: str, query: str) -> float | None:
    try:
        found = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=5, trust_env=False)
    except httpx.TransportError:
        return None
    result = found.json()["data"]["result"] if found.status_code == 200 else []
    return float(result[0]["value"][1]) if result else None


@pytest.fixture
async def client(broken: str) -> AsyncIterator[PrometheusClient]:
    client = PrometheusClient(broken, ClientOptions())
    yield client
    await client.aclose()


async def score_of(job: str, client: PrometheusClient) -> Score:
    return (await Surveyor(client, options(job), NAMES).look()).whole


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("dead", "everything behind the score is down"),
        ("lost", "nothing tells when the data behind the score were scraped"),
        ("unscraped", "nothing tells when the data behind the score were scraped"),
        ("removed", "the data behind the score are"),
        ("unruled", "its rule is not evaluated any more"),
    ],
)
async def test_a_good_score_over_what_has_ended_is_no_data(client: PrometheusClient, job: str, words: str) -> None:
    """Prometheus itself goes on to answer 100 all the while."""
    deadline = time.monotonic() + 20
    while (score := await score_of(job, client)).value is not None:
        assert time.monotonic() < deadline, f"{job} still counts"
        await asyncio.sleep(0.1)

    assert not score.is_error
    assert words in score.detail
    assert (await client.instant(options(job).query)).value == 100


async def test_a_good_score_over_what_lives_counts_with_its_tenants_and_parts(client: PrometheusClient) -> None:
    sight = await Surveyor(client, options("well"), NAMES).look()

    assert (sight.whole.value, sight.of("acme-corp").value) == (100, 100)
    assert [str(part) for part in sight.parts.of("acme-corp")] == ["uptime (1.00)"]


async def test_a_bad_score_over_a_dead_target_counts(client: PrometheusClient) -> None:
    assert (await score_of("dead_and_bad", client)).value == 0
