"""How long until the score falls under its threshold, if it goes on as it does; with what is not known about that.

Pure. The trend is the Theil-Sen slope (Theil 1950, Sen 1968): the median of the slopes of all pairs of readings, which
a few odd ones cannot bend. Its interval is Sen's, from the normal approximation of Kendall's S. Readings are taken to
scatter independently; a score that is itself an average moves more smoothly, so the interval is rather too narrow.
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations
from statistics import median

from aetherlink.model.health import Forecast

WINDOW = timedelta(minutes=30)
FARTHEST = timedelta(hours=6)
"""A trend of half an hour says nothing about a later time."""

FEWEST = 5
MOST = 60  # pairs grow with the square; of more readings every n-th is taken
_INSTANT = 0.001  # seconds; readings that are closer say nothing about a slope
_CONFIDENCE = 1.645  # 90 % of a normal distribution lie within so many standard deviations

Point = tuple[float, float]  # seconds on any one clock, score


def forecast(points: Sequence[Point], threshold: float) -> Forecast | None:
    """None when too little is known, when it does not fall, when it is low already, or when it takes too long."""
    used = _thinned(points)
    slopes = sorted(
        (after - before) / (later - earlier)
        for (earlier, before), (later, after) in combinations(used, 2)
        if later - earlier >= _INSTANT
    )
    if len(used) < FEWEST or not slopes:
        return None
    slope = median(slopes)
    above = median(score + slope * (used[-1][0] - at) for at, score in used) - threshold
    if slope >= 0 or above <= 0:
        return None
    steepest, flattest = _interval(slopes, len(used))
    earliest = _crossing(above, steepest)
    if earliest is None:
        return None
    if flattest >= 0:
        return Forecast(slope * 3600, earliest)
    return Forecast(slope * 3600, earliest, _crossing(above, slope), _crossing(above, flattest))


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most MOST of them in the order of time, evenly taken, the newest among them."""
    ordered = sorted(points)
    step = math.ceil(len(ordered) / MOST) or 1
    return ordered[::-1][::step][::-1]


def _interval(pairs: Sequence[float], count: int) -> tuple[float, float]:
    """The slopes between which the true one lies in 90 of 100 cases."""
    spread = _CONFIDENCE * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = math.floor((len(pairs) - spread) / 2)
    return pairs[max(0, low)], pairs[min(len(pairs) - 1, len(pairs) - 1 - low)]


def _crossing(above: float, slope: float) -> timedelta | None:
    """When a fall from `above` reaches zero; None when it never does, or too late to be told."""
    if slope >= 0 or above > -slope * FARTHEST.total_seconds():
        return None
    return timedelta(seconds=above / -slope)
