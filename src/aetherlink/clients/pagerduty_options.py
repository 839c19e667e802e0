"""Settings of PagerDuty."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Url


class PagerDutyOptions(BaseModel):
    """PagerDuty, by its Events API v2."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    routing_key_file: Path = Field(
        description="A file that holds the integration key of an Events API v2 integration; read at the start."
    )
    url: Url = Field(
        default="https://events.pagerduty.com",
        description="Where events go. Accounts of the EU region: `https://events.eu.pagerduty.com`.",
    )
