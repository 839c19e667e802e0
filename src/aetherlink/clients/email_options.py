"""Settings of mail."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.clients.source_options import BasicAuthOptions, TlsOptions
from aetherlink.lib.option_types import Count

_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Address = Annotated[str, Field(pattern=_ADDRESS)]


class Security(StrEnum):
    """How the connection to the server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    PLAIN = "plain"


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.PLAIN: 25}


class EmailOptions(BaseModel):
    """Mail by SMTP."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    host: str = Field(
        pattern=r"^[A-Za-z0-9:]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?$", description="The mail server that takes it."
    )
    port: Count | None = Field(
        default=None, ge=1, le=65535, description="Its port; 587 for starttls, 465 for tls, 25 for plain."
    )
    security: Security = Field(
        default=Security.STARTTLS,
        description="`starttls`, `tls` from the first byte on, or `plain`, which is for a server on this machine only.",
    )
    tls: TlsOptions = Field(default=TlsOptions(), description="TLS towards the server.")
    login: BasicAuthOptions | None = Field(default=None, description="The name and the password of an account there.")
    from_: Address = Field(alias="from", description="The address that it comes from.")
    to: tuple[Address, ...] = Field(min_length=1, max_length=50, description="Who gets it.")

    @model_validator(mode="after")
    def _plain_stays_here(self) -> Self:
        if self.security is Security.PLAIN and self.host not in _LOOPBACK:
            raise ValueError("security: plain is for a server on this machine: set starttls or tls")
        return self

    @property
    def port_used(self) -> int:
        """The port that is set, or the usual one."""
        return self.port or _PORTS[self.security]
