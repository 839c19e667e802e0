"""The answer to a PromQL query, as the metrics source gave it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from aetherlink.model.principals import Principal


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """An instant query's answer.

    `kind` is Prometheus' resultType (vector, scalar, string, matrix), `result` its result as decoded JSON. `value` is
    the first sample's number, None when there is no sample or when the number is NaN or infinite. `warnings` are the
    source's own words about what may be wrong with the answer, such as a store that it could not ask.
    """

    kind: str
    result: list[object]
    value: float | None
    warnings: tuple[str, ...] = ()

    @property
    def samples(self) -> list[tuple[Mapping[str, str], float | None]]:
        """Each sample of a vector: its labels, and its number as `value` has it."""
        return [_sample(one) for one in self.result] if self.kind == "vector" else []


def _sample(sample: object) -> tuple[Mapping[str, str], float | None]:
    match sample:
        case {"metric": dict() as labels, "value": [_, str() as text]}:
            return labels, finite_number(text)
        case {"metric": dict() as labels}:
            return labels, None
        case _:
            return {}, None


def finite_number(text: str) -> float | None:
    """The number that Prometheus wrote, None for NaN, infinities and what is no number."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class QuestionKind(StrEnum):
    """What may be asked of Prometheus in somebody's name, and nothing else of it."""

    QUERY = "query"
    QUERY_RANGE = "query_range"
    LABELS = "labels"
    LABEL_VALUES = "label_values"
    SERIES = "series"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of Prometheus: `form` in its own words. `label` is whose values are wanted, where they are."""

    kind: QuestionKind
    form: tuple[tuple[str, str], ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class PassedAnswer:
    """Prometheus' `data` as it wrote it, in JSON, with its remarks; `count` is how many series or names it holds."""

    data: bytes
    count: int
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """The instants of a range query: from `start` to `end` in seconds since 1970, `step` seconds apart."""

    start: float
    end: float
    step: float

    @property
    def points(self) -> int:
        """How many instants there are."""
        return int((self.end - self.start) / self.step) + 1

    def on_whole_steps(self) -> "Span":
        """The same, moved down to whole steps since 1970; it may gain one instant."""
        start, end = (math.floor(at / self.step) * self.step for at in (self.start, self.end))
        return Span(start, end, self.step)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which series a list is made of: those that one of `match` selects, between two instants in seconds since 1970."""

    match: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks which source, and how long he waits; None: the first source, and as long as is allowed."""

    caller: Principal
    source: str | None = None
    patience: timedelta | None = None
