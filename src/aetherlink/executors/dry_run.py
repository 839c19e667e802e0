"""Hands that only say what they would do: over another executor's eyes, or over a world of their own.

Called by the pipeline as any executor. Nothing outside this process is ever changed from here.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from aetherlink.errors import AetherError, NotFoundError
from aetherlink.executors.bounds import hindrance, refusal
from aetherlink.model.actions import (
    CPU,
    Limits,
    Observation,
    Outcome,
    OutcomeStatus,
    Release,
    Replicas,
    Requested,
    StartedAfter,
    Target,
    Verb,
    Wish,
)
from aetherlink.model.ids import TargetName
from aetherlink.ports import Clock

_NOTHING = "dry run: nothing was changed"
_FIRST_RELEASES = ("imagined-1", "imagined-2")
_FIRST_LIMITS = Limits(256 * 2**20, CPU // 2)
_INSTANT = timedelta(microseconds=1)


def _forget(_target: Target, _wish: Wish) -> None:
    """What is only imagined leaves no trace in what is real."""


class Eyes(Protocol):
    """What a dry run needs of an executor: everything but its hands."""

    @property
    def verbs(self) -> frozenset[Verb]: ...
    @property
    def is_rolling(self) -> bool: ...
    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        """See ports.Executor."""
        ...


class DryRun:
    """See ports.Executor. Looks as what is inside does, refuses as any executor, and calls nothing.

    `imagine` is told every wish that would have been sent.
    """

    def __init__(self, inside: Eyes, imagine: Callable[[Target, Wish], None] = _forget) -> None:
        self.verbs = inside.verbs
        self.is_rolling = inside.is_rolling
        self._inside = inside
        self._imagine = imagine

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        """What is, as it is seen from inside. Raises UnreachableError, NotFoundError or AnswerError."""
        return await self._inside.observe(target, deadline=deadline)

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """Say what would be done. Already true: not needed; what would never be sent: failed; else done."""
        try:
            seen = await self.observe(target, deadline=deadline)
        except AetherError as problem:
            return Outcome(OutcomeStatus.FAILED, f"it could not be looked at, so nothing would be sent: {problem}")
        if seen.shows(wish):
            return Outcome(OutcomeStatus.NOT_NEEDED, "it is so already")
        if reason := refusal(target, wish) or hindrance(seen, wish):
            return Outcome(OutcomeStatus.FAILED, f"nothing would be sent: {reason}")
        self._imagine(target, wish)
        return Outcome(OutcomeStatus.DONE, f"{_NOTHING}; {_words(target, wish)}")


def imagined(seen: Observation, wish: Wish, now: datetime) -> Observation:
    """What would be seen once the wish, which is not true yet, was carried out."""
    match wish:
        case StartedAfter(instant):
            return replace(seen, ready=seen.wanted, oldest_start=max(now, instant + _INSTANT))
        case Replicas(count):
            return replace(seen, ready=count, wanted=count)
        case Release(name):
            return replace(seen, ready=seen.wanted, release=name, previous_release=seen.release)
        case Limits(memory, nano_cpus):
            return replace(seen, limits=Limits(memory or seen.limits.memory, nano_cpus or seen.limits.nano_cpus))
        case Requested():
            return replace(seen, ready=seen.wanted)


class ImaginedWorld:
    """Services that exist in memory only, one for each declared target, well from the beginning."""

    verbs = frozenset(Verb)
    is_rolling = True

    def __init__(self, targets: Iterable[Target], clock: Clock) -> None:
        self._clock = clock
        self._seen = {target.name: _at_first(target, clock.now()) for target in targets}

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:  # noqa: ARG002 - answers at once
        """What is imagined. Raises NotFoundError for a target that was not declared."""
        return self._find(target.name)

    def become(self, target: Target, wish: Wish) -> None:
        """Imagine the wish true. Raises NotFoundError for a target that was not declared."""
        self._seen[target.name] = imagined(self._find(target.name), wish, self._clock.now())

    def _find(self, name: TargetName) -> Observation:
        if name not in self._seen:
            raise NotFoundError(f"no target {name} is imagined: those of executor `dry_run` in the settings are")
        return self._seen[name]


def imagining(targets: Iterable[Target], clock: Clock) -> DryRun:
    """A dry run that keeps in memory what it imagines, so that a repeat is not needed."""
    world = ImaginedWorld(targets, clock)
    return DryRun(world, world.become)


def _at_first(target: Target, now: datetime) -> Observation:
    count = max(target.minimum, 1)
    previous, release = _FIRST_RELEASES
    return Observation(
        ready=count,
        wanted=count,
        oldest_start=now,
        release=release,
        previous_release=previous,
        limits=_FIRST_LIMITS,
    )


def _words(target: Target, wish: Wish) -> str:
    match wish:
        case StartedAfter():
            return f"{target.service} would have been restarted"
        case Replicas(count):
            return f"{target.service} would have been scaled to {count}"
        case Release(name):
            return f"release {name} would have been brought to {target.service}"
        case Limits() as limits:
            return f"{target.service} would have been limited to {limits.words}"
        case Requested(name):
            sent = next(one for one in target.requests if one.name == name)
            return f"{sent.method} {sent.url} would have been sent to {target.service}"
