"""Containers as the daemon tells of them, read strictly: what does not fit is an error, never a guess."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

from aetherlink.errors import AnswerError

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{64}")
_NEVER = 1  # the year of instants that have not been
_LONGEST_SHOWN = 80


class ContainerStatus(StrEnum):
    """How a container is, in Docker's words."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class RestartPolicy(StrEnum):
    """When Docker itself starts a container again."""

    NO = "no"
    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    UNLESS_STOPPED = "unless-stopped"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container came to its end; `error` is why Docker could not start it, empty when it could."""

    at: datetime | None
    exit_code: int
    is_out_of_memory: bool
    error: str


@dataclass(frozen=True, slots=True)
class Container:
    """One container. `health` is empty where it has no check; `stop_seconds` is its own grace, None: Docker's.

    `restarts` counts how often Docker's own policy has started it again, of at most `most_restarts` (0: no bound).
    """

    id: str
    name: str
    image: str
    labels: dict[str, str]
    status: ContainerStatus
    health: str
    started_at: datetime | None
    ending: Ending
    policy: RestartPolicy
    restarts: int
    most_restarts: int
    stop_seconds: int | None

    @property
    def is_ready(self) -> bool:
        """Whether it runs, and its own check passes where it has one."""
        return self.status is ContainerStatus.RUNNING and self.health in ("", "healthy")

    @property
    def words(self) -> str:
        """How it is, for people."""
        state = f"{self.status}, {self.health}" if self.health else str(self.status)
        ended = f" with {self.ending.exit_code}" if self.status is ContainerStatus.EXITED else ""
        return f"{self.name} is {state}{ended}{f' ({self.ending.error})' if self.ending.error else ''}"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the daemon's list. `addresses` are those that it has now, `networks` the names of where it is."""

    id: str
    names: tuple[str, ...]
    labels: dict[str, str]
    image: str = ""
    networks: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class _Endpoint(msgspec.Struct):
    ipv4: str | None = msgspec.field(name="IPAddress", default="")
    ipv6: str | None = msgspec.field(name="GlobalIPv6Address", default="")


class _Networks(msgspec.Struct, rename="pascal"):
    networks: dict[str, _Endpoint | None] | None = None


class _Row(msgspec.Struct, rename="pascal"):
    id: str
    names: list[str] | None = None
    labels: dict[str, str] | None = None
    image: str = ""
    network_settings: _Networks | None = None


class _Health(msgspec.Struct, rename="pascal"):
    status: str = ""


class _State(msgspec.Struct, rename="pascal"):
    status: ContainerStatus
    started_at: str
    finished_at: str
    exit_code: int
    oom_killed: bool = msgspec.field(name="OOMKilled", default=False)
    error: str = ""
    health: _Health | None = None


class _Config(msgspec.Struct, rename="pascal"):
    image: str = ""
    labels: dict[str, str] | None = None
    stop_timeout: int | None = None


class _Policy(msgspec.Struct, rename="pascal"):
    name: str = ""
    maximum_retry_count: int = 0


class _HostConfig(msgspec.Struct, rename="pascal"):
    restart_policy: _Policy = msgspec.field(default_factory=_Policy)


class _Inspected(msgspec.Struct, rename="pascal"):
    id: str
    name: str
    image: str
    state: _State
    config: _Config
    host_config: _HostConfig
    restart_count: int = 0


class _Event(msgspec.Struct, rename="pascal"):
    action: str


class _Version(msgspec.Struct, rename="pascal"):
    api_version: str
    min_api_version: str = msgspec.field(name="MinAPIVersion", default="1.24")


_EVENT = msgspec.json.Decoder(_Event)


def checked_id(text: str) -> str:
    """The id. Raises AnswerError for anything else: it becomes part of a path, and nothing else ever does."""
    if not _ID.fullmatch(text):
        raise AnswerError(f"Docker named a container {text[:_LONGEST_SHOWN]!r}, which is no id")
    return text


def listed(answer: object) -> list[Listed]:
    """The lines of a list. Raises AnswerError."""
    return [_line(row) for row in _read(list[_Row], answer)]


def _line(row: _Row) -> Listed:
    networks = (None if row.network_settings is None else row.network_settings.networks) or {}
    ends = [each for each in networks.values() if each is not None]
    return Listed(
        id=checked_id(row.id),
        names=tuple(name.removeprefix("/") for name in row.names or ()),
        labels=row.labels or {},
        image=row.image,
        networks=tuple(networks),
        addresses=tuple(address for each in ends for address in (each.ipv4, each.ipv6) if address),
    )


def inspected(answer: object, *, asked: str) -> Container:
    """The container that was asked for. Raises AnswerError, also when it is another."""
    found = _read(_Inspected, answer)
    if found.id != asked:
        raise AnswerError(f"Docker was asked for container {asked[:12]} and told of {found.id[:12]!r}")
    state, policy = found.state, found.host_config.restart_policy
    health = state.health.status if state.health is not None else ""
    return Container(
        id=found.id,
        name=found.name.removeprefix("/")[:_LONGEST_SHOWN],
        image=f"{found.config.image[:200]}@{found.image[:19]}",
        labels=found.config.labels or {},
        status=state.status,
        health="" if health == "none" else health[:_LONGEST_SHOWN],
        started_at=_instant(state.started_at),
        ending=Ending(_instant(state.finished_at), state.exit_code, state.oom_killed, state.error[:200]),
        policy=_policy(policy.name),
        restarts=found.restart_count,
        most_restarts=policy.maximum_retry_count,
        stop_seconds=found.config.stop_timeout,
    )


def actions(answer: bytes) -> list[str]:
    """What happened, by the lines of the event stream, in their order. Raises AnswerError."""
    try:
        return [_EVENT.decode(line).action for line in answer.splitlines() if line.strip()]
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise AnswerError(f"Docker told of events in a form that cannot be read: {problem}") from problem


def spoken_version(answer: object, *, ours: str) -> str:
    """The newest version of the API that both sides speak. Raises AnswerError when there is none."""
    theirs = _read(_Version, answer)
    spoken = min(ours, theirs.api_version, key=_numbers)
    if _numbers(spoken) < _numbers(theirs.min_api_version):
        raise AnswerError(
            f"Docker speaks API {theirs.min_api_version} to {theirs.api_version}, and this agent {ours} at most"
        )
    return spoken


def _numbers(version: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", version)
    if found is None:
        raise AnswerError(f"{version[:_LONGEST_SHOWN]!r} is no version of Docker's API")
    return int(found[1]), int(found[2])


def _policy(name: str) -> RestartPolicy:
    try:
        return RestartPolicy(name or "no")
    except ValueError as problem:
        raise AnswerError(f"{name[:_LONGEST_SHOWN]!r} is no restart policy that is known") from problem


def _instant(text: str) -> datetime | None:
    """In UTC; Docker's nanoseconds are cut to microseconds."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise AnswerError(f"{text[:_LONGEST_SHOWN]!r} is no instant") from problem
    if found.year == _NEVER:
        return None
    if found.tzinfo is None:
        raise AnswerError(f"{text[:_LONGEST_SHOWN]!r} is an instant without an offset")
    return found.astimezone(UTC)


def _read(form: type[T], answer: object) -> T:
    try:
        return msgspec.convert(answer, form)
    except msgspec.ValidationError as problem:
        raise AnswerError(f"Docker answered with something else than what was asked for: {problem}") from problem
