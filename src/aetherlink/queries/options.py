"""How much anybody may ask of Prometheus through the agent."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration
from aetherlink.lib.promql import LONGEST_QUERY

MEBIBYTE = 1024 * 1024
MOST_POINTS = 11_000  # Prometheus itself gives no more


class QueryOptions(BaseModel):
    """Bounds on `/api/v1/query`, its companions, and `POST /query`. None of them can be switched off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest_range: Duration = Field(
        default=timedelta(days=31),
        ge=timedelta(minutes=1),
        le=timedelta(days=3650),
        description="The longest range that one query covers, and the furthest that it looks back from there.",
    )
    smallest_step: Duration = Field(
        default=timedelta(seconds=1),
        ge=timedelta(milliseconds=1),
        le=timedelta(days=1),
        description="The smallest step of a range query.",
    )
    most_points: Count = Field(
        default=MOST_POINTS, ge=2, le=MOST_POINTS, description="How many points a series of an answer may have."
    )
    most_series: Count = Field(
        default=5000, ge=1, le=1_000_000, description="How many series an answer may have; more of them are refused."
    )
    most_names: Count = Field(
        default=20_000,
        ge=1,
        le=1_000_000,
        description="How many labels, values or series a list of them holds; the rest is left out, with a warning.",
    )
    most_bytes: Count = Field(
        default=10 * MEBIBYTE,
        ge=1024,
        le=256 * MEBIBYTE,
        description="The largest answer that is read of Prometheus, in bytes; a larger one is cut off and refused.",
    )
    longest_query: Count = Field(
        default=LONGEST_QUERY, ge=100, le=LONGEST_QUERY, description="The longest text of a query, in characters."
    )
    deadline: Duration = Field(
        default=timedelta(seconds=20),
        ge=timedelta(milliseconds=100),
        le=timedelta(minutes=2),
        description="How long Prometheus may take; a caller's own `timeout` only shortens it.",
    )
    at_once: Count = Field(
        default=20, ge=1, le=100, description="Queries on their way at once; above it callers are told 503 at once."
    )
    at_once_each: Count = Field(default=10, ge=1, le=100, description="Queries of one caller on their way at once.")
    cache_bytes: Count = Field(
        default=16 * MEBIBYTE,
        ge=0,
        le=1024 * MEBIBYTE,
        description="The most that answers kept for others take; 0: none.",
    )
    cache_age: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(0),
        le=timedelta(minutes=10),
        description="How old an answer may be that is given a second time.",
    )
    align: bool = Field(
        default=True,
        description="Whether the ends of a range are moved down to whole steps, so that one answer serves many.",
    )
    tenant_label: str | None = Field(
        default=None,
        pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$",
        max_length=200,
        description="The label of Prometheus' series that holds the tenant, for tokens of one tenant. Not set: the "
        "first of `labels.tenant`.",
    )
