"""All channels of one agent."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from aetherlink.lib.periodic import Periodic
from aetherlink.model.ids import ChannelName
from aetherlink.outbox.channel import Channel, Surroundings
from aetherlink.outbox.plan import ChannelPlan
from aetherlink.ports import Notifier

_log = logging.getLogger("aetherlink.outbox")

_LOOKED_AT_EVERY = timedelta(seconds=5)
_COUNTED_EVERY = timedelta(minutes=1)  # all that is kept, a year of it and more
_STUCK_AFTER = 60.0  # seconds without a look: more than any attempt and any rest between two looks


class Outbox:
    """`begin` before anything is stored, then `start`; `stop` ends it."""

    def __init__(
        self, channels: Sequence[tuple[ChannelPlan, Notifier]], surroundings: Callable[["Outbox"], Surroundings]
    ) -> None:
        self._around = surroundings(self)
        self._channels = {plan.name: Channel(plan, notifier, self._around) for plan, notifier in channels}
        self._measuring = [
            Periodic("outbox", self._look, every=_LOOKED_AT_EVERY, log=_log),
            Periodic("outbox's count", self._count, every=_COUNTED_EVERY, log=_log),
        ]

    async def begin(self) -> None:
        """A channel that is new is told of what is stored from now on."""
        for channel in self._channels.values():
            await channel.begin()

    def start(self) -> None:
        """Start every channel."""
        for channel in self._channels.values():
            channel.start()
        for each in self._measuring:
            each.start()

    async def stop(self) -> None:
        """Stop; what is being told is cut off, and is looked for before it is told again."""
        for each in self._measuring:
            await each.stop()
        for channel in self._channels.values():
            await channel.stop()

    def wake(self, name: ChannelName) -> None:
        """Let the channel look now."""
        if channel := self._channels.get(name):
            channel.wake()

    @property
    def stuck(self) -> list[str]:
        """The channels that do not look any more."""
        return [
            name
            for name, channel in self._channels.items()
            if not channel.is_alive or channel.seconds_since_look > _STUCK_AFTER
        ]

    @property
    def problems(self) -> dict[ChannelName, str]:
        """The channels that cannot be told anything now, each with the reason."""
        return {name: channel.problem for name, channel in self._channels.items() if channel.problem}

    async def _look(self) -> None:
        waiting = await self._around.store.read(lambda transaction: transaction.deliveries.waiting())
        self._around.metrics.wait(waiting, self._around.clock.now())

    async def _count(self) -> None:
        self._around.metrics.stand(await self._around.store.read(lambda transaction: transaction.deliveries.states()))
