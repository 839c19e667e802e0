"""How far apart the samples of a query are, so that nobody has to say from which age on they are too old.

Called by the Prometheus probe. It is counted in the same evaluation as the query itself, once in ten minutes, and
remembered; sooner while it is not known, and when samples seem too old by it. What is not known changes nothing.
"""

import math
from collections.abc import Callable
from datetime import timedelta

from aetherlink.model.ids import SourceName
from aetherlink.probes.expression import Expression
from aetherlink.probes.freshness import Snapshot

_LONGEST = timedelta(minutes=5)  # as far back as Prometheus looks
_LEAST = timedelta(seconds=30)  # a scrape that comes late is no reason to be blind
_INTERVALS = 3
_REMEMBERED = timedelta(minutes=10)
_MOST_REMEMBERED = 1000
_DUE = -math.inf  # asked so long ago that it is asked again at the next look

_Key = tuple[SourceName, tuple[str, ...]]


class Spacings:
    """What is known of the samples that queries rest on. `monotonic` gives seconds that no clock's setting touches."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: dict[_Key, tuple[float, timedelta | None]] = {}

    def of(self, source: SourceName, expression: Expression) -> timedelta | None:
        """The greatest distance of its samples on the average; None where it is not known."""
        _, known = self._known.get(_key(source, expression), (0.0, None))
        return known

    def question(self, source: SourceName, expression: Expression) -> str:
        """What to ask: with the distance of its samples where that is due. One that failed is not asked so again."""
        key, now = _key(source, expression), self._monotonic()
        asked = self._known.get(key)
        if asked is not None and now - asked[0] < _REMEMBERED.total_seconds():
            return expression.combined
        self._known.pop(key, None)
        if len(self._known) >= _MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[key] = (now, None if asked is None else asked[1])
        return expression.spaced

    def learn(self, source: SourceName, expression: Expression, snapshot: Snapshot) -> None:
        """Take in what the answer to that question says; one that says nothing changes nothing and is asked again."""
        key = _key(source, expression)
        if key in self._known:
            asked_at, known = self._known[key]
            counted = _counted(expression, snapshot)
            self._known[key] = (_DUE, known) if counted is None else (asked_at, counted)

    def doubts(self, source: SourceName, expression: Expression, snapshot: Snapshot) -> bool:
        """Whether samples are too old by what is known, which may be so no more: then it is asked at the next look."""
        known = self.of(source, expression)
        oldest = min((snapshot.times.get(one.current, math.inf) for one in expression.selectors), default=math.inf)
        if known is None or snapshot.now - oldest <= oldest_that_counts(known).total_seconds():
            return False
        self._known[_key(source, expression)] = (_DUE, known)
        return True


def oldest_that_counts(spacing: timedelta | None) -> timedelta:
    """The age from which on samples are too old: three intervals, and within bounds."""
    return _LONGEST if spacing is None else min(max(_INTERVALS * spacing, _LEAST), _LONGEST)


def _counted(expression: Expression, snapshot: Snapshot) -> timedelta | None:
    """The most of all its selectors that have current samples; None unless each of them says it."""
    dated = [one for one in expression.selectors if one.current in snapshot.times]
    distances = [snapshot.times.get(one.spacing, math.nan) for one in dated]
    if not distances or not all(0 < distance < math.inf for distance in distances):
        return None
    return timedelta(seconds=min(max(distances), _LONGEST.total_seconds()))


def _key(source: SourceName, expression: Expression) -> _Key:
    return source, tuple(one.text for one in expression.selectors)
