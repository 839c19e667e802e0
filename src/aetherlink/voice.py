"""The voice of one agent: its outbox, with every channel that the settings name."""

import logging
import random
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from aetherlink.errors import AetherError
from aetherlink.model.ids import ChannelName
from aetherlink.notifiers.registry import open_notifier
from aetherlink.outbox.channel import Surroundings
from aetherlink.outbox.metrics import OutboxMetrics
from aetherlink.outbox.options import routing
from aetherlink.outbox.outbox import Outbox
from aetherlink.ports import Clock, Ids
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
                dashboard=settings.dashboard,
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
