"""Settings of how long things are kept."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration

_Age = Annotated[Duration, Field(ge=timedelta(hours=1))]
_MIB = 1 << 20


class RetentionOptions(BaseModel):
    """How long things are kept, and when the disk counts as nearly full."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    incidents: _Age = Field(
        default=timedelta(days=365),
        description="How long the words of an incident's timeline are kept after it was closed; its hashes stay.",
    )
    alerts: _Age = Field(default=timedelta(days=30), description="How long an alert is kept after it was resolved.")
    journal_age: _Age = Field(
        default=timedelta(days=14), description="How long the bodies of webhooks are kept as they came."
    )
    journal_bytes: Count = Field(
        default=2048 * _MIB,
        ge=_MIB,
        description="How many bytes of them are kept at most, compressed; beyond that the oldest go.",
    )
    low_disk_bytes: Count = Field(
        default=512 * _MIB,
        ge=0,
        description="With less room than this on the disk of data_dir an incident says so.",
    )
