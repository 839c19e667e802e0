"""What containers say of a target: which of them are its replicas, which of those are wanted, and what to do to them.

Where the socket proxy is before Docker it can make containers; while it replaces one, there are two for one replica.

Pure: the executor `docker` looks and acts.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from aetherlink.clients.docker_containers import Bounds, Container, ContainerStatus, RestartPolicy
from aetherlink.errors import NotFoundError
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import Limits, Observation, Release, Replicas, Requested, StartedAfter, Wish

T = TypeVar("T")

MANAGED = "aether.managed"
"""The label by which a container is given to the agent (`true`) or kept from it (anything else)."""
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
_NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"
_NO = "False"
_REPLACES = "aether.replaces"  # the socket proxy's label on what it has made in the place of another

_STARTABLE = (ContainerStatus.EXITED, ContainerStatus.CREATED)
_ASKED_TO_END = (0, 130, 137, 143)  # well, by SIGINT, by SIGKILL, by SIGTERM
_NEITHER = (ContainerStatus.DEAD, ContainerStatus.REMOVING)  # do they run, nor can they be started
_KEEPS_RUNNING = (RestartPolicy.ALWAYS, RestartPolicy.UNLESS_STOPPED)


class Call(StrEnum):
    """What is asked of Docker."""

    RESTART = "restart"
    START = "start"
    STOP = "stop"
    LIMIT = "limit"
    REPLACE = "replace"
    ONE_MORE = "one more"


@dataclass(frozen=True, slots=True)
class Step:
    """One call for one container; for `ONE_MORE` that is one beside it, where `there` are so many already.

    With `runs` it is to run afterwards.
    """

    call: Call
    container: Container
    runs: bool = True
    there: int = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """What can be made: the image that ran before (empty: none), so many replicas at most.

    `problem` says why nothing can be made, then the most are those that exist; `no_more` why not more than the most;
    `no_change` why nothing that is there may be changed either.
    """

    before: str = ""
    most_replicas: int = 0
    problem: str = ""
    no_more: str = "that is the most that the socket proxy makes (socket_proxy.max_replicas)"
    no_change: str = ""


@dataclass(frozen=True, slots=True)
class Replica:
    """A container of the target; one that somebody stopped is not wanted."""

    container: Container
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at the target."""

    replicas: tuple[Replica, ...]
    reach: Reach = Reach()
    is_agent: bool = False

    @property
    def wanted(self) -> list[Container]:
        """Those that are to run."""
        return [one.container for one in self.replicas if one.is_wanted]

    @property
    def spare(self) -> list[Container]:
        """Those that somebody stopped, or that never ran, and that can be started."""
        resting = [one.container for one in self.replicas if not one.is_wanted]
        return [one for one in resting if one.status in _STARTABLE]

    @property
    def observation(self) -> Observation:
        """The same in the words of the port."""
        wanted = self.wanted
        starts = [one.started_at for one in wanted if one.status is ContainerStatus.RUNNING]
        known = [start for start in starts if start is not None]
        reach, image = self.reach, _common({one.container.image for one in self.replicas}, "")
        return Observation(
            ready=sum(one.is_ready for one in wanted),
            wanted=len(wanted),
            oldest_start=min(known) if known and len(known) == len(wanted) else None,
            release=image,
            previous_release=reach.before if image else "",  # of two that run neither is the one before
            identity=",".join(sorted(one.container.id[:12] for one in self.replicas)),
            limits=self.limits,
            most_replicas=max(len(wanted) + len(self.spare), reach.most_replicas),
            no_more=reach.problem or reach.no_more,
            no_release=reach.problem,
            no_change=reach.no_change,
            aliases=tuple(sorted({name for one in self.replicas for name in one.container.names})),
            is_agent=self.is_agent,
        )

    @property
    def limits(self) -> Limits:
        """What each replica may use, as far as that is the same for all."""
        bounds = [one.container.bounds for one in self.replicas]
        return Limits(_common({one.memory for one in bounds}, 0), _common({one.nano_cpus for one in bounds}, 0))

    @property
    def words(self) -> str:
        """How they are, for people."""
        return "; ".join(one.container.words for one in self.replicas[:5])


def _common(values: set[T], otherwise: T) -> T:
    return values.pop() if len(values) == 1 else otherwise


def is_composed(labels: Mapping[str, str]) -> bool:
    """Whether project and service stand in its labels: Compose has made it, or only the image that it is made of."""
    return bool(labels.get(PROJECT) and labels.get(SERVICE))


def is_replica(labels: Mapping[str, str]) -> bool:
    """Whether it is a replica of its service, told as Compose 1.29 and 2 do: neither images nor one-offs carry this."""
    return is_composed(labels) and labels.get(ONE_OFF) == _NO


def filters(place: DockerPlace) -> Mapping[str, str]:
    """The labels that a container of the place has to have, with their values."""
    if place.container:
        return {MANAGED: "true"}
    own = {PROJECT: place.project, SERVICE: place.service, ONE_OFF: _NO}
    return own | {MANAGED: "true"} if place.is_by_label else own


def members(place: DockerPlace, found: Iterable[Container]) -> list[Container]:
    """The containers of the place, in the order of their numbers.

    Raises NotFoundError when there is none, or when one of them is kept from the agent.
    """
    own = [one for one in found if _is_of(place, one)]
    if not own:
        missing = f" with the label {MANAGED}=true" if place.container or place.is_by_label else ""
        raise NotFoundError(f"Docker has no {place.words}{missing}")
    own = _without_shadows(own)
    kept = [one.name for one in own if one.labels.get(MANAGED, "true") != "true"]
    if kept:
        raise NotFoundError(f"{', '.join(kept)} is kept from the agent by its label {MANAGED}")
    return sorted(own, key=_order)


def not_its_own(place: DockerPlace, own: Iterable[Container], declared: Mapping[str, str]) -> str:
    """Why these are not what the name of a found target says, in words; empty when they are.

    `declared` holds the targets that are single containers, by those: no container is in two targets.
    """
    for one in own:
        if place.container and is_replica(one.labels):
            service = f"{one.labels[PROJECT]}.{one.labels[SERVICE]}"
            return f"{place.words} is one of a service: its target is compose:{service}, or the declared one"
        if one.name in declared:
            return (
                f"{place.words} is no target of its own: {one.name} is target {declared[one.name]}, declare the service"
            )
    return ""


def _without_shadows(own: list[Container]) -> list[Container]:
    """Of each pair that is being exchanged one: the first until the second runs."""
    successors = {one.labels[_REPLACES]: one for one in own if _REPLACES in one.labels}
    pairs = [(one, successors[one.id]) for one in own if one.id in successors]
    hidden = {(old if new.status is not ContainerStatus.CREATED else new).id for old, new in pairs}
    return [one for one in own if one.id not in hidden]


def exchanged(found: Collection[Container]) -> set[str]:
    """The ids of those that are just taking the place of another, or giving it up: nobody has stopped them."""
    ids = {one.id for one in found}
    pairs = [(one.id, one.labels[_REPLACES]) for one in found if one.labels.get(_REPLACES) in ids]
    return {each for pair in pairs for each in pair}


def _is_of(place: DockerPlace, container: Container) -> bool:
    """What the daemon was asked for is not taken on trust."""
    if place.container and container.name != place.container:
        return False
    return filters(place).items() <= container.labels.items()


def _order(container: Container) -> tuple[int, str]:
    number = container.labels.get(_NUMBER, "")
    return (int(number) if number.isdecimal() and len(number) < 10 else 0, container.name)


def is_startable(container: Container) -> bool:
    """Whether it rests, so that it can be started."""
    return container.status in _STARTABLE


def is_over(container: Container) -> bool:
    """Whether it has ended, so that it has to be found out who ended it."""
    return container.status is ContainerStatus.EXITED


def is_wanted(container: Container, events: Collection[str]) -> bool:
    """Whether it is to run: it was neither stopped, nor paused, nor never started.

    `events` is what is known of its end: `kill`, `die`, `stop`. What its restart policy would have started again, and
    nobody killed, was stopped: between two starts that is told long after its end. Where nothing is known its exit code
    tells, and what may have been asked to end was.
    """
    match container.status:
        case ContainerStatus.PAUSED | ContainerStatus.REMOVING:
            return False
        case ContainerStatus.CREATED:
            return bool(container.ending.error)
        case ContainerStatus.EXITED:
            return _has_failed(container, events)
        case _:
            return True


def _has_failed(container: Container, events: Collection[str]) -> bool:
    ending = container.ending
    if "stop" in events:
        return False
    if ending.error or {"kill", "die"} <= set(events):
        return True
    if container.policy in _KEEPS_RUNNING or _is_left_to_rest(container):
        return False
    return "die" in events or ending.is_out_of_memory or ending.exit_code not in _ASKED_TO_END


def _is_left_to_rest(container: Container) -> bool:
    """Whether its policy, restart on failure, has not run out, and yet Docker did not start it again."""
    if container.policy is not RestartPolicy.ON_FAILURE or container.ending.exit_code == 0:
        return False
    return container.most_restarts == 0 or container.restarts < container.most_restarts


def objection(seen: Seen, wish: Wish) -> str:
    """Why the wish cannot be carried out on what was seen, in words; empty when nothing is in the way."""
    match wish:
        case StartedAfter() if not seen.wanted:
            return f"somebody has stopped it: {seen.words}"
        case StartedAfter():
            stuck = [one.words for one in seen.wanted if one.status is ContainerStatus.DEAD]
            return f"Docker cannot start what is dead: {', '.join(stuck)}" if stuck else ""
        case Replicas(count) if count > len(seen.wanted) + len(seen.spare):
            return _beside(seen)
        case Release(name):
            stuck = [one.container.words for one in seen.replicas if _is_stuck(one.container, name)]
            return f"it cannot be made anew as it is: {', '.join(stuck)}" if stuck else ""
        case Requested():
            return "the executor docker sends no requests"
        case _:
            return ""


def _beside(seen: Seen) -> str:
    """Why no replica can be made beside those that are there, in words."""
    idle = [one.container.words for one in seen.replicas if one.container.status in _NEITHER]
    return f"no replica is made beside what neither runs nor can be started: {', '.join(idle)}" if idle else ""


def _is_stuck(container: Container, image: str) -> bool:
    return container.image != image and container.status in (*_NEITHER, ContainerStatus.PAUSED)


def steps(seen: Seen, wish: Wish) -> list[Step]:
    """What makes the wish true, in order: first what is not ready, so that of what is ready one is away at a time."""
    match wish:
        case StartedAfter(instant):
            due = [one for one in seen.wanted if is_over(one) or one.started_at is None or one.started_at <= instant]
            return [step for one in sorted(due, key=_is_ready) if (step := _again(one)) is not None]
        case Replicas(count):
            return _resized(seen, count)
        case Release(name):
            others = [one for one in seen.replicas if one.container.image != name]
            return [Step(Call.REPLACE, one.container, one.is_wanted) for one in sorted(others, key=_last_to_replace)]
        case Limits():
            every = [one.container for one in seen.replicas]
            return [Step(Call.LIMIT, one, runs=False) for one in every if not _limits_of(one).has(wish)]
        case _:
            return []


def _limits_of(container: Container) -> Limits:
    return Limits(container.bounds.memory, container.bounds.nano_cpus)


def new_bounds(container: Container, wish: Limits) -> Bounds:
    """What to set for the container: as much swap as it had is left to it."""
    now = container.bounds
    swap = now.swap - now.memory + wish.memory if wish.memory and now.swap > 0 else 0
    return Bounds(wish.memory, swap, wish.nano_cpus)


def _last_to_replace(replica: Replica) -> tuple[bool, bool]:
    """What does not serve goes first, what rests last."""
    return not replica.is_wanted, replica.container.is_ready


def _is_ready(container: Container) -> bool:
    return container.is_ready


def _again(container: Container) -> Step | None:
    """What Docker's own policy is about to start is left to it."""
    match container.status:
        case ContainerStatus.EXITED | ContainerStatus.CREATED:
            return Step(Call.START, container)
        case ContainerStatus.RUNNING:
            return Step(Call.RESTART, container)
        case _:
            return None


def _resized(seen: Seen, count: int) -> list[Step]:
    """What failed is started; then for more the lowest spare numbers are, for fewer the highest are stopped.

    Those to be stopped that are not ready come first. What failed comes last: Docker stops nothing that does not run.
    """
    wanted = seen.wanted
    failed = [one for one in wanted if one.status in _STARTABLE]
    starts = [Step(Call.START, one) for one in [*failed, *seen.spare[: max(count - len(wanted), 0)]]]
    missing = max(count - len(wanted) - len(seen.spare), 0)
    there = len(seen.replicas)
    starts += [Step(Call.ONE_MORE, seen.replicas[0].container, there=there + each) for each in range(missing)]
    surplus = max(len(wanted) - count, 0)
    stopped = sorted(wanted, key=_last_to_stop)[:surplus]
    return [*starts, *(Step(Call.STOP, one, runs=False) for one in stopped)]


def _last_to_stop(container: Container) -> tuple[bool, bool, int, str]:
    number, name = _order(container)
    return container.status in _STARTABLE, container.is_ready, -number, name
