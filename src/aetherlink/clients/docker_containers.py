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
_IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
_NEVER = 1  # the year of instants that have not been
_LONGEST_SHOWN = 80
_LONGEST_NAME = 250
_MOST_NAMES = 50
_HOST = "host"
_TITLES = ("com.docker.compose.service", "org.opencontainers.image.title")


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
class Bounds:
    """What a container may use: memory and memory with swap in bytes, billionths of a processor; 0: no limit.

    `swap` is -1 where swap has no limit.
    """

    memory: int = 0
    swap: int = 0
    nano_cpus: int = 0


@dataclass(frozen=True, slots=True)
class Container:
    """One container. `health` is empty where it has no check; `stop_seconds` is its own grace, None: Docker's.

    `image` is the image's id, `names` are all that anybody may know it by: its own, its image's, those in its networks.

    `restarts` counts how often Docker's own policy has started it again, of at most `most_restarts` (0: no bound).
    """

    id: str
    name: str
    image: str
    names: tuple[str, ...]
    labels: dict[str, str]
    status: ContainerStatus
    health: str
    started_at: datetime | None
    ending: Ending
    policy: RestartPolicy
    restarts: int
    most_restarts: int
    stop_seconds: int | None
    bounds: Bounds

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
    aliases: list[str] | None = msgspec.field(name="Aliases", default=None)
    dns_names: list[str] | None = msgspec.field(name="DNSNames", default=None)
    ipv4: str | None = msgspec.field(name="IPAddress", default="")
    ipv6: str | None = msgspec.field(name="GlobalIPv6Address", default="")


class _NetworkSettings(msgspec.Struct, rename="pascal"):
    networks: dict[str, _Endpoint | None] | None = None

    @property
    def endpoints(self) -> list[_Endpoint]:
        return [each for each in (self.networks or {}).values() if each is not None]


class _Row(msgspec.Struct, rename="pascal"):
    id: str
    names: list[str] | None = None
    labels: dict[str, str] | None = None
    image: str = ""
    network_settings: _NetworkSettings | None = None


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
    hostname: str = ""
    labels: dict[str, str] | None = None
    stop_timeout: int | None = None


class _Policy(msgspec.Struct, rename="pascal"):
    name: str = ""
    maximum_retry_count: int = 0


class _HostConfig(msgspec.Struct, rename="pascal"):
    restart_policy: _Policy = msgspec.field(default_factory=_Policy)
    memory: int = 0
    memory_swap: int = 0
    nano_cpus: int | None = msgspec.field(name="NanoCpus", default=0)


class _Inspected(msgspec.Struct, rename="pascal"):
    id: str
    name: str
    image: str
    state: _State
    config: _Config
    host_config: _HostConfig
    network_settings: _NetworkSettings = msgspec.field(default_factory=_NetworkSettings)
    restart_count: int = 0


class _Releases(msgspec.Struct, rename="pascal"):
    before: str | None
    max_replicas: int


class _Made(msgspec.Struct, rename="pascal"):
    id: str = ""
    ids: list[str] | None = None


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


def checked_image(text: str) -> str:
    """The image's id. Raises AnswerError for anything else."""
    if not _IMAGE_ID.fullmatch(text):
        raise AnswerError(f"Docker named an image {text[:_LONGEST_SHOWN]!r}, which is no id")
    return text


@dataclass(frozen=True, slots=True)
class Releases:
    """What the proxy's own verbs can bring: the image that ran before (empty: none), so many replicas at most."""

    before: str
    most_replicas: int


def releases(answer: object) -> Releases:
    """What the proxy tells of a container. Raises AnswerError."""
    told = _read(_Releases, answer)
    return Releases("" if told.before is None else checked_image(told.before), told.max_replicas)


def made(answer: object) -> str:
    """The id of the container that the proxy has made. Raises AnswerError."""
    told = _read(_Made, answer)
    ids = told.ids if told.ids is not None else [told.id]
    if len(ids) != 1:
        raise AnswerError(f"one container was to be made, and {len(ids)} were")
    return checked_id(ids[0])


def listed(answer: object) -> list[Listed]:
    """The lines of a list. Raises AnswerError."""
    return [_line(row) for row in _read(list[_Row], answer)]


def _line(row: _Row) -> Listed:
    told = row.network_settings or _NetworkSettings()
    return Listed(
        id=checked_id(row.id),
        names=tuple(name.removeprefix("/") for name in row.names or ()),
        labels=row.labels or {},
        image=row.image,
        networks=tuple(told.networks or ()),
        addresses=tuple(address for each in told.endpoints for address in (each.ipv4, each.ipv6) if address),
    )


def inspected(answer: object, *, asked: str) -> Container:
    """The container that was asked for. Raises AnswerError, also when it is another."""
    found = _read(_Inspected, answer)
    if found.id != asked:
        raise AnswerError(f"Docker was asked for container {asked[:12]} and told of {found.id[:12]!r}")
    state, host, policy = found.state, found.host_config, found.host_config.restart_policy
    health = state.health.status if state.health is not None else ""
    return Container(
        id=found.id,
        name=found.name.removeprefix("/")[:_LONGEST_SHOWN],
        image=checked_image(found.image),
        names=_names(found),
        labels=found.config.labels or {},
        status=state.status,
        health="" if health == "none" else health[:_LONGEST_SHOWN],
        started_at=_instant(state.started_at),
        ending=Ending(_instant(state.finished_at), state.exit_code, state.oom_killed, state.error[:200]),
        policy=_policy(policy.name),
        restarts=found.restart_count,
        most_restarts=policy.maximum_retry_count,
        stop_seconds=found.config.stop_timeout,
        bounds=Bounds(host.memory, host.memory_swap, host.nano_cpus or 0),
    )


def _names(found: _Inspected) -> tuple[str, ...]:
    networks, labels = found.network_settings.networks or {}, found.config.labels or {}
    host = "" if _HOST in networks else found.config.hostname  # in the machine's own network it is the machine's
    every = [found.name.removeprefix("/"), found.config.image, host, *(labels.get(title, "") for title in _TITLES)]
    for each in found.network_settings.endpoints:
        every += [*(each.aliases or ()), *(each.dns_names or ()), each.ipv4 or "", each.ipv6 or ""]
    return tuple(dict.fromkeys(name[:_LONGEST_NAME] for name in every if name))[:_MOST_NAMES]


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
