"""The words in which the lab speaks of its services, and how a service's state follows from its replicas'.

Pure data: made by the supervisor, sent by the control API, read back by the command line. Extra keys are ignored, so
that an older reader understands a newer lab.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, field_serializer


class State(StrEnum):
    """What a replica or a service is doing."""

    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    EXITED = "exited"
    STOPPED = "stopped"


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReplicaView(_View):
    """One process of a service. `detail` says what its last probe found wrong."""

    index: int
    pid: int | None
    port: int | None
    state: State
    started_at: AwareDatetime
    exit_code: int | None = None
    release: str | None = None
    detail: str | None = None

    @field_serializer("started_at")
    def _microseconds(self, value: datetime) -> str:
        return rfc3339(value)


class ServiceView(_View):
    """One service: what is wanted of it and what is there."""

    name: str
    state: State
    url: str | None
    log: str
    release: str | None = None
    previous_release: str | None = None
    min: int = 1
    max: int = 1
    wanted: int
    replicas: tuple[ReplicaView, ...] = ()

    @property
    def ready(self) -> int:
        """How many replicas are."""
        return sum(replica.state is State.READY for replica in self.replicas)


class ServiceList(_View):
    """Every service, in the order in which they start."""

    items: tuple[ServiceView, ...]


def rfc3339(value: datetime) -> str:
    """In UTC with microseconds, always in the same width."""
    return value.isoformat(timespec="microseconds").replace("+00:00", "Z")


def overall(replicas: Sequence[State], wanted: int) -> State:
    """The state of a service: ready only when every wanted replica is."""
    if wanted == 0:
        return State.STOPPED
    kinds = set(replicas)
    if len(kinds) == 1:
        return replicas[0] if len(replicas) >= wanted else State.STARTING
    # None at all: the old one has ended and the new one is about to begin.
    if kinds <= {State.READY, State.STARTING}:
        return State.STARTING
    return State.UNHEALTHY
