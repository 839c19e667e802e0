"""A notifier with the way to close it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aetherlink.ports import Notifier


@dataclass(frozen=True, slots=True)
class Opened:
    """What a channel is told by."""

    notifier: Notifier
    aclose: Callable[[], Awaitable[None]]
