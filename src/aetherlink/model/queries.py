"""The answer to a PromQL query, as the metrics source gave it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """An instant query's answer.

    `kind` is Prometheus' resultType (vector, scalar, string, matrix), `result` its result as decoded JSON. `value` is
    the first sample's number, None when there is no sample or when the number is NaN or infinite.
    """

    kind: str
    result: list[object]
    value: float | None
