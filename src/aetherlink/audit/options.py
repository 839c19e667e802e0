"""Settings of tamper evidence."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Duration


class AuditOptions(BaseModel):
    """How a change to the timeline is made to show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_file: Path | None = Field(
        default=None,
        description="The file with the key of the timeline's chain; else `audit.key` in data_dir. Made at the first "
        "start. Whoever may change the database should not be able to read it.",
    )
    anchor_interval: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = Field(
        default=timedelta(minutes=5),
        description="How often what the timeline comes to is written to the log and to `audit.anchors` in data_dir, "
        "if anything was added.",
    )
