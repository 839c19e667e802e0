"""Settings of the intake."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Duration


class IntakeOptions(BaseModel):
    """What the webhook accepts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_body_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024, description="The largest webhook body in bytes; a larger one is refused."
    )
    body_deadline: Duration = Field(
        default=timedelta(seconds=20), description="How long a sender may take to send a body."
    )
