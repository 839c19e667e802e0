"""T02 for requests: an agent that is killed while its request is being answered never sends it again.

The witness is the service: it writes down every request that arrived.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rigs.agent_process import environment, serving, wait_until, wait_until_ready
from rigs.http_service import HttpService, Spoil, http_service

SECONDS = 30  # until something has to have happened, on a busy machine


@pytest.fixture
async def service() -> AsyncIterator[HttpService]:
    async with http_service() as made:
        yield made


def settings_for(folder: Path, service: HttpService) -> dict[str, str]:
    """An agent in mode auto, with one target that is the service."""
    request = {"url": f"{service.url}/purge", "body": "all"}
    http = {"observe": {"url": f"{service.url}/health"}, "requests": {"purge": request}}
    file = folder / "given.yaml"
    file.write_text(
        json.dumps(
            {
                "mode": "auto",
                "targets": {"crm-cache": {"executor": "http", "service": "cache", "http": http}},
                "actions": {"purge": {"http": {"target": "crm-cache", "request": "purge"}}},
            }
        )
    )
    return environment(folder) | {"AETHER_CONFIG": str(file)}


async def asked_to_purge(agent: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=agent, timeout=SECONDS) as client:
        answer = await client.post("/act", json={"action": "purge", "reason": "it is stale"})
    assert answer.status_code == 202, answer.text
    return answer.json()["details"]


def outcome_of(agent: str, action_id: str) -> dict[str, Any]:
    """The action, once it is over."""

    def action() -> dict[str, Any]:
        return httpx.get(f"{agent}/api/v1/actions/{action_id}", timeout=SECONDS).json()

    wait_until(lambda: action()["outcome"] is not None, "the action is over", seconds=SECONDS)
    return action()


async def escalations(agent: str, incident_id: str) -> int:
    async with httpx.AsyncClient(base_url=agent, timeout=SECONDS) as client:
        timeline = (await client.get(f"/api/v1/incidents/{incident_id}/timeline")).json()
    return sum(entry["kind"] == "escalated" for entry in timeline["items"])


async def test_t02_a_request_is_sent_once_by_a_whole_agent(tmp_path: Path, service: HttpService) -> None:
    settings = settings_for(tmp_path, service)
    with serving(settings, tmp_path):
        await asyncio.to_thread(wait_until_ready, settings)
        agent = f"http://{settings['AETHER_LISTEN']}"
        details = await asked_to_purge(agent)
        action = await asyncio.to_thread(outcome_of, agent, details["id"])

    assert (details["decision"], action["verb"], action["request"]) == ("allow", "http", "purge")
    assert action["outcome"] == {"status": "done", "reason": "it was answered with 200"}
    [asked] = service.asked
    assert (asked.path, asked.body, asked.headers["idempotency-key"]) == ("/purge", b"all", details["id"])


async def test_t02_an_agent_killed_while_it_is_answered_sends_nothing_again(
    tmp_path: Path, service: HttpService
) -> None:
    """The service is well all the time: nothing that a look shows may be taken for an answer."""
    settings = settings_for(tmp_path, service)
    service.spoil = Spoil.HANG
    agent = f"http://{settings['AETHER_LISTEN']}"
    with serving(settings, tmp_path) as process:
        await asyncio.to_thread(wait_until_ready, settings)
        service.before = process.kill
        details = await asked_to_purge(agent)
        await asyncio.to_thread(process.wait, SECONDS)
    service.spoil, service.before = None, lambda: None
    with serving(settings, tmp_path):
        await asyncio.to_thread(wait_until_ready, settings)
        action = await asyncio.to_thread(outcome_of, agent, details["id"])
        calls = await escalations(agent, action["incident_id"])

    assert action["outcome"]["status"] == "unknown"
    assert "cannot be seen" in action["outcome"]["reason"]
    assert (len(service.asked), calls) == (1, 1)
