"""Settings of the channels: each has the settings of exactly one way to tell somebody."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.clients.apprise_options import AppriseOptions
from aetherlink.clients.email_options import EmailOptions
from aetherlink.clients.grafana_options import GrafanaOptions
from aetherlink.clients.pagerduty_options import PagerDutyOptions
from aetherlink.clients.slack_options import SlackOptions
from aetherlink.clients.webhook_options import WebhookOptions

_SPACING = timedelta(seconds=1)  # what a person can read, and what most services let through
_SPACINGS: Mapping[str, timedelta] = {
    "grafana": timedelta(milliseconds=100),  # it wakes nobody, and has a place for every incident of a storm
}
_RECORDS = frozenset({"grafana"})


class NotifierOptions(BaseModel):
    """One way to tell somebody, by its name. A new one is one line here and one in the registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apprise: AppriseOptions | None = Field(
        default=None, description="Microsoft Teams, Telegram, ntfy and what else Apprise knows."
    )
    email: EmailOptions | None = Field(default=None, description="Mail, one thread an incident.")
    grafana: GrafanaOptions | None = Field(default=None, description="Annotations in Grafana.")
    pagerduty: PagerDutyOptions | None = Field(default=None, description="PagerDuty, by its Events API v2.")
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

    @property
    def is_record(self) -> bool:
        """Whether it calls nobody: people look there when they know already."""
        return self.kind in _RECORDS

    @property
    def spacing_of_its_kind(self) -> timedelta:
        """The least time between two messages that way, where the settings do not say."""
        return _SPACINGS.get(self.kind, _SPACING)
