"""Settings of the intake."""

from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.lib.option_types import Count, Duration


class IntakeOptions(BaseModel):
    """What the webhook accepts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_body_bytes: Count = Field(
        default=32 * 1024 * 1024, ge=1024, description="The largest webhook body in bytes; a larger one is refused."
    )
    bodies_bytes: Count = Field(
        default=128 * 1024 * 1024,
        ge=1024,
        description="How many bytes of webhook bodies may be held at the same time, not counting the first 64 KiB of "
        "each; beyond it the answer is 503.",
    )
    body_deadline: Duration = Field(
        default=timedelta(seconds=20), description="How long a sender may take to send a body."
    )
    quarantine_rows: Count = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="How many bodies that could not be read are kept; beyond it the oldest go.",
    )
    quarantine_bytes: Count = Field(
        default=16 * 1024 * 1024,
        ge=1024,
        description="How many bytes of such bodies are kept altogether; beyond it the oldest go.",
    )
    quarantine_body_bytes: Count = Field(
        default=256 * 1024, ge=1024, description="How much of one such body is kept, in bytes; the rest is cut off."
    )

    @model_validator(mode="after")
    def _one_fits(self) -> Self:
        if self.quarantine_body_bytes > self.quarantine_bytes:
            raise ValueError(
                f"quarantine_body_bytes ({self.quarantine_body_bytes}) is above quarantine_bytes "
                f"({self.quarantine_bytes}): lower it, or raise the other"
            )
        if self.max_body_bytes > self.bodies_bytes:
            raise ValueError(
                f"max_body_bytes ({self.max_body_bytes}) is above bodies_bytes ({self.bodies_bytes}): lower it, or "
                "raise the other"
            )
        return self
