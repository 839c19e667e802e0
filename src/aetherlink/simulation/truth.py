"""How the targets are in truth, whatever anybody sees of them, and what an executor's wish does to them."""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from aetherlink.model.actions import Limits, Observation, Release, Replicas, Requested, StartedAfter, Target, Wish
from aetherlink.model.ids import TargetName
from aetherlink.simulation.setup import TROUBLES

_USUAL = 2  # replicas, within everybody's bounds
_REMEMBERED = 16  # changes of one metric: as far back as anybody looks
_CURED_BY: dict[type[Wish], frozenset[str]] = {
    StartedAfter: frozenset({"down", "strange"}),
    Replicas: frozenset({"slow", "idle"}),
    Release: frozenset({"bad", "down"}),
    Limits: frozenset(),
    Requested: frozenset({"stuck"}),
}


@dataclass(slots=True)
class _Signal:
    """One metric of one target: 1 while it is wrong, with the latest changes."""

    changes: deque[tuple[datetime, bool]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    @property
    def now(self) -> bool:
        return bool(self.changes) and self.changes[-1][1]

    def at(self, instant: datetime) -> bool:
        return next((value for since, value in reversed(self.changes) if since <= instant), False)


class Truth:
    """All targets, those too that the settings do not name."""

    def __init__(self, targets: tuple[Target, ...], now: datetime) -> None:
        long_ago = now - timedelta(days=1)
        self._signals = {(target.name, trouble.metric): _Signal() for target in targets for trouble in TROUBLES}
        self.seen: dict[TargetName, Observation] = {
            target.name: Observation(_USUAL, _USUAL, long_ago, "1.1.0", "1.0.0") for target in targets
        }

    @property
    def broken(self) -> list[tuple[TargetName, str]]:
        """Everything that is wrong now."""
        return [key for key, signal in self._signals.items() if signal.now]

    def is_wrong(self, target: TargetName, metric: str, at: datetime | None = None) -> bool:
        """Whether it is, or was at that instant."""
        signal = self._signals[target, metric]
        return signal.now if at is None else signal.at(at)

    def set(self, target: TargetName, metric: str, now: datetime, *, wrong: bool) -> None:
        """It breaks, or is well again."""
        signal = self._signals[target, metric]
        if signal.now is wrong:
            return
        signal.changes.append((now, wrong))
        if metric == "down":
            seen = self.seen[target]
            self.seen[target] = replace(seen, ready=max(0, seen.wanted - 1) if wrong else seen.wanted)

    def carry_out(self, target: TargetName, wish: Wish, now: datetime) -> None:
        """The wish becomes true, and what it cures is well."""
        seen = self.seen[target]
        match wish:
            case StartedAfter(instant):
                started = max(now, instant + timedelta(microseconds=1))
                self.seen[target] = replace(seen, oldest_start=started)
            case Replicas(count):
                self.seen[target] = replace(seen, ready=min(seen.ready, count), wanted=count)
                if not self.is_wrong(target, "down"):
                    self.seen[target] = replace(seen, ready=count, wanted=count)
            case Release(name):
                earlier = seen.previous_release if seen.release == name else seen.release
                self.seen[target] = replace(seen, release=name, previous_release=earlier)
            case Limits() as limits:
                self.seen[target] = replace(seen, limits=limits)
            case Requested():
                pass  # nothing that a look could show
        for metric in sorted(_CURED_BY[type(wish)]):
            self.set(target, metric, now, wrong=False)
