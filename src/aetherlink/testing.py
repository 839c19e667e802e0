"""Thin fakes of the outside, for the project's tests and for those who write playbooks, executors or notifiers.

Each one passes the same contract suite as the real thing, as far as there is one.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from aetherlink.errors import NotFoundError
from aetherlink.executors.bounds import refusal
from aetherlink.executors.dry_run import imagined
from aetherlink.lib.hash_chain import KEY_BYTES, Key
from aetherlink.model.actions import (
    CPU,
    Limits,
    Observation,
    Outcome,
    OutcomeStatus,
    Requested,
    Target,
    Verb,
    Wish,
)
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.deliveries import Digest, Letter
from aetherlink.model.ids import SourceName, TargetName

_LIMITS = Limits(256 * 2**20, CPU // 2)
START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class ManualClock:
    """Time that stands still until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed = timedelta(0)

    def now(self) -> datetime:
        """The moved time."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds moved so far."""
        return self._passed.total_seconds()

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += timedelta(seconds=seconds)


class CountingIds:
    """Ids that count: `inc-0001`, `act-0002`."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        """The next one."""
        self._count += 1
        return f"{prefix}-{self._count:04d}"

    def secret(self) -> str:
        """The next one, which everybody can guess."""
        self._count += 1
        return f"{self._count:032x}"


class ScriptedProbe:
    """A probe that answers what it was told, and remembers what it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.status = EvidenceStatus.HOLDS
        self.asked: list[tuple[str, datetime | None]] = []

    async def check(self, source: SourceName, query: str, *, newer_than: datetime | None = None) -> Evidence:  # noqa: ARG002 - the port's signature
        """The scripted status, as of now."""
        self.asked.append((query, newer_than))
        now = self._clock.now()
        return Evidence(query, self.status, now, f"scripted to say {self.status}", sample_at=now)


class MemoryExecutor:
    """An executor whose world is a dictionary; `before` may raise or move time before a wish is carried out."""

    verbs = frozenset(Verb)
    is_rolling = False

    def __init__(self, clock: ManualClock, targets: Sequence[TargetName]) -> None:
        self._clock = clock
        self.before: Callable[[], None] = lambda: None
        self.calls: list[Wish] = []
        self.world = {
            name: Observation(
                ready=1, wanted=1, oldest_start=clock.now(), release="1.1.0", previous_release="1.0.0", limits=_LIMITS
            )
            for name in targets
        }

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:  # noqa: ARG002 - answers at once
        """What the dictionary says."""
        if target.name not in self.world:
            raise NotFoundError(f"there is no {target.name}")
        return self.world[target.name]

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:  # noqa: ARG002 - as above
        """Change the dictionary, unless it is so already."""
        seen = self.world.get(target.name)
        if seen is None:
            return Outcome(OutcomeStatus.FAILED, f"there is no {target.name}")
        if isinstance(wish, Requested | Limits) and (reason := refusal(target, wish)):
            return Outcome(OutcomeStatus.FAILED, f"nothing was sent: {reason}")
        if seen.shows(wish):
            return Outcome(OutcomeStatus.NOT_NEEDED, "it is so already")
        self.calls.append(wish)
        self.before()
        self.world[target.name] = imagined(seen, wish, self._clock.now())
        return Outcome(OutcomeStatus.DONE, "")


def fixed_key(_is_in_use: bool) -> Key:
    """The same key for every database."""
    return Key(bytes(KEY_BYTES))


class RecordingNotifier:
    """A notifier that remembers what it was told, and fails as it is told to; each problem is raised once."""

    collapses = True

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.digests: list[Digest] = []
        self.problems: list[Exception] = []

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:  # noqa: ARG002 - the port's signature
        """Remember the letter; its reference is the incident's id."""
        self._fail()
        self.letters.append(letter)
        return {"id": letter.incident.id}

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:  # noqa: ARG002 - the port's signature
        """Remember the digest."""
        self._fail()
        self.digests.append(digest)
        return {"id": digest.id}

    async def check(self, *, deadline: timedelta) -> str:  # noqa: ARG002 - the port's signature
        """Nobody's account."""
        return "nobody"

    def _fail(self) -> None:
        if self.problems:
            raise self.problems.pop(0)
