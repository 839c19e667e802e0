"""Settings of the sources: where each one's Prometheus and Alertmanagers are, and how they want to be called.

Part of the settings. Secrets are named by the file that holds them; the values of headers are never shown.
"""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from aetherlink.lib.option_types import Name, Url

_OF_HTTP = frozenset({"connection", "content-length", "host", "transfer-encoding"})


def _check_header(name: str) -> str:
    if name.lower() in _OF_HTTP:
        raise ValueError(f"{name} is for the HTTP client to set")
    return name


def _check_proxy(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.path.strip("/") or parts.query:
        raise ValueError(f"{url!r} is not the address of an HTTP proxy: write http://HOST:PORT")
    return url


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"), AfterValidator(_check_header)]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,127}$")]
LabelValue = Annotated[str, Field(min_length=1, max_length=1024)]
ProxyUrl = Annotated[Url, AfterValidator(_check_proxy)]


class BasicAuthOptions(BaseModel):
    """A name and a password."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: str = Field(
        pattern=r"^[^:\x00-\x1f\x7f]{1,256}$", description="The name; a colon cannot be sent this way."
    )
    password_file: Path = Field(description="A file that holds the password, one line; read at the start.")


class TlsOptions(BaseModel):
    """How certificates are checked and shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_file: Path | None = Field(
        default=None,
        description="Certificates of those who may vouch for the source, PEM; in place of the machine's own.",
    )
    cert_file: Path | None = Field(default=None, description="The certificate that the agent shows, PEM.")
    key_file: Path | None = Field(default=None, description="Its key, PEM, not encrypted.")
    server_name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_]([A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?$",
        description="The name that the source's certificate has to bear, where that is not the name in its address.",
    )
    insecure_skip_verify: bool = Field(
        default=False,
        description="true takes whatever answers for the source, certificate or not: only for trying things out.",
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.cert_file is None) is not (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: name both, or none")
        return self


class SourceOptions(BaseModel):
    """One world of Prometheus and Alertmanager."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(
        description="The source's name, in alerts, incidents and metrics, and in the path of its webhook: "
        "POST /alertmanager/NAME. POST /alertmanager is for the first source, or for that of the token."
    )
    prometheus: Url = Field(description="The address of its Prometheus (or of anything that answers like one).")
    alertmanagers: tuple[Url, ...] = Field(
        default=(), max_length=16, description="The addresses of its Alertmanagers: every one of a cluster."
    )
    receiver: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="The name of the receiver by which its Alertmanagers deliver to the agent: when they are asked for "
        "what fires, only alerts that go there count. Not set: every alert counts.",
    )
    labels: dict[LabelName, LabelValue] = Field(
        default_factory=dict,
        description="Labels of the source as a whole, such as {env: prod}. They say what an alert means that has no "
        "such label itself, and never change which alert it is.",
    )
    bearer_token_file: Path | None = Field(
        default=None,
        description="A file that holds a token, sent as `Authorization: Bearer` to its Prometheus and Alertmanagers; "
        "read at the start.",
    )
    basic_auth: BasicAuthOptions | None = Field(
        default=None, description="A name and a password, sent to its Prometheus and Alertmanagers."
    )
    tls: TlsOptions | None = Field(default=None, description="TLS towards its Prometheus and Alertmanagers.")
    headers: dict[HeaderName, SecretStr] = Field(
        default_factory=dict,
        description="Headers for every request to its Prometheus and Alertmanagers, such as X-Scope-OrgID. Their "
        "values are never shown; still, a token is better kept in bearer_token_file.",
    )
    proxy: ProxyUrl | None = Field(
        default=None,
        description="An HTTP proxy for every request to its Prometheus and Alertmanagers, http://HOST:PORT. Proxies in "
        "the environment are not read.",
    )
    proxy_basic_auth: BasicAuthOptions | None = Field(default=None, description="A name and a password for the proxy.")

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        given = {
            "bearer_token_file": self.bearer_token_file is not None,
            "basic_auth": self.basic_auth is not None,
            "headers.Authorization": "authorization" in map(str.lower, self.headers),
        }
        said = [name for name, is_given in given.items() if is_given]
        if len(said) > 1:
            raise ValueError(f"{' and '.join(said)} both say who calls: take one of them out")
        return self

    @model_validator(mode="after")
    def _proxy_fits(self) -> Self:
        if self.proxy is None and self.proxy_basic_auth is not None:
            raise ValueError("proxy_basic_auth is set, and no proxy: set proxy, or take it out")
        if self.proxy is not None and self.tls is not None and self.tls.server_name is not None:
            raise ValueError("tls.server_name cannot be had through a proxy: take one of them out")
        return self

    @property
    def plain_headers(self) -> dict[str, str]:
        """The headers as they are sent."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}
