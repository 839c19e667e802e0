"""The answer to a PromQL query, as the metrics source gave it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


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
