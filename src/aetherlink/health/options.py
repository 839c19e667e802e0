"""Settings of the health loop and of the watch over the sources."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Duration, PromQL

_Interval = Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(days=1))]


class HealthOptions(BaseModel):
    """The health score loop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="false switches the health score loop off.")
    query: PromQL = Field(
        default="aether:health_score:15m", description="The PromQL that gives the health score, 0 to 100."
    )
    interval: _Interval = Field(default=timedelta(seconds=60), description="How long to wait between two checks.")
    check_at_start: bool = Field(
        default=False, description="true checks at once; false waits one interval before the first check."
    )
    threshold: float = Field(default=60.0, ge=0, le=100, description="A score below this one is low.")
    source_interval: _Interval = Field(
        default=timedelta(seconds=15),
        description="How long to wait between two questions to each source whether it is ready.",
    )
