"""A whole agent with nothing declared: an alert in cAdvisor's words restarts the container that it names, and no other.

Docker is a thin daemon, and its own record the witness. There is no Prometheus, so that nobody can tell what it helped.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from rigs import warm_aether
from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.docker_server import DockerServer, compose_labels, docker_server

SECONDS = 60  # until something has to have happened, on a busy machine
PLAYBOOK = """\
name: restart-what-is-named
match: {alertname: ContainerSick}
target: {from: labels, executor: docker}
bind: [name]
evidence: alert
action: {restart: {}}
verify: {query: 'container_last_seen > 0', within: 60s}
mode: auto
"""
CONTAINERS = {"given": "peakpro-crm-1", "not given": "blog-1", "own": "prometheus"}


@pytest.fixture
async def docker() -> AsyncIterator[DockerServer]:
    async with docker_server() as made:
        made.containers.pop()
        made.add("blog-1", compose_labels("web", 1) | {"com.docker.compose.project": "blog"})
        made.add("prometheus", compose_labels("monitor", 1) | {"aether.managed": "true"})
        yield made


def settings_for(folder: Path, docker: DockerServer) -> dict[str, str]:
    (folder / "playbooks").mkdir()
    (folder / "playbooks/one.yaml").write_text(PLAYBOOK)
    file = folder / "given.yaml"
    given = {"host": f"unix://{docker.socket}", "grace": "1s", "projects": ["peakpro"]}
    file.write_text(json.dumps({"mode": "auto", "docker": given, "playbooks_dir": "playbooks"}))
    return environment(folder) | {"AETHER_CONFIG": str(file)}


async def hear(agent: httpx.AsyncClient, container: str) -> None:
    labels = {"alertname": "ContainerSick", "name": container, "instance": "cadvisor:8080", "service": container}
    alert = {"status": "firing", "labels": labels, "startsAt": datetime.now(UTC).isoformat(), "fingerprint": container}
    body = {"version": "4", "status": "firing", "receiver": "agent", "alerts": [alert]}
    answer = await agent.post("/alertmanager", json=body)
    assert answer.status_code == 200, answer.text


async def timeline(agent: httpx.AsyncClient, container: str) -> list[str]:
    incidents = (await agent.get("/api/v1/incidents")).json()["items"]
    [own] = [one["id"] for one in incidents if container in one["title"] or one.get("service") == container]
    entries: list[dict[str, Any]] = (await agent.get(f"/api/v1/incidents/{own}/timeline")).json()["items"]
    return [entry["text"] for entry in entries]


async def test_only_what_was_given_is_restarted_and_of_the_rest_it_is_said_why_not(
    tmp_path: Path, docker: DockerServer
) -> None:
    settings = settings_for(tmp_path, docker)
    with serving(settings, tmp_path):
        await asyncio.to_thread(wait_until_ready, settings)
        async with httpx.AsyncClient(base_url=f"http://{settings['AETHER_LISTEN']}", timeout=SECONDS) as agent:
            for container in CONTAINERS.values():
                await hear(agent, container)
            await asyncio.to_thread(wait_until, lambda: bool(docker.changes), "it is restarted", seconds=SECONDS)
            told = {word: " | ".join(await timeline(agent, name)) for word, name in CONTAINERS.items()}

    assert docker.changes == [("restart", "peakpro-crm-1")]
    assert "restart compose:peakpro.crm" in told["given"]
    assert "name='peakpro-crm-1' means peakpro-crm-1, service crm of project peakpro" in told["given"]
    assert "or set docker.projects: [blog]" in told["not given"]
    assert "is what the agent lives on (prometheus)" in told["own"]


async def test_the_agent_listens_to_what_happens_to_containers_and_who_only_checks_does_not(
    tmp_path: Path, docker: DockerServer
) -> None:
    settings, metric = settings_for(tmp_path, docker), 'aether_agent_events_followed{executor="docker"} 1.0'
    listening = (
        "GET",
        "/events?since=1&filters=%7B%22event%22%3A+%5B%22kill%22%2C+%22die%22%2C+%22stop%22%2C+%22destroy%22%5D%7D",
    )
    await asyncio.to_thread(warm_aether.run, ["check"], settings, tmp_path, timeout=SECONDS)
    checked = [*docker.asked]
    with serving(settings, tmp_path):
        await asyncio.to_thread(wait_until_ready, settings)
        address = f"http://{settings['AETHER_LISTEN']}/metrics"
        await asyncio.to_thread(wait_until, lambda: metric in httpx.get(address).text, "it listens", seconds=SECONDS)

    assert checked
    assert not [url for _, url in checked if url.startswith("/events")]
    assert docker.asked.count(listening) == 1
