"""Settings of how long things are kept."""

from pydantic import BaseModel, ConfigDict, Field

_MIB = 1 << 20


class RetentionOptions(BaseModel):
    """How long things are kept, and when the disk counts as nearly full."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low_disk_bytes: int = Field(
        default=512 * _MIB,
        ge=0,
        description="With less room than this on the disk of data_dir an incident says so.",
    )
