"""Settings of one Slack channel: its app's secrets, and who of its people is who here."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aetherlink.lib.option_types import Name, Url
from aetherlink.model.principals import Scope

SlackUserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,30}$")]

Mention = Annotated[str, Field(pattern=r"^([UWS][A-Z0-9]{2,30}|here|channel)$")]

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,30}")
_NOBODY = frozenset({"agent", "local", "operator", "webhook"})  # names that stand for something else in the record
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def _check_channel(channel: str) -> str:
    if _CHANNEL.fullmatch(channel) is None:
        raise ValueError(
            f"{channel[:80]!r} is not the id of a channel, such as C0123456789: the end of the channel's About tells it"
        )
    return channel


def _check_safe(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ValueError("a token is sent there: it has to be https, or an address of this machine")
    if parts.query or parts.fragment:
        raise ValueError("it is the beginning of an address, without ? and #")
    return url


class SlackUserOptions(BaseModel):
    """Who a Slack user is here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(
        description="The name in the record. Who has a token of this name too is one person with both: one yes of two."
    )
    scopes: tuple[Literal[Scope.APPROVE], ...] = Field(
        default=(Scope.APPROVE,), description="What the user may do: approve (and deny, and call an action wrong)."
    )

    @model_validator(mode="after")
    def _is_a_person(self) -> Self:
        if self.name in _NOBODY:
            raise ValueError(f"{self.name!r} is the agent's own name for something else: choose another")
        return self


class SlackOptions(BaseModel):
    """A channel of Slack: one message an incident, kept up to date, its timeline in the thread."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bot_token_file: Path = Field(description="A file that holds the app's bot token (`xoxb-...`).")
    channel: Annotated[str, AfterValidator(_check_channel)] = Field(
        description="The id of the channel (`C0123456789`), not its name."
    )
    app_token_file: Path | None = Field(
        default=None,
        description="A file that holds an app-level token (`xapp-...`) with the scope connections:write: the buttons "
        "are heard by Socket Mode, for which Slack needs no address of the agent.",
    )
    signing_secret_file: Path | None = Field(
        default=None,
        description="A file that holds the app's signing secret: the buttons are heard at POST /slack/interactions.",
    )
    previous_signing_secret_file: Path | None = Field(
        default=None, description="The signing secret before that, good beside the new one while it is changed."
    )
    users: dict[SlackUserId, SlackUserOptions] = Field(
        default_factory=dict,
        max_length=1000,
        description="Who may use the buttons, by the ids of Slack's users. Nobody else may do anything.",
    )
    mentions: tuple[Mention, ...] = Field(
        default=(),
        max_length=10,
        description="Who is mentioned when a person has to hear something (a request, an escalation, an incident that "
        "is there again): ids of users (`U...`) and of groups (`S...`), or `here`, or `channel`.",
    )
    url: Annotated[Url, AfterValidator(_check_safe)] = Field(
        default="https://slack.com/api", description="Where Slack's Web API is."
    )

    @property
    def hears(self) -> bool:
        """Whether its buttons can be heard."""
        return self.app_token_file is not None or self.signing_secret_file is not None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.previous_signing_secret_file is not None and self.signing_secret_file is None:
            raise ValueError("previous_signing_secret_file is good beside signing_secret_file only: set that too")
        if self.users and not self.hears:
            raise ValueError("users need buttons that are heard: set app_token_file or signing_secret_file")
        return self
