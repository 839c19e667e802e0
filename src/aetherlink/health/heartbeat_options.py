"""Settings of the heartbeats."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Duration


class HeartbeatOptions(BaseModel):
    """The alert that always fires, named by labels.heartbeat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(milliseconds=100),
        le=timedelta(days=1),
        description="How long the heartbeat of a source may be silent before the agent says that monitoring is blind. "
        "Where no Alertmanager is asked for it, longer than the repeat_interval of its route.",
    )
