"""What the probes count as fresh. Part of the settings."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Duration


class ProbeOptions(BaseModel):
    """Freshness of evidence. It cannot be switched off: stale data would pass for the present."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_age: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        le=timedelta(hours=1),
        description="The oldest current sample that still counts. Left out it is three times the interval at which the "
        "query's samples come, 30 s at least and 5 min at most, and 5 min while nobody knows the interval.",
    )
