"""How one channel is served, in the words of the outbox. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherlink.model.ids import ChannelName
from aetherlink.model.windows import WeeklyWindow

VIP_CRITICAL = 0
"""The priority of an incident that breaks quiet hours: of a VIP tenant, and critical (model.incidents)."""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """`spacing` lies between any two messages. More than `digest_above` incidents that are new at once are one digest.

    `deadline` bounds one attempt; what could not be told for `keep_trying` is given up. In `quiet` hours only what is
    critical for a VIP tenant is told.
    """

    name: ChannelName
    spacing: timedelta = timedelta(seconds=1)
    digest_above: int = 10
    deadline: timedelta = timedelta(seconds=10)
    keep_trying: timedelta = timedelta(days=7)
    quiet: tuple[WeeklyWindow, ...] = ()

    def is_quiet(self, now: datetime) -> bool:
        """Whether it is in its quiet hours."""
        return any(window.holds(now) for window in self.quiet)


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """An approval request unheard after `within` goes to the next channel of `order` that was not asked yet.

    `records` are channels that people look up and nobody is called by: that they hold it helps nobody who waits.
    """

    order: Sequence[ChannelName] = ()
    within: timedelta = timedelta(seconds=60)
    records: frozenset[ChannelName] = frozenset()
