"""What can be wrong with the agent itself."""

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """Of the agent; each is an incident of its own, and a label of a metric."""

    ROOMS = "rooms"
    STORE = "store"
    PIPELINE = "pipeline"
    CHANNELS = "channels"


@dataclass(frozen=True, slots=True)
class Ailment:
    """One thing that is wrong, in words without secrets. With `unready` the agent cannot do its work at all."""

    part: Part
    text: str
    unready: bool = True
