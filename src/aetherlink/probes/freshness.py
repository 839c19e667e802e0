"""Judges what one combined answer is evidence of: whether its samples are fresh, and what they show.

Called by the Prometheus probe. Pure. All instants here are the server's, in seconds since 1970.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from aetherlink.errors import AnswerError
from aetherlink.model.decisions import EvidenceStatus
from aetherlink.probes.expression import PART, Expression, Selector

_MOST_SHOWN = 3
_LONGEST_SHOWN = 160
_MILLISECONDS = 0.005  # what rounding may add


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the expression itself. Its number may be NaN or infinite."""

    labels: str
    number: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The combined answer, taken apart. `times` holds, by part, the instants (and counts) that were asked for."""

    now: float
    samples: tuple[Sample, ...] = ()
    times: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the answer shows, why, the instant of the oldest sample that it rests on, and how far apart samples are."""

    status: EvidenceStatus
    detail: str
    sample_at: float | None = None
    spacing: timedelta | None = None


def read_snapshot(result: list[object]) -> Snapshot:
    """Take a vector apart. Raises AnswerError when it is not the answer to a combined query."""
    samples: list[Sample] = []
    times: dict[str, float] = {}
    seen: set[frozenset[tuple[str, str]]] = set()
    for labels, number in _pairs(result):
        series = frozenset(labels.items())
        if series in seen:
            raise AnswerError(f"the answer holds the series {_show(labels)} twice: one of them is not true")
        seen.add(series)
        part = labels.get(PART, "")
        if part == "value":
            samples.append(Sample(_show(labels), number))
        else:
            times[part] = number
    now = times.get("now", math.nan)
    if not math.isfinite(now):
        raise AnswerError("the answer does not say what time it is at the server: it cannot be dated")
    return Snapshot(now, tuple(samples), times)


def judge(expression: Expression, snapshot: Snapshot, *, newer_than: float | None, max_age: timedelta) -> Verdict:
    """No data unless every current sample is fresh (and newer than asked); then what the expression says of them."""
    dated = [selector for selector in expression.selectors if selector.current in snapshot.times]
    oldest = min((_oldest(selector, snapshot) for selector in dated), default=None)
    problem = "" if dated else f"no current sample of {_names(expression.selectors)}"
    problem = problem or next(_staleness(expression.selectors, snapshot, newer_than, max_age), "")
    if problem:
        return Verdict(EvidenceStatus.NO_DATA, problem, oldest)
    status, detail = _outcome(expression, snapshot.samples)
    return Verdict(status, detail, oldest)


def _staleness(
    selectors: tuple[Selector, ...], snapshot: Snapshot, newer_than: float | None, max_age: timedelta
) -> Iterator[str]:
    """Every reason why the samples do not count."""
    for selector in selectors:
        current = snapshot.times.get(selector.current)
        if current is None and selector.present in snapshot.times:
            yield f"the series of {selector.text} have ended: only their past is left"
        if current is not None and snapshot.now - current > max_age.total_seconds():
            yield (
                f"samples of {selector.text} are {snapshot.now - current:.1f} s old; "
                f"at most {max_age.total_seconds():g} s count"
            )
        if current is not None and current - snapshot.now > _MILLISECONDS:
            yield f"samples of {selector.text} lie {current - snapshot.now:.1f} s in the future of their own server"
        if newer_than is not None:
            yield from _too_early(selector, snapshot, newer_than)


def _too_early(selector: Selector, snapshot: Snapshot, newer_than: float) -> Iterator[str]:
    current = snapshot.times.get(selector.current)
    if current is not None and current <= newer_than:
        yield f"samples of {selector.text} are {newer_than - current:.1f} s older than the action"
    start = _oldest(selector, snapshot)
    if selector.reach and start <= newer_than:
        yield (
            f"{selector.text} reaches back {selector.reach.total_seconds():g} s, "
            f"{newer_than - start:.1f} s of it before the action"
        )


def _oldest(selector: Selector, snapshot: Snapshot) -> float:
    """The oldest sample that the selector may have used."""
    if not selector.reach:
        return snapshot.times.get(selector.current, snapshot.now)
    start = snapshot.now - selector.reach.total_seconds()
    return start if selector.window else min(start, snapshot.times.get(selector.earliest, start))


def _outcome(expression: Expression, samples: tuple[Sample, ...]) -> tuple[EvidenceStatus, str]:
    if not samples:
        return EvidenceStatus.DOES_NOT_HOLD, f"nothing matches; {_names(expression.selectors)} fresh"
    shown = "; ".join(f"{sample.labels} {sample.number:g}" for sample in samples[:_MOST_SHOWN])
    shown += f"; and {len(samples) - _MOST_SHOWN} more" if len(samples) > _MOST_SHOWN else ""
    if not all(math.isfinite(sample.number) for sample in samples):
        return EvidenceStatus.NO_DATA, f"not every number is finite: {shown}"
    if expression.is_truth_valued and not any(sample.number for sample in samples):
        return EvidenceStatus.DOES_NOT_HOLD, f"the comparison is false: {shown}"
    return EvidenceStatus.HOLDS, shown


def _pairs(result: list[object]) -> Iterator[tuple[Mapping[str, str], float]]:
    for sample in result:
        match sample:
            case {"metric": dict() as labels, "value": [_, str() as text]}:
                yield labels, _number(text)
            case {"metric": dict() as labels, "histogram": _}:
                yield labels, math.nan
            case _:
                raise AnswerError("the answer holds a sample without a metric or a value")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise AnswerError(f"the answer holds {text[:40]!r} where a number belongs") from error


def _show(labels: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{name}={value!r}" for name, value in sorted(labels.items()) if name not in (PART, "__name__"))
    text = f"{labels.get('__name__', '')}{{{pairs}}}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _names(selectors: tuple[Selector, ...]) -> str:
    names = list(dict.fromkeys(selector.text for selector in selectors))
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more
