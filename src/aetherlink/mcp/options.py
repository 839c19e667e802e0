"""Whether assistants are served at /mcp, under which names, and how much each may ask."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.access.options import HostName
from aetherlink.lib.option_types import Count, Duration


class McpOptions(BaseModel):
    """The door for assistants over HTTP. `aether mcp` needs none of this."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=False,
        description="Whether `/mcp` serves assistants by the Model Context Protocol, each with a token of its own. It "
        "needs `aetherlink[mcp]`.",
    )
    hosts: tuple[HostName, ...] = Field(
        default=(),
        max_length=100,
        description="Names or IPv4 addresses, without a port, by which assistants may address `/mcp`, beside those of "
        "this machine and the host of `external_url`. Any other Host is refused: a web page could have made it point "
        "here.",
    )
    calls_per_minute: Count = Field(
        default=240,
        ge=1,
        le=100_000,
        description="Requests that one token may make in a minute; above it comes 429, and when to come back.",
    )
    at_once: Count = Field(default=20, ge=1, le=100, description="Requests of all assistants served at once.")
    at_once_each: Count = Field(default=8, ge=1, le=100, description="Requests of one token served at once.")
    deadline: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(milliseconds=100),
        le=timedelta(minutes=5),
        description="How long one call of a tool may take.",
    )
