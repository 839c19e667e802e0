"""Settings of a target that is asked over HTTP: where it is looked at, and the requests that may be sent to it.

Part of the settings. Every request is fixed here as a whole: nothing of an alert ever becomes a part of it.
"""

import hashlib
import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from aetherlink.clients.source_options import HeaderName, TlsOptions
from aetherlink.lib.option_types import Name
from aetherlink.model.actions import DeclaredRequest

_PLAIN = re.compile(r"[!-~]+")  # printable ASCII without spaces
_LIKE_A_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0[xX][0-9a-fA-F]*)\.?")
_OF_THE_AGENT = {
    "authorization": "name the file of a token in bearer_token_file",
    "proxy-authorization": "no proxy is used",
    "idempotency-key": "the agent sets it, to the id of the action",
}


def _check_url(url: str) -> str:
    if _PLAIN.fullmatch(url) is None:
        raise ValueError(f"{url!r} is not an address like http://cache:8080/purge: printable ASCII without blanks")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("a URL is shown in logs and pages: it must not hold a name or a password")
    if parts.scheme not in {"http", "https"} or not parts.hostname or "#" in url or not _has_port(parts):
        raise ValueError(f"{_without_query(parts)!r} is not an address like http://cache:8080/purge")
    _check_host(parts.hostname)
    return url


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _check_host(host: str) -> None:
    """Protection goes by the host, so each has one spelling: `127.1` and `0x7f000001` are loopback, too."""
    if _LIKE_A_NUMBER.fullmatch(host) or ":" in host:
        try:
            ip_address(host)
        except ValueError:
            raise ValueError(f"{host!r} is no IP address: write all of it, like 127.0.0.1") from None


def _without_query(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}"


def _check_own_header(name: str) -> str:
    if instead := _OF_THE_AGENT.get(name.lower()):
        raise ValueError(f"{name} cannot be set here: {instead}")
    return name.lower()


RequestUrl = Annotated[str, Field(max_length=2000), AfterValidator(_check_url)]
OwnHeaderName = Annotated[HeaderName, AfterValidator(_check_own_header)]


class _CallOptions(BaseModel):
    """What every call over HTTP is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: RequestUrl = Field(description="The whole address, http or https; redirects are not followed.")
    headers: dict[OwnHeaderName, SecretStr] = Field(
        default_factory=dict, max_length=20, description="Headers beside it. Their values are never shown."
    )
    bearer_token_file: Path | None = Field(
        default=None, description="A file that holds a token, sent as `Authorization: Bearer`; read at the start."
    )

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """What comes after it, the query included."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def plain_headers(self) -> dict[str, str]:
        """The headers as they are sent."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}


class HttpObserveOptions(_CallOptions):
    """How the target is looked at."""

    url: RequestUrl = Field(
        description="What is asked with GET: a 2xx means that the target is well, every other status that it is not. "
        "No answer: the target cannot be looked at, and nothing is done to it."
    )


class HttpRequestOptions(_CallOptions):
    """One request, fixed as a whole."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = Field(default="POST", description="The method.")
    body: str | None = Field(
        default=None,
        max_length=64 * 1024,
        description="What is sent; as `application/json`, unless a header `content-type` says otherwise. Never shown.",
    )

    def declared_as(self, name: str) -> DeclaredRequest:
        """The request of this name in the words of the model; values of headers and the token are no part of it."""
        whole = [self.method, self.url, self.body, sorted(self.headers), str(self.bearer_token_file)]
        digest = hashlib.sha256(json.dumps(whole).encode()).hexdigest()
        return DeclaredRequest(name, self.method, _without_query(urlsplit(self.url)), digest)


class HttpTargetOptions(BaseModel):
    """What the executor `http` may ask of a target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    observe: HttpObserveOptions = Field(description="How the target is looked at.")
    requests: dict[Name, HttpRequestOptions] = Field(
        min_length=1, max_length=50, description="What may be sent, by the name that a playbook gives."
    )
    tls: TlsOptions | None = Field(default=None, description="TLS towards the hosts of these addresses.")

    @property
    def declared(self) -> tuple[DeclaredRequest, ...]:
        """The requests in the words of the model, by name."""
        return tuple(one.declared_as(name) for name, one in sorted(self.requests.items()))
