"""Settings of PagerDuty."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Url

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _check_safe(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"{url!r}: the key would be sent in the clear: write https://")
    return url


class PagerDutyOptions(BaseModel):
    """PagerDuty, by its Events API v2."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    routing_key_file: Path = Field(
        description="A file that holds the integration key of an Events API v2 integration; read at the start."
    )
    url: Annotated[Url, AfterValidator(_check_safe)] = Field(
        default="https://events.pagerduty.com",
        description="Where events go. Accounts of the EU region: `https://events.eu.pagerduty.com`.",
    )
