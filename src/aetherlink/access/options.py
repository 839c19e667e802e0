"""The settings of access. Composed by the settings; they decide who is let in, never what is done."""

from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from aetherlink.access.oidc_options import OidcOptions
from aetherlink.lib.option_types import Duration

Network = IPv4Network | IPv6Network
HostName = Annotated[
    str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9_]([A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?$")
]


class AuthMode(StrEnum):
    """Whether callers on this machine need a token."""

    LOCAL = "local"
    TOKEN = "token"  # noqa: S105 - the name of a mode, not a secret


class SessionOptions(BaseModel):
    """How long browsers stay signed in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle: Annotated[Duration, Field(ge=timedelta(minutes=10), le=timedelta(days=30))] = Field(
        default=timedelta(hours=12), description="A session that was not used for this long is over."
    )
    lifetime: Annotated[Duration, Field(ge=timedelta(minutes=10), le=timedelta(days=90))] = Field(
        default=timedelta(days=7), description="A session is over after this long, however much it is used."
    )
    link_life: Annotated[Duration, Field(ge=timedelta(seconds=30), le=timedelta(hours=1))] = Field(
        default=timedelta(minutes=5), description="How long a login link of `aether open` is good for, once."
    )


class AuthOptions(BaseModel):
    """Who may call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: AuthMode = Field(
        default=AuthMode.LOCAL,
        description="local: a caller on this machine may read, query, request actions and post alerts without a "
        "token. token: everything but /health, /livez, /readyz and /metrics needs one.",
    )
    trusted_networks: tuple[Network, ...] = Field(
        default=(),
        description="Networks (CIDR) whose callers have what a caller on this machine has in mode local, in either "
        "mode. Empty: none.",
    )
    trusted_hosts: tuple[HostName, ...] = Field(
        default=(),
        description="Names, without a port, by which callers of auth.trusted_networks may address the agent. localhost "
        "and plain IP addresses need not be named. Any other name is refused without a token: a foreign web page could "
        "have made it point here.",
    )
    webhook_token_file: Path | None = Field(
        default=None,
        description="A file that holds a token good for POST /alertmanager only, as Alertmanager's credentials_file "
        "wants it; created when it is missing. Not set: Alertmanager uses a token of `aether token create`.",
    )

    sessions: SessionOptions = Field(
        default=SessionOptions(), description="How long browsers stay signed in to the console."
    )

    oidc: OidcOptions | None = Field(
        default=None,
        description="An identity provider (OpenID Connect) whose people may sign in to the console. Not set: nobody "
        "does that way.",
    )

    @field_validator("trusted_networks")
    @classmethod
    def _not_everybody(cls, networks: tuple[Network, ...]) -> tuple[Network, ...]:
        for network in networks:
            if network.prefixlen == 0:
                raise ValueError(f"{network} is the whole internet: name the networks that you trust")
        return networks
