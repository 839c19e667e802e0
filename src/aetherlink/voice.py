"""The voice of one agent: its outbox, with every channel that the settings name, and its ears in those of Slack."""

import logging
import random
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from aetherlink.approval_commands import ApprovalCommands
from aetherlink.errors import AetherError, SettingsError
from aetherlink.model.ids import ChannelName
from aetherlink.notifiers.registry import open_notifier
from aetherlink.outbox.channel import Surroundings
from aetherlink.outbox.metrics import OutboxMetrics
from aetherlink.outbox.options import routing
from aetherlink.outbox.outbox import Outbox
from aetherlink.ports import Clock, Ears, Ids, Store
from aetherlink.settings import Settings
from aetherlink.store.database import SqlStore

_log = logging.getLogger("aetherlink.app")


@dataclass(frozen=True, slots=True)
class Ground:
    """What a voice is made from."""

    store: SqlStore
    clock: Clock
    ids: Ids
    registry: CollectorRegistry


class Voice:
    """`begin` before anything is stored, then `start`; `stop` ends it. Raises SettingsError."""

    def __init__(self, settings: Settings, ground: Ground) -> None:
        notify = settings.notify
        self._opened = {
            ChannelName(name): open_notifier(one, settings.clients) for name, one in notify.channels.items()
        }
        plans = {name: one.plan(name) for name, one in notify.channels.items()}
        self.outbox = Outbox(
            [(plans[name], opened.notifier) for name, opened in self._opened.items()],
            lambda outbox: Surroundings(
                store=ground.store,
                clock=ground.clock,
                ids=ground.ids,
                routing=routing(notify.routes),
                requests=notify.requests.plan,
                metrics=OutboxMetrics(ground.registry, self._opened),
                newest=lambda: ground.store.tally.number,
                jitter=random.SystemRandom().random,
                wake=outbox.wake,
                link=notify.url or "",
            ),
        )

    async def begin(self) -> None:
        """A channel that is new is told of what is stored from now on."""
        await self.outbox.begin()

    def start(self) -> None:
        """Start telling."""
        self.outbox.start()

    async def stop(self) -> None:
        """Stop telling, then close what was told by."""
        await self.outbox.stop()
        for name, opened in self._opened.items():
            try:
                await opened.aclose()
            except AetherError as problem:
                _log.warning("closing channel %s: %s", name, problem)


def ears(settings: Settings, commands: ApprovalCommands, store: Store, clock: Clock) -> Ears | None:
    """What hears the buttons of Slack; None where no channel has any. Raises SettingsError."""
    slack = {name: one.slack for name, one in settings.notify.channels.items() if one.slack is not None}
    if not any(one.hears for one in slack.values()):
        return None
    try:
        from aetherlink.slackdoor.hearing import Hearing  # noqa: PLC0415 - its SDK is an extra
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"a channel `slack` needs {problem.name}, which is not installed: pip install 'aetherlink[slack]'"
        ) from problem
    return Hearing(slack, commands, store, clock)
