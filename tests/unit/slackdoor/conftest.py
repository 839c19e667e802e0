"""A desk with what waits for a yes, a Slack that is played, and what hears it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aetherlink.clients.slack_options import SlackOptions, SlackUserOptions
from aetherlink.slackdoor.hearing import Hearing
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock
from rigs.approvals import Desk
from rigs.slack_clicks import SIGNING_SECRET, form, signed
from rigs.slack_server import APP_TOKEN, BOT_TOKEN, CHANNEL, SlackServer

USERS = {
    "U0ANN": SlackUserOptions(name="ann"),
    "U0BOB": SlackUserOptions(name="bob"),
    "U0EVE": SlackUserOptions(name="eve", scopes=()),
}


@pytest.fixture
def desk(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Desk:
    return Desk(store, clock, ids)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    server = await SlackServer().start()
    yield server
    await server.stop()


@dataclass
class House:
    """What hears Slack, for the desk."""

    desk: Desk
    slack: SlackServer
    folder: Path
    made: list[Hearing] = field(default_factory=list)

    def options(self, *, app: bool = False, secrets: tuple[str, ...] = (SIGNING_SECRET,), **more: Any) -> SlackOptions:
        """The settings of the channel, their secrets in files."""
        contents = {"bot": BOT_TOKEN, "app": APP_TOKEN, **{f"secret{place}": one for place, one in enumerate(secrets)}}
        paths = {name: self.folder / name for name in contents}
        for name, path in paths.items():
            path.write_text(contents[name])
        values: dict[str, Any] = {
            "bot_token_file": paths["bot"],
            "channel": CHANNEL,
            "url": self.slack.url,
            "users": USERS,
            "app_token_file": paths["app"] if app else None,
            "signing_secret_file": paths.get("secret0"),
            "previous_signing_secret_file": paths.get("secret1"),
        }
        return SlackOptions(**{**values, **more})

    def hears(self, *options: SlackOptions, **commands: bool) -> Hearing:
        """Made anew, as by a start of the agent."""
        channels = {f"ops-{place}": one for place, one in enumerate(options or (self.options(),))}
        made = Hearing(channels, self.desk.commands(**commands), self.desk.store, self.desk.clock)
        self.made.append(made)
        return made

    async def press(self, hearing: Hearing, payload: object, secret: str = SIGNING_SECRET) -> None:
        """A signed request of now."""
        body = form(payload)
        await hearing.door.take(signed(body, self.desk.clock.now().timestamp(), secret), body)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Who was told what in private, so far."""
        return [(one["user"], one["blocks"][0]["text"]["text"]) for one in self.slack.ephemerals]


@pytest.fixture
async def house(desk: Desk, slack: SlackServer, tmp_path: Path) -> AsyncIterator[House]:
    made = House(desk, slack, tmp_path)
    yield made
    for hearing in made.made:
        await hearing.stop()
