"""Settings of the reconciliation with Alertmanager."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration


class ReconcileOptions(BaseModel):
    """How often the Alertmanagers are asked for everything that fires, and how much is believed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        default=True, description="false: what no webhook delivers is never heard of, and what no webhook ends stays."
    )
    interval: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(milliseconds=100),
        le=timedelta(hours=1),
        description="How long to wait between two questions to each Alertmanager.",
    )
    settle: Duration = Field(
        default=timedelta(seconds=15),
        ge=timedelta(0),
        le=timedelta(hours=1),
        description="How long ago an alert that no webhook delivered must have begun to count at once: one that is "
        "younger is probably on its way, and counts when it is still there at the next question.",
    )
    settle_after_start: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(0),
        le=timedelta(days=1),
        description="How long an Alertmanager must be up before what it does not list counts as over: it keeps alerts "
        "in memory only, and after a start lists nothing until Prometheus has sent again. Longer than the longest "
        "evaluation interval.",
    )
    max_bytes: Count = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        le=1024 * 1024 * 1024,
        description="The largest list of alerts that is read, in bytes; a larger one is an error and changes nothing.",
    )
    max_alerts: Count = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="The most alerts that one list may hold; more are an error and change nothing.",
    )
