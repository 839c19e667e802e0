"""What the probes count as fresh. Part of the settings."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Duration


class ProbeOptions(BaseModel):
    """Freshness of evidence. It cannot be switched off: stale data would pass for the present."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_age: Duration = Field(
        default=timedelta(minutes=5),
        gt=timedelta(0),
        le=timedelta(hours=1),
        description="The oldest current sample that still counts. The default is as far back as Prometheus looks; two "
        "or three scrape intervals are stricter and better.",
    )
