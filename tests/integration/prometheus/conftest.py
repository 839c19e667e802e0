"""A real Prometheus that scrapes small exposition servers every 200 ms, and a real Alertmanager.

Prometheus takes five seconds to notice new targets; so all are configured at the start, and each test is handed one
that no other test has touched.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aetherlink.clients.options import ClientOptions
from aetherlink.lab.tools import ToolSet, find_tools
from rigs.exposition import Exposition, free_port, wait_for

TARGETS = 16
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def tools() -> ToolSet:
    return find_tools("stable", project_dir=ROOT)


@pytest.fixture(scope="module")
def targets() -> Iterator[list[Exposition]]:
    made = [Exposition(f"job{number}", 0) for number in range(TARGETS)]
    for target in made:
        target.start()
    yield made
    for target in made:
        target.kill()


@pytest.fixture
def target(targets: list[Exposition]) -> Iterator[Exposition]:
    """A live target that no other test has had."""
    mine = targets.pop()
    yield mine
    mine.kill()


def answers(url: str, *, containing: str = "") -> bool:
    try:
        response = httpx.get(url, timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return response.status_code == 200 and containing in response.text


@pytest.fixture(scope="module")
def prometheus_url(
    tools: ToolSet, targets: list[Exposition], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """It scrapes all the time, so it does not outlive the tests that want it."""
    folder = tmp_path_factory.mktemp("prometheus")
    jobs = "\n".join(
        f"  - {{job_name: {one.job}, static_configs: [{{targets: ['127.0.0.1:{one.port}']}}]}}" for one in targets
    )
    config = folder / "prometheus.yml"
    config.write_text(f"global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n{jobs}\n")
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    arguments += [f"--web.listen-address={url.removeprefix('http://')}", "--log.level=warn"]
    first = f"{url}/api/v1/query?query=count(up)=={len(targets)}"
    with (folder / "log").open("w") as log, subprocess.Popen([tools.prometheus, *arguments], stderr=log) as process:
        try:
            wait_for(lambda: answers(f"{url}/-/ready"), "Prometheus is ready")
            wait_for(lambda: answers(first, containing="value"), "every target was scraped")
            yield url
        finally:
            process.kill()


@pytest.fixture(scope="session")
def alertmanager_url(tools: ToolSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("alertmanager")
    config = folder / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [f"--config.file={config}", f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    arguments += [f"--web.listen-address={url.removeprefix('http://')}", "--log.level=warn"]
    with (folder / "log").open("w") as log, subprocess.Popen([tools.alertmanager, *arguments], stderr=log) as process:
        try:
            wait_for(lambda: answers(f"{url}/-/ready"), "Alertmanager is ready")
            yield url
        finally:
            process.kill()


@pytest.fixture
def options() -> ClientOptions:
    return ClientOptions()
