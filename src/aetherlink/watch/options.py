"""Settings of the watch that the agent keeps over itself."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.lib.option_types import Duration, Url


class DeadmanOptions(BaseModel):
    """An address outside that is asked as long as the agent is well, and that calls people when it is not asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url | None = Field(default=None, description="The address, such as a check of healthchecks.io.")
    url_file: Path | None = Field(
        default=None, description="A file that holds the address instead: whoever knows it can speak for the agent."
    )
    interval: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = Field(
        default=timedelta(minutes=1), description="How often it is asked, by GET."
    )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give url or url_file, one of them")
        return self


class WatchOptions(BaseModel):
    """What counts as the agent not being well, and who outside notices its silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deadman: DeadmanOptions | None = Field(
        default=None, description="Who is asked while all is well, and calls people otherwise. Without, nobody."
    )
    blocked_after: Annotated[Duration, Field(ge=timedelta(seconds=2), le=timedelta(minutes=5))] = Field(
        default=timedelta(seconds=10),
        description="How long the event loop, or the store, may do nothing before channels are told past both.",
    )
    away_after: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=1))] = Field(
        default=timedelta(minutes=10),
        description="How long a channel may be unable to hear what waits for it, and an incident may wait for the "
        "pipeline, before that is an incident itself.",
    )
