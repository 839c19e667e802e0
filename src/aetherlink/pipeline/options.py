"""Settings of the pipeline."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration


class PipelineOptions(BaseModel):
    """How patient the pipeline is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verify_interval: Duration = Field(
        default=timedelta(seconds=5), description="How long to wait between two looks at the verifying query."
    )
    redecide_interval: Duration = Field(
        default=timedelta(seconds=30), description="How long to wait before a denied plan is decided again."
    )
    action_deadline: Duration = Field(
        default=timedelta(seconds=60), description="How long one action may take before its outcome is unknown."
    )
    resolve_within: Duration = Field(
        default=timedelta(minutes=15),
        description="How long an alert may go on firing after a verified repair before a person is called; and how "
        "long the turn of a dependent lasts that may not be restarted yet.",
    )
    workers: Count = Field(default=8, ge=1, le=64, description="How many incidents are worked on at a time.")
