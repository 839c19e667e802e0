"""Types that the options of several rooms share, for pydantic."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from aetherlink.errors import BadRequestError
from aetherlink.lib import promql
from aetherlink.lib.durations import read_duration
from aetherlink.lib.sizes import read_size


def _check_promql(query: str) -> str:
    try:
        promql.parse(query)
    except BadRequestError as problem:
        raise ValueError(str(problem)) from problem
    return query


def check_url(url: str) -> str:
    """The address without a slash at its end. Raises ValueError."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("an address is shown in logs and pages: it must not hold a name or a password")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not an address like http://prometheus:9090")
    return url.rstrip("/")


def _read_size(value: object) -> object:
    return read_size(value) if isinstance(value, str) else _refuse_yes_and_no(value)


def _refuse_yes_and_no(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("this has to be a number")  # noqa: TRY004 - validators report ValueError with its place
    return value


Count = Annotated[int, BeforeValidator(_refuse_yes_and_no)]
"""A whole number. To Python, and so to pydantic, `yes` is 1."""
Number = Annotated[float, BeforeValidator(_refuse_yes_and_no)]
"""A number, and no `yes`."""
Cpus = Annotated[float, BeforeValidator(_refuse_yes_and_no), Field(ge=0.01, le=1024)]
"""Processors."""
Size = Annotated[int, BeforeValidator(_read_size), Field(ge=6 * 2**20, le=2**50)]
"""Memory in bytes, written like `512M`. Docker takes no less than 6 MiB."""
PromQL = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_check_promql)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
Url = Annotated[str, AfterValidator(check_url)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
