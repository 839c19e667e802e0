"""Types that the options of several rooms share, for pydantic."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from aetherlink.errors import BadRequestError
from aetherlink.lib import promql
from aetherlink.lib.durations import read_duration


def _check_promql(query: str) -> str:
    try:
        promql.parse(query)
    except BadRequestError as problem:
        raise ValueError(str(problem)) from problem
    return query


PromQL = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_check_promql)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
