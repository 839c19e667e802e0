"""Settings of the channels: each has the settings of exactly one way to tell somebody."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.clients.slack_options import SlackOptions
from aetherlink.clients.webhook_options import WebhookOptions


class NotifierOptions(BaseModel):
    """One way to tell somebody, by its name. A new one is one line here and one in the registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slack: SlackOptions | None = Field(default=None, description="A channel of Slack, with buttons.")
    webhook: WebhookOptions | None = Field(default=None, description="JSON by HTTP, signed.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.given) != 1:
            known = ", ".join(name for name in NotifierOptions.model_fields)
            raise ValueError(f"a channel is one of {known}; this one has {', '.join(self.given) or 'none of them'}")
        return self

    @property
    def given(self) -> list[str]:
        """The ways that are set."""
        return [name for name in NotifierOptions.model_fields if getattr(self, name) is not None]

    @property
    def kind(self) -> str:
        """The way that is set."""
        return self.given[0]
