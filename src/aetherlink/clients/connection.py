"""How the other side wants to be called: headers, TLS, a proxy. Made from settings at the start, and never shown."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `login` is a name and a password."""

    url: str
    login: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """What every request towards one side has in common. Without `tls` the machine's own certificates count."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: Proxy | None = None


def with_bearer(token: str) -> dict[str, str]:
    """The header that presents the token."""
    return {"authorization": f"Bearer {token}"}
