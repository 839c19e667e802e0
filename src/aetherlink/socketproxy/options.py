"""What can be set about the socket proxy, `socket_proxy.*` in the settings."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration

UNIX = "unix://"


def _check_listen(listen: str) -> str:
    if listen.startswith(UNIX + "/"):
        return listen
    host, _, port = listen.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{listen!r} is neither unix:///a/path nor an address like 127.0.0.1:2375")
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError(f"{host!r} is not an IP address of this machine: write for instance 127.0.0.1") from None
    return listen


class SocketProxyOptions(BaseModel):
    """What `aether socket-proxy` listens on, asks, and lets be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: Annotated[str, AfterValidator(_check_listen)] = Field(
        default="unix:///run/aether/docker.sock",
        description="Where the proxy listens: `unix:///a/path`, or an address with a port. Whoever reaches it has its "
        "rights.",
    )
    group: Annotated[str, Field(min_length=1, max_length=32)] | None = Field(
        default=None, description="The group, by name or number, that may use the proxy's Unix socket (mode 0660)."
    )
    daemon: Path = Field(default=Path("/var/run/docker.sock"), description="Docker's own socket.")
    workloads: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}(/[A-Za-z0-9_.-]{1,100})?$")], ...] = Field(
        default=(),
        max_length=1000,
        description="Compose projects (`shop`) and services (`shop/api`) whose containers may be changed, beside those "
        "with the label `aether.managed=true`. The label with any other value says no.",
    )
    state_file: Path | None = Field(
        default=None,
        description="Where the proxy remembers which images ran. Default: `socket-proxy.json` in `data_dir`.",
    )
    max_replicas: Count = Field(
        default=10, ge=1, le=100, description="The most containers that a service may come to have by the proxy."
    )
    look_every: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = Field(
        default=timedelta(seconds=30), description="How often the proxy looks which images run."
    )
    answer_within: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=5))] = Field(
        default=timedelta(seconds=20),
        description="How long the daemon has for an answer; where it stops a container, the grace comes on top.",
    )
    connections: Count = Field(
        default=64, ge=1, le=1000, description="How many callers are heard at a time; the next ones are turned away."
    )
