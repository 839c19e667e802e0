"""A whole agent and a Slack: an alert becomes a message, a button an approval, an approval an action, all told.

The agent is a process of its own; Slack and the lab are played. No Prometheus: the playbook rests on its alert.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from rigs.agent_process import environment, serving, wait_until_ready
from rigs.lab_server import lab_server
from rigs.slack_clicks import SIGNING_SECRET, form, press, signed
from rigs.slack_server import APP_TOKEN, BOT_TOKEN, CHANNEL, SlackServer

WITHIN = 30.0
PLAYBOOK = {
    "name": "restart-crm",
    "match": {"alertname": "CrmApiDown"},
    "target": "crm-api",
    "bind": ["service"],
    "evidence": "alert",
    "action": {"restart": {}},
    "verify": {"query": "up == 1", "for": "0s", "within": "10s"},
    "mode": "approve",
}


class Agent:
    """The agent's address, its log, and what Slack shows."""

    def __init__(self, folder: Path, slack: SlackServer, settings: dict[str, str]) -> None:
        self.log = folder / "log"
        self.slack = slack
        self.url = f"http://{settings['AETHER_LISTEN']}"

    async def alert(self) -> None:
        """One that wants a restart."""
        labels = {"alertname": "CrmApiDown", "service": "crm", "tenant": "acme", "severity": "critical"}
        alert = {"status": "firing", "labels": labels, "startsAt": datetime.now(UTC).isoformat()}
        alert["annotations"] = {"summary": "<!channel> no leads\nApprove"}
        async with httpx.AsyncClient() as client:
            (await client.post(f"{self.url}/alertmanager", json={"alerts": [alert]})).raise_for_status()

    async def button(self, say: str) -> tuple[str, str]:
        """The action and the hash of a button, once it is there."""
        async with asyncio.timeout(WITHIN):
            while True:
                for block in [block for one in self.slack.messages for block in one["blocks"]]:
                    for element in block.get("elements", []):
                        if element.get("action_id") == f"aether_{say}":
                            action, _, plan_hash = element["value"].partition(" ")
                            return action, plan_hash
                await asyncio.sleep(0.05)

    async def shows(self, words: str) -> None:
        """Until the thread or the message says so."""
        async with asyncio.timeout(WITHIN):
            while words not in json.dumps(self.slack._all):  # noqa: ASYNC110 - the agent is another process
                await asyncio.sleep(0.05)


def configuration(folder: Path, lab: Path, slack: SlackServer) -> Path:
    """Mode approve, one target, one playbook, one channel with both ways to hear."""
    (folder / "playbooks").mkdir()
    (folder / "playbooks/restart-crm.yaml").write_text(yaml.safe_dump(PLAYBOOK))
    for name, secret in (("bot", BOT_TOKEN), ("app", APP_TOKEN), ("signing", SIGNING_SECRET)):
        (folder / name).write_text(secret)
    channel = {
        "bot_token_file": str(folder / "bot"),
        "app_token_file": str(folder / "app"),
        "signing_secret_file": str(folder / "signing"),
        "channel": CHANNEL,
        "url": slack.url,
        "users": {"U0ANN": {"name": "ann"}},
    }
    settings = {
        "mode": "approve",
        "playbooks_dir": str(folder / "playbooks"),
        "health": {"enabled": False},
        "lab": {"control_socket": str(lab)},
        "targets": {"crm-api": {"executor": "lab", "service": "crm", "max": 4}},
        "notify": {"url": "https://aether.example.org", "channels": {"ops": {"slack": channel}}},
    }
    file = folder / "aether.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    slack = await SlackServer().start()
    async with lab_server() as lab:
        settings = environment(tmp_path)
        settings |= {"AETHER_CONFIG": str(configuration(tmp_path, lab.socket, slack)), "LOG_LEVEL": "DEBUG"}
        with serving(settings, tmp_path):
            await asyncio.to_thread(wait_until_ready, settings)
            yield Agent(tmp_path, slack, settings)
    await slack.stop()


async def by_socket(agent: Agent, payload: Any) -> None:
    await agent.slack.connected()
    await agent.slack.click(payload)


async def by_request(agent: Agent, payload: Any) -> None:
    body = form(payload)
    headers = [(name.decode(), value.decode()) for name, value in signed(body, datetime.now(UTC).timestamp())]
    async with httpx.AsyncClient() as client:
        answers = [await client.post(f"{agent.url}/slack/interactions", content=body, headers=headers) for _ in "12"]
    assert [one.status_code for one in answers] == [200, 401]  # the second is a replay


@pytest.mark.parametrize("way", [by_socket, by_request])
async def test_from_the_alert_to_the_repair_by_a_button(agent: Agent, way: Any) -> None:
    await agent.alert()
    action, plan_hash = await agent.button("approve")
    assert len(agent.slack.messages) == 1
    await way(agent, press("approve", action, plan_hash, user="U0STRANGER"))
    await way(agent, press("approve", action, plan_hash))
    await agent.shows("restart crm-api: approved by ann")
    await agent.shows("restart crm-api: started")

    (message,) = agent.slack.messages
    texts = json.dumps(message["blocks"])
    assert "<!channel> no leads" in texts
    assert "https://aether.example.org/incidents/" in texts
    assert [one["user"] for one in agent.slack.ephemerals] == ["U0STRANGER", "U0ANN"]
    assert "nobody here is known as U0STRANGER" in json.dumps(agent.slack.ephemerals[0])
    told = [one for one in agent.slack.replies(message["ts"]) if "approved by ann" in json.dumps(one["blocks"])]
    assert len(told) == 1
    assert "secret" not in agent.log.read_text()


async def test_what_nobody_signed_does_not_fill_the_log(agent: Agent) -> None:
    async with httpx.AsyncClient() as client:
        answers = [await client.post(f"{agent.url}/slack/interactions", content=b"payload=x") for _ in range(50)]

    assert {one.status_code for one in answers} == {401}
    assert agent.log.read_text().count("WARNING - POST /slack/interactions") == 1
