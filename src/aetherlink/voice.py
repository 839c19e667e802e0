"""The voice of one agent: its outbox, with every channel that the settings name, and its ears in those of Slack."""

import contextlib
import logging
import random
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from aetherlink.approval_commands import ApprovalCommands
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AetherError, SettingsError
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.model.ids import ChannelName
from aetherlink.notifiers.opened import Opened
from aetherlink.notifiers.registry import open_notifier
from aetherlink.notify_options import ChannelOptions
from aetherlink.outbox.channel import Surroundings
from aetherlink.outbox.metrics import OutboxMetrics
from aetherlink.outbox.options import routing
from aetherlink.outbox.outbox import Outbox
from aetherlink.outbox.trial import try_out
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
        self._opened = {ChannelName(name): opened(name, one, settings.clients) for name, one in notify.channels.items()}
        plans = {ChannelName(name): one.plan(name) for name, one in notify.channels.items()}
        self._plans = plans
        self._ground = ground
        self._link = notify.url or ""
        self.kinds = {ChannelName(name): one.kind for name, one in notify.channels.items()}
        self.outbox = Outbox(
            [(plans[name], each.notifier) for name, each in self._opened.items()],
            lambda outbox: Surroundings(
                store=ground.store,
                clock=ground.clock,
                ids=ground.ids,
                routing=routing(notify.routes),
                requests=notify.request_plan,
                metrics=OutboxMetrics(ground.registry, self._opened),
                newest=lambda: ground.store.tally.number,
                jitter=random.SystemRandom().random,
                wake=outbox.wake,
                dashboard=settings.dashboard,
                link=self._link,
            ),
        )

    @property
    def problems(self) -> dict[ChannelName, str]:
        """See ports.VoiceView."""
        return self.outbox.problems

    def wake(self, channel: ChannelName) -> None:
        """See ports.VoiceView."""
        self.outbox.wake(channel)

    async def test(self, channel: ChannelName) -> str:
        """See ports.VoiceView."""
        clock, ids = self._ground.clock, self._ground.ids
        notifier = self._opened[channel].notifier
        return await try_out(notifier, self._plans[channel], clock=clock, ids=ids, link=self._link)

    async def begin(self) -> None:
        """A channel that is new is told of what is stored from now on."""
        await self.outbox.begin()

    def start(self) -> None:
        """Start telling."""
        self.outbox.start()

    async def stop(self) -> None:
        """Stop telling, then close what was told by."""
        await self.outbox.stop()
        for name, each in self._opened.items():
            try:
                await each.aclose()
            except AetherError as problem:
                _log.warning("closing channel %s: %s", name, problem)
            except Exception:  # noqa: BLE001 - the named boundary of a channel: a broken one keeps no other open
                _log.exception("closing channel %s", name)


async def test_alone(settings: Settings, name: str) -> str:
    """Test a channel without an agent; what was told where. Raises SettingsError and UndeliveredError."""
    channel = _one_of(settings, name)
    clock = SystemClock()
    async with contextlib.aclosing(opened(name, channel, settings.clients)) as mine:
        link = settings.notify.url or ""
        return await try_out(mine.notifier, channel.plan(name), clock=clock, ids=SortableIds(clock), link=link)


async def account(settings: Settings, name: str) -> str:
    """Whose account a channel speaks with, in words, telling nobody. Raises SettingsError and UndeliveredError."""
    channel = _one_of(settings, name)
    async with contextlib.aclosing(opened(name, channel, settings.clients)) as mine:
        return await mine.notifier.check(deadline=channel.deadline)


def opened(name: str, channel: ChannelOptions, clients: ClientOptions) -> Opened:
    """The notifier of a channel. Raises SettingsError that names the channel."""
    try:
        return open_notifier(channel, clients)
    except SettingsError as problem:
        raise SettingsError(f"notify.channels.{name}: {problem}") from problem


def _one_of(settings: Settings, name: str) -> ChannelOptions:
    """The channel of this name. Raises SettingsError with what there is."""
    channels = settings.notify.channels
    if name not in channels:
        there = f"there are {', '.join(channels)}" if channels else "none is declared"
        raise SettingsError(f"notify.channels: there is no channel {name!r}: {there}")
    return channels[name]


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
