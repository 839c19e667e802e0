"""Settings of the health loop and of the watch over the sources."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration, Number, PromQL

_Interval = Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(days=1))]
_PartName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
_PARTS: Mapping[str, str] = {
    "availability": "aether:crm_availability:15m",
    "success": "aether:crm_success:15m or aether:crm_success:15m:tenant",
    "latency": "aether:crm_latency_factor:15m or aether:crm_latency_factor:15m:tenant",
    "saturation": "aether:crm_pool_factor:15m",
}


class HealthOptions(BaseModel):
    """The health score loop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="false switches the health score loop off.")
    query: PromQL = Field(
        default="aether:health_score:15m", description="The PromQL that gives the health score, 0 to 100."
    )
    tenant_query: PromQL | None = Field(
        default="aether:health_score:15m:tenant",
        description="The PromQL that gives the score of each tenant, told apart by the first label of labels.tenant "
        "that is there; null: no scores by tenant.",
    )
    most_tenants: Count = Field(
        default=50,
        ge=0,
        le=500,
        description="How many tenants have a score of their own, VIPs first; the rest are counted in "
        "aether_agent_health_tenants_left_out.",
    )
    interval: _Interval = Field(default=timedelta(seconds=60), description="How long to wait between two checks.")
    check_at_start: bool = Field(
        default=False, description="true checks at once; false waits one interval before the first check."
    )
    threshold: Number = Field(default=60.0, ge=0, le=100, description="A score below this one is low.")
    freshness_query: PromQL | None = Field(
        default="time() - max(timestamp(up))",
        description="The PromQL that gives how many seconds ago the data behind the score were scraped. Where it rests "
        "on `up` alone and names no job, the job of the score is put in. null: never asked.",
    )
    alive_query: PromQL | None = Field(
        default="max(up)",
        description="The PromQL that gives 0 when nothing behind the score is alive: then a good score is not "
        "believed. The job is put in as above. null: never asked.",
    )
    max_age: Duration = Field(
        default=timedelta(minutes=2),
        gt=timedelta(0),
        le=timedelta(hours=1),
        description="The oldest data that still count, and the longest time since the score's own rule was evaluated.",
    )
    parts: dict[_PartName, PromQL] = Field(
        default=dict(_PARTS),
        max_length=16,
        description="The parts of the score by name, each the PromQL of a number from 0 to 1; samples with a tenant "
        "are that tenant's, those without are everybody's. They are named when the score is low.",
    )
    history: Duration = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="How long readings are kept.",
    )
    most_readings: Count = Field(
        default=1_000_000, ge=1000, description="How many readings are kept at most; beyond them the oldest go."
    )
    source_interval: _Interval = Field(
        default=timedelta(seconds=15),
        description="How long to wait between two questions to each source whether it is ready.",
    )
