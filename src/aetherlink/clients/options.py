"""Bounds that every client keeps towards the outside. Part of the settings; read by the clients only."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration

MEBIBYTE = 1024 * 1024


class ClientOptions(BaseModel):
    """How long, how much and how many at a time. None of these bounds can be switched off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deadline: Duration = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        le=timedelta(minutes=10),
        description="Total time for one request, the wait for a free slot and the reading of the answer included.",
    )
    max_bytes: Count = Field(
        default=10 * MEBIBYTE, ge=1024, le=256 * MEBIBYTE, description="The largest answer that is read, in bytes."
    )
    in_flight: Count = Field(
        default=8,
        ge=1,
        le=100,
        description="Requests to one URL at a time; more of them wait for a slot, within their deadline.",
    )
