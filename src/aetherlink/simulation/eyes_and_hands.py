"""What the agent has of the outside: a Prometheus that may be blind or wrong, and hands that may slip."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from random import Random

from aetherlink.errors import NotFoundError, UnreachableError
from aetherlink.model.actions import Observation, Outcome, OutcomeStatus, Target, Verb, Wish
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.ids import SourceName, TargetName
from aetherlink.simulation.clockwork import START, SimulatedClock
from aetherlink.simulation.crashes import Mortality
from aetherlink.simulation.truth import Truth

_SCRAPE = timedelta(seconds=10)
_QUERY = re.compile(r'(?P<metric>\w+)\{service="(?P<target>[\w-]+)"\} == (?P<value>[01])')
_LONGEST_LOOK = 8.0  # seconds


class Sight(StrEnum):
    """How Prometheus answers."""

    CLEAR = "clear"
    STALE = "its samples are old"
    EMPTY = "its answers are empty"
    BROKEN = "it does not answer"
    NAN = "its samples are no numbers"


_BLIND = {
    Sight.STALE: EvidenceStatus.NO_DATA,
    Sight.EMPTY: EvidenceStatus.NO_DATA,
    Sight.BROKEN: EvidenceStatus.ERROR,
    Sight.NAN: EvidenceStatus.NO_DATA,
}


@lru_cache(maxsize=256)
def _read(query: str) -> tuple[str, TargetName, bool]:
    found = _QUERY.fullmatch(query)
    if found is None:
        raise LookupError(f"the simulated Prometheus does not know `{query}`")
    return found["metric"], TargetName(found["target"]), found["value"] == "1"


class SimulatedProbe:
    """See ports.Probe. `told` hears of every answer."""

    def __init__(
        self,
        truth: Truth,
        clock: SimulatedClock,
        dice: Random,
        *,
        lag: float,
        told: Callable[[Evidence], None],
    ) -> None:
        self._truth = truth
        self._clock = clock
        self._dice = dice
        self._lag = lag
        self._told = told
        self.sight = Sight.CLEAR

    async def check(self, source: SourceName, query: str, *, newer_than: datetime | None = None) -> Evidence:  # noqa: ARG002 - the port's signature; there is one source
        """The truth at the last scrape, or nothing."""
        if self._dice.random() < self._lag:
            await asyncio.sleep(self._dice.random() * _LONGEST_LOOK)
        evidence = self._seen(query, newer_than)
        self._told(evidence)
        return evidence

    def _seen(self, query: str, newer_than: datetime | None) -> Evidence:
        now = self._clock.now()
        if self.sight is not Sight.CLEAR:
            return Evidence(query, _BLIND[self.sight], now, self.sight)
        metric, target, wanted = _read(query)
        sample_at = now - (now - START) % _SCRAPE
        if newer_than is not None and sample_at <= newer_than:
            return Evidence(query, EvidenceStatus.NO_DATA, now, "no sample since", sample_at)
        is_so = self._truth.is_wrong(target, metric, sample_at) is wanted
        return Evidence(query, EvidenceStatus.HOLDS if is_so else EvidenceStatus.DOES_NOT_HOLD, now, "", sample_at)


class Grip(StrEnum):
    """How one call to the executor ends."""

    GOOD = "it is done"
    FAILED = "it says that it failed, and it did"
    IDLE = "it says that it is done, and nothing happened"
    HANGING = "it does not answer, and nothing happened"
    SILENT = "it does not answer, and it is done"
    LOST = "its answer is lost, and it is done"
    FLAPPING = "it is done, and breaks again"


_SLIPS = tuple(grip for grip in Grip if grip is not Grip.GOOD)


class SimulatedExecutor:
    """See ports.Executor. `called` hears of every wish before anything comes of it, `saw` of every look."""

    verbs = frozenset(Verb)

    def __init__(
        self,
        truth: Truth,
        clock: SimulatedClock,
        dice: Random,
        mortality: Mortality,
        *,
        lag: float,
        slips: float,
        is_rolling: bool,
        called: Callable[[Target, Wish], None],
        saw: Callable[[TargetName, Observation], None],
    ) -> None:
        self._truth = truth
        self._clock = clock
        self._dice = dice
        self._mortality = mortality
        self._lag = lag
        self._slips = slips
        self.is_rolling = is_rolling
        self._called = called
        self._saw = saw

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:  # noqa: ARG002 - it is quick
        """What is; or that nobody can tell."""
        self._mortality.pass_by()
        if self._dice.random() < self._lag:
            await asyncio.sleep(self._dice.random() * _LONGEST_LOOK)
        if self._dice.random() < self._slips / 10:
            raise UnreachableError("the executor does not answer")
        if target.name not in self._truth.seen:
            raise NotFoundError(f"there is no {target.name}")
        seen = self._truth.seen[target.name]
        self._saw(target.name, seen)
        return seen

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """Make it so, more or less."""
        self._mortality.pass_by()
        self._called(target, wish)
        if target.name not in self._truth.seen:
            return Outcome(OutcomeStatus.FAILED, f"there is no {target.name}")
        if self._truth.seen[target.name].shows(wish):
            return Outcome(OutcomeStatus.NOT_NEEDED, "it is so already")
        grip = self._dice.choice(_SLIPS) if self._dice.random() < self._slips else Grip.GOOD
        if self._dice.random() < 0.5:
            await asyncio.sleep(self._dice.random() * deadline.total_seconds() / 2)
        self._mortality.pass_by()
        return await self._end(target, wish, grip, deadline)

    async def _end(self, target: Target, wish: Wish, grip: Grip, deadline: timedelta) -> Outcome:
        if grip not in (Grip.FAILED, Grip.IDLE, Grip.HANGING):
            wrong = self._truth.broken
            self._truth.carry_out(target.name, wish, self._clock.now())
            self._mortality.pass_by()
            if grip is Grip.FLAPPING:
                self._break_again(target.name, wrong)
        match grip:
            case Grip.FAILED:
                return Outcome(OutcomeStatus.FAILED, "it could not be done")
            case Grip.HANGING | Grip.SILENT:
                await asyncio.sleep(deadline.total_seconds() / 2)
                return Outcome(OutcomeStatus.UNKNOWN, "no answer in time")
            case Grip.LOST:
                return Outcome(OutcomeStatus.UNKNOWN, "the answer was lost")
            case _:
                return Outcome(OutcomeStatus.DONE, "")

    def _break_again(self, target: TargetName, wrong: list[tuple[TargetName, str]]) -> None:
        soon = self._clock.now() + timedelta(microseconds=1)
        for name, metric in wrong:
            if name == target:
                self._truth.set(name, metric, soon, wrong=True)
