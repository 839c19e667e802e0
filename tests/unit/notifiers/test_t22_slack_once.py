"""T22: through the real outbox, whatever Slack does, each incident is one message and each entry once in its thread."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.clients.slack import SlackClient
from aetherlink.clients.slack_options import SlackOptions
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers.slack import SlackNotifier
from aetherlink.outbox.plan import ChannelPlan
from aetherlink.simulation.memory_store import MemoryStore
from aetherlink.testing import ManualClock
from rigs.outbox import CHAT, Rig
from rigs.slack_server import BOT_TOKEN, CHANNEL, PROBLEMS, SlackServer

INCIDENTS = 3
TROUBLE = [one for one in PROBLEMS if one != "huge"]
KINDS = [EventKind.DECIDED, EventKind.APPROVAL_ASKED, EventKind.ACTION_STARTED, EventKind.ESCALATED, EventKind.VERIFIED]
SAID = re.compile(r"\d\d:\d\d:\d\d entry (\d+) of (\d+)")


class World:
    """The outbox, with a Slack that fails as a seed says."""

    def __init__(self, slack: SlackServer, client: SlackClient) -> None:
        plan = ChannelPlan(CHAT, spacing=timedelta(0), deadline=timedelta(seconds=0.5))
        self.slack = slack
        self.notifier = SlackNotifier(client, has_buttons=True, spacing=0.0)
        self.rig = Rig(MemoryStore(), ManualClock(), {CHAT: plan}, notifiers={CHAT: self.notifier})  # type: ignore[dict-item]  # the real one in the place of the recording one
        self.told = [0] * (INCIDENTS + 1)

    async def happens(self, number: int, kind: EventKind) -> None:
        """One more entry of an incident."""
        self.told[number] += 1
        await self.rig.happens(number, kind, f"entry {self.told[number]} of {number}")

    async def dies(self, chance: random.Random) -> None:
        """The agent is killed in the middle of telling, and starts again on what was stored."""
        look = asyncio.ensure_future(self.rig.channels[CHAT].look())
        await asyncio.wait([look], timeout=chance.choice([0.001, 0.01, 0.03]))
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)
        await self.rig.start()

    def thread(self, number: int) -> list[int]:
        """The entries of one incident as its thread tells them, in their order."""
        (message,) = (one for one in self.slack.messages if f"CrmApiDown {number}" in json.dumps(one["blocks"]))
        text = json.dumps([one["blocks"] for one in self.slack.replies(message["ts"])])
        return [int(place) for place, of in SAID.findall(text) if of == str(number)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    slack = await SlackServer().start()
    (tmp_path / "bot").write_text(BOT_TOKEN)
    client = SlackClient(SlackOptions(bot_token_file=tmp_path / "bot", channel=CHANNEL, url=slack.url))
    yield World(slack, client)
    await client.aclose()
    await slack.stop()


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_and_nothing_is_said_twice(world: World, seed: int) -> None:
    chance = random.Random(seed)
    await world.rig.start()
    for number in range(1, INCIDENTS + 1):
        await world.rig.opened(number)
    for _ in range(12):
        world.slack.script(*(chance.choice([*TROUBLE, "well", "well", "well"]) for _ in range(chance.randrange(4))))
        await world.happens(chance.randint(1, INCIDENTS), chance.choice(KINDS))
        if chance.random() < 0.3:
            await world.dies(chance)
        await world.rig.pass_time(chance.choice([1, 5, 40]), (CHAT,), step=0.5)
    world.slack.lapses.clear()
    await world.rig.pass_time(4000, (CHAT,), step=20)

    assert len(world.slack.messages) == INCIDENTS
    for number in range(1, INCIDENTS + 1):
        assert world.thread(number) == list(range(1, world.told[number] + 1))
