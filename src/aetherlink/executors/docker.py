"""Acts on containers: starts, restarts, stops and limits them. Called by the pipeline; decides nothing.

Where `aether socket-proxy` listens, that makes others: anew with the image that ran before, and more of a service.

Containers are told by their ids, so one that was made anew is another one, and never hit in place of the first. No call
is ever sent twice: after a reply that was lost, and after a no, the target is looked at.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherlink.clients.docker import DockerDaemon
from aetherlink.clients.docker_containers import Bounds, Container, ContainerStatus
from aetherlink.clients.docker_events import DockerEvents
from aetherlink.errors import AetherError, ConflictError, NotFoundError, NotSentError, RejectedError
from aetherlink.executors import docker_replicas as replicas
from aetherlink.executors.bounds import hindrance, refusal
from aetherlink.executors.docker_ends import Ends
from aetherlink.executors.docker_following import Following
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.executors.docker_replicas import Call, Reach, Replica, Seen, Step
from aetherlink.lib.deriving import why_not
from aetherlink.lib.own_container import own_container
from aetherlink.model.actions import Limits, Observation, Outcome, OutcomeStatus, Release, Target, Verb, Wish

_SAID_NO = (NotSentError, NotFoundError, ConflictError, RejectedError)
_LOOK = timedelta(seconds=5)
_PAUSES = (0.1, 0.2, 0.4, 0.8)  # seconds between two looks; the last goes on
_NO_TIME = timedelta(0)
_ENDING = (Call.RESTART, Call.STOP, Call.REPLACE)
_PROXY = "aether socket-proxy: "  # how it begins every no of its own; another proxy may only not know the question
_LEAST = timedelta(seconds=1)


class _Countdown:
    """What is left of a deadline."""

    def __init__(self, deadline: timedelta) -> None:
        self._ends = asyncio.get_running_loop().time() + deadline.total_seconds()

    @property
    def left(self) -> timedelta:
        return max(timedelta(seconds=self._ends - asyncio.get_running_loop().time()), _NO_TIME)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One wish on its way: what was seen before, how long a look may take, how long all of it."""

    target: Target
    wish: Wish
    before: Seen
    look: timedelta
    time: _Countdown


class DockerExecutor:
    """See ports.Executor. It neither makes nor removes containers: the socket proxy does, by verbs of its own."""

    verbs = frozenset({Verb.RESTART, Verb.SCALE, Verb.ROLLBACK, Verb.LIMITS})
    is_rolling = True

    def __init__(
        self, daemon: DockerDaemon, places: Mapping[str, DockerPlace], *, grace: timedelta, ends: Ends | None = None
    ) -> None:
        self._daemon = daemon
        self._ends = ends or Ends()
        self._places = places
        self._declared = {place.container: name for name, place in places.items() if place.container}
        self._grace = int(grace.total_seconds())
        self._own = own_container()

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        """What is. Raises UnreachableError, NotFoundError or AnswerError."""
        return (await self._look(target, deadline)).observation

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """Make it so. Already true: not needed, without a call. A lost reply: looked at, else unknown.

        The deadline is for all of it: a look before, the calls, the wait until what was started is ready, and a look.
        """
        time, look = _Countdown(deadline), min(deadline / 4, _LOOK)
        try:
            before = await self._look(target, look)
        except AetherError as problem:
            return Outcome(OutcomeStatus.FAILED, f"it could not be looked at, so nothing was sent: {problem}")
        if before.observation.shows(wish):
            return Outcome(OutcomeStatus.NOT_NEEDED, "it is so already")
        if reason := _objection(target, before, wish):
            return Outcome(OutcomeStatus.FAILED, f"nothing was sent: {reason}")
        return await self._carry_out(_Attempt(target, wish, before, look, time))

    async def _carry_out(self, attempt: _Attempt) -> Outcome:
        sent = 0
        try:
            for step in replicas.steps(attempt.before, attempt.wish):
                there = await self._send(attempt, step)
                sent += 1
                if step.runs and not await self._is_ready(attempt, there):
                    break
            return await self._judged(attempt, sent)
        except NotSentError as problem:
            if not sent:
                return Outcome(OutcomeStatus.FAILED, f"nothing was sent: {problem}")
            return await self._after_trouble(attempt, problem)
        except AetherError as problem:
            return await self._after_trouble(attempt, problem)

    async def _send(self, attempt: _Attempt, step: Step) -> str:
        """The id of the container that is there then."""
        name, one = str(attempt.target.name), step.container
        left, grace = attempt.time.left - attempt.look, self._grace if one.stop_seconds is None else one.stop_seconds
        ends = step.call in _ENDING and one.status is ContainerStatus.RUNNING
        if left <= timedelta(seconds=grace if ends else 0):
            raise NotSentError(f"{one.name} may take {grace} s to end, and {left.total_seconds():.0f} s are left")
        match step.call:
            case Call.RESTART:
                await self._daemon.restart(name, one.id, grace=grace, deadline=left)
            case Call.START:
                await self._daemon.start(name, one.id, deadline=left)
            case Call.STOP:
                await self._daemon.stop(name, one.id, grace=grace, deadline=left)
            case Call.LIMIT if isinstance(attempt.wish, Limits):
                await self._daemon.limit(name, one.id, replicas.new_bounds(one, attempt.wish), deadline=left)
            case Call.REPLACE if isinstance(attempt.wish, Release):
                return await self._replaced(attempt, step, attempt.wish.name, grace)
            case Call.ONE_MORE:
                place = self._places[attempt.target.name]
                return await self._daemon.one_more(name, (place.project, place.service), step.there, deadline=left)
        return one.id

    async def _replaced(self, attempt: _Attempt, step: Step, image: str, grace: int) -> str:
        """The proxy starts the new one where the old one ran; one that had failed is started here."""
        name, left = str(attempt.target.name), attempt.time.left - attempt.look
        made = await self._daemon.replace(name, step.container.id, image, grace=grace, deadline=left)
        if step.runs and replicas.is_startable(step.container):
            await self._daemon.start(name, made, deadline=max(attempt.time.left - attempt.look, _LEAST))
        return made

    async def _is_ready(self, attempt: _Attempt, container: str) -> bool:
        """Wait for it, as long as there is time for one more look at all of them."""
        for pause in _pauses():
            left = attempt.time.left - attempt.look
            if left <= _NO_TIME:
                return False
            seen = await self._daemon.container(attempt.target.name, container, deadline=min(left, attempt.look))
            if seen.is_ready:
                return True
            await asyncio.sleep(pause)
        return False

    async def _judged(self, attempt: _Attempt, sent: int) -> Outcome:
        """What Docker said counts for nothing; what the target shows does. Where nothing was sent, it is waited for."""
        seen = await (self._look(attempt.target, attempt.look) if sent else self._settled(attempt, is_no=False))
        if seen.observation.shows(attempt.wish):
            by = "" if sent else "by Docker's own restart policy: "
            return Outcome(OutcomeStatus.DONE, f"{by}{seen.words}")
        said = f"{sent} calls were answered with yes" if sent else "it was left to Docker, nothing was sent"
        return Outcome(OutcomeStatus.FAILED, f"{said}, but in time it shows only this: {seen.words}")

    async def _after_trouble(self, attempt: _Attempt, problem: AetherError) -> Outcome:
        """The reply is lost, or it was a no, which may come after the act: what the target shows counts."""
        try:
            seen = await self._settled(attempt, is_no=isinstance(problem, _SAID_NO))
        except AetherError as second:
            return Outcome(OutcomeStatus.UNKNOWN, f"{problem}; and it could not be looked at: {second}")
        if seen.observation.shows(attempt.wish):
            return Outcome(OutcomeStatus.DONE, f"the target shows it, in spite of this: {problem}")
        if isinstance(problem, NotSentError) or (isinstance(problem, _SAID_NO) and _is_untouched(seen, attempt.before)):
            return Outcome(OutcomeStatus.FAILED, str(problem))
        return Outcome(OutcomeStatus.UNKNOWN, f"the target does not show its effect yet: {problem}; {seen.words}")

    async def _settled(self, attempt: _Attempt, *, is_no: bool) -> Seen:
        """The first look that shows the wish, else the last in time; after a no that nothing came of, the first."""
        for pause in _pauses():
            try:
                seen = await self._look(attempt.target, attempt.look)
            except NotFoundError:  # while one takes the place of another, neither has the name
                if attempt.time.left <= attempt.look:
                    raise
            else:
                is_over = seen.observation.shows(attempt.wish) or (is_no and _is_untouched(seen, attempt.before))
                if is_over or attempt.time.left <= attempt.look:
                    return seen
            await asyncio.sleep(pause)
        raise AssertionError("there is always one more pause")

    async def _look(self, target: Target, deadline: timedelta) -> Seen:
        place = self._places.get(target.name)
        if place is None:
            raise NotFoundError(
                f"target {target.name} is no container of the settings{why_not(self._places, target.name)}"
            )
        time = _Countdown(deadline)
        found = await self._daemon.labelled(target.name, replicas.filters(place), place.container, deadline=deadline)
        own = replicas.members(place, found)
        if place.is_found and (problem := replicas.not_its_own(place, own, self._declared)):
            raise NotFoundError(problem)
        exchanged = replicas.exchanged(found)
        seen = [Replica(one, one.id in exchanged or await self._is_wanted(target, one, time)) for one in own]
        is_agent = bool(self._own) and any(one.id.startswith(self._own) for one in own)
        return Seen(tuple(seen), await self._reach(target, place, own[0], time), is_agent)

    async def _reach(self, target: Target, place: DockerPlace, one: Container, time: _Countdown) -> Reach:
        """What can be made. Only a clear no counts as one: whoever does not answer cannot be looked at."""
        try:
            told = await self._daemon.releases(target.name, one.id, deadline=time.left)
        except (NotFoundError, RejectedError) as problem:
            needs = "making containers needs `aether socket-proxy` at docker.host, with its leave"
            return Reach(problem=f"{needs}: {problem}", no_change=_closed(problem))
        if place.container:
            return Reach(told.before, 1, no_more="a container that is found by its name is one")
        return Reach(told.before, told.most_replicas)

    async def _is_wanted(self, target: Target, container: Container, time: _Countdown) -> bool:
        """What was heard counts first, for the daemon forgets: a stop that it told of here is kept as well."""
        if not replicas.is_over(container):
            return replicas.is_wanted(container, ())
        events: Collection[str] = self._ends.told(container)
        if not events:
            events = await self._told_by_the_daemon(target, container, time)
        return replicas.is_wanted(container, events)

    async def _told_by_the_daemon(self, target: Target, container: Container, time: _Countdown) -> list[str]:
        try:
            events = await self._daemon.happened(target.name, container, deadline=time.left)
        except RejectedError:  # a proxy that lets no events through: the container itself has to tell
            return []
        if "stop" in events:
            self._ends.stopped(container)
        return events


def _objection(target: Target, before: Seen, wish: Wish) -> str:
    return refusal(target, wish) or hindrance(before.observation, wish) or replicas.objection(before, wish)


def _closed(problem: AetherError) -> str:
    """Why the proxy changes nothing about the container. It tells releases of all that it would change, of no other."""
    is_forbidden = isinstance(problem, RejectedError) and problem.status == 403
    return str(problem) if is_forbidden and _PROXY in str(problem) else ""


def _pauses() -> Iterator[float]:
    yield from _PAUSES
    while True:
        yield _PAUSES[-1]


def _is_untouched(seen: Seen, before: Seen) -> bool:
    """Whether the same containers have the same starts, ends and limits."""
    return _lives(seen) == _lives(before)


def _lives(seen: Seen) -> list[tuple[str, datetime | None, datetime | None, Bounds]]:
    every = [one.container for one in seen.replicas]
    return [(one.id, one.started_at, one.ending.at, one.bounds) for one in every]


@dataclass(frozen=True, slots=True)
class OpenedDocker:
    """The executor, the way to close it, and what follows the daemon's events for it, given whom to tell if it does."""

    executor: DockerExecutor
    aclose: Callable[[], Awaitable[None]]
    following: Callable[[Callable[[bool], None]], Following]


def opened_docker(host: str, grace: timedelta, places: Mapping[str, DockerPlace]) -> OpenedDocker:
    """On the daemon at that address. Nothing is asked there before somebody asks, or starts following."""
    daemon, events, ends = DockerDaemon(host), DockerEvents(host), Ends()

    async def aclose() -> None:
        await events.aclose()
        await daemon.aclose()

    executor = DockerExecutor(daemon, places, grace=grace, ends=ends)
    return OpenedDocker(executor, aclose, lambda says: Following(events, ends, says))
