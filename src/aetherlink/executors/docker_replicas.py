"""What containers say of a target: which of them are its replicas, which of those are wanted, and what to do to them.

Pure: the executor `docker` looks and acts.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from aetherlink.clients.docker_containers import Container, ContainerStatus, RestartPolicy
from aetherlink.errors import NotFoundError
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import Observation, Release, Replicas, Requested, StartedAfter, Wish

MANAGED = "aether.managed"
"""The label by which a container is given to the agent (`true`) or kept from it (anything else)."""
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
_NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"

_STARTABLE = (ContainerStatus.EXITED, ContainerStatus.CREATED)
_ASKED_TO_END = (0, 130, 137, 143)  # well, by SIGINT, by SIGKILL, by SIGTERM
_KEEPS_RUNNING = (RestartPolicy.ALWAYS, RestartPolicy.UNLESS_STOPPED)


class Call(StrEnum):
    """What is asked of Docker."""

    RESTART = "restart"
    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Step:
    """One call for one container."""

    call: Call
    container: Container


@dataclass(frozen=True, slots=True)
class Replica:
    """A container of the target; one that somebody stopped is not wanted."""

    container: Container
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at the target."""

    replicas: tuple[Replica, ...]

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
        images = {one.container.image for one in self.replicas}
        return Observation(
            ready=sum(one.is_ready for one in wanted),
            wanted=len(wanted),
            oldest_start=min(known) if known and len(known) == len(wanted) else None,
            release=images.pop() if len(images) == 1 else "",
            identity=",".join(sorted(one.container.id[:12] for one in self.replicas)),
        )

    @property
    def words(self) -> str:
        """How they are, for people."""
        return "; ".join(one.container.words for one in self.replicas[:5])


def filters(place: DockerPlace) -> Mapping[str, str]:
    """The labels that a container of the place has to have, with their values."""
    if place.container:
        return {MANAGED: "true"}
    own = {PROJECT: place.project, SERVICE: place.service}
    return own | {MANAGED: "true"} if place.is_by_label else own


def members(place: DockerPlace, found: Iterable[Container]) -> list[Container]:
    """The containers of the place, in the order of their numbers.

    Raises NotFoundError when there is none, or when one of them is kept from the agent.
    """
    own = [one for one in found if _is_of(place, one)]
    if not own:
        missing = f" with the label {MANAGED}=true" if place.container or place.is_by_label else ""
        raise NotFoundError(f"Docker has no {place.words}{missing}")
    kept = [one.name for one in own if one.labels.get(MANAGED, "true") != "true"]
    if kept:
        raise NotFoundError(f"{', '.join(kept)} is kept from the agent by its label {MANAGED}")
    return sorted(own, key=_order)


def _is_of(place: DockerPlace, container: Container) -> bool:
    """What the daemon was asked for is not taken on trust."""
    if place.container and container.name != place.container:
        return False
    is_one_off = container.labels.get(ONE_OFF, "").casefold() == "true"
    return filters(place).items() <= container.labels.items() and (bool(place.container) or not is_one_off)


def _order(container: Container) -> tuple[int, str]:
    number = container.labels.get(_NUMBER, "")
    return (int(number) if number.isdecimal() and len(number) < 10 else 0, container.name)


def is_over(container: Container) -> bool:
    """Whether it has ended, so that it has to be found out who ended it."""
    return container.status is ContainerStatus.EXITED


def is_wanted(container: Container, events: Collection[str]) -> bool:
    """Whether it is to run: it was neither stopped, nor paused, nor never started.

    `events` is what Docker remembers of its end. Where that is nothing, its restart policy tells: what Docker would
    have started again and did not was stopped. Else its exit code does, and what may have been asked to end was.
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
    if "die" in events or ending.error or ending.is_out_of_memory:
        return True
    if container.policy in _KEEPS_RUNNING or _is_left_to_rest(container):
        return False
    return ending.exit_code not in _ASKED_TO_END


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
            have = len(seen.wanted) + len(seen.spare)
            return f"{count} replicas are wished and {have} exist: new ones are not made, `docker compose up` does that"
        case Release():
            return "containers are not made anew yet, so no other image can be brought to them"
        case Requested():
            return "the executor docker sends no requests"
        case _:
            return ""


def steps(seen: Seen, wish: Wish) -> list[Step]:
    """What makes the wish true, in order: first what is not ready, so that of what is ready one is away at a time."""
    match wish:
        case StartedAfter(instant):
            due = [one for one in seen.wanted if is_over(one) or one.started_at is None or one.started_at <= instant]
            return [step for one in sorted(due, key=_is_ready) if (step := _again(one)) is not None]
        case Replicas(count):
            return _resized(seen, count)
        case _:
            return []


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
    surplus = max(len(wanted) - count, 0)
    stopped = sorted(wanted, key=_last_to_stop)[:surplus]
    return [*starts, *(Step(Call.STOP, one) for one in stopped)]


def _last_to_stop(container: Container) -> tuple[bool, bool, int, str]:
    number, name = _order(container)
    return container.status in _STARTABLE, container.is_ready, -number, name
