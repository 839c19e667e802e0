"""A score as a small drawing: how it was, and dotted where it goes if it goes on so."""

from collections.abc import Sequence
from dataclasses import dataclass

from aetherlink.model.health import HealthReading

WIDTH, HEIGHT = 120.0, 28.0
_PAST = 90.0  # of the width; the rest is for what is foretold
_HIGHEST = 100.0
_HOURS_AHEAD = 0.5


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Points for SVG polylines, in a box of WIDTH by HEIGHT; the line is parted where no score was read."""

    lines: Sequence[str]
    ahead: str


def sparkline(readings: Sequence[HealthReading]) -> Sparkline | None:
    """Of readings with the newest first; None where there are too few."""
    ordered = readings[::-1]
    if len([one for one in ordered if one.score is not None]) < 2:
        return None
    began, ended = ordered[0].at, ordered[-1].at
    span = (ended - began).total_seconds() or 1.0
    runs: list[list[str]] = [[]]
    for one in ordered:
        if one.score is None:
            runs.append([])
        else:
            runs[-1].append(_point((one.at - began).total_seconds() / span * _PAST, one.score))
    return Sparkline([" ".join(run) for run in runs if len(run) > 1], _ahead(ordered[-1]))


def _ahead(last: HealthReading) -> str:
    if last.forecast is None or last.score is None:
        return ""
    then = max(0.0, last.score + last.forecast.slope * _HOURS_AHEAD)
    return f"{_point(_PAST, last.score)} {_point(WIDTH, then)}"


def _point(across: float, score: float) -> str:
    return f"{across:.1f},{_down(score):.1f}"


def _down(score: float) -> float:
    return 1 + (HEIGHT - 2) * (1 - min(_HIGHEST, max(0.0, score)) / _HIGHEST)
