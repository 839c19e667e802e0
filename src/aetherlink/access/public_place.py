"""How browsers reach the agent: what stands before its paths, which origin its pages have, what its cookie is called.

All of it comes from `external_url`, nothing from what a request says of itself: a proxy is not believed.

Behind TLS a cookie's name has a prefix. `__Host-` keeps everybody else from setting it, and wants the path `/`. Under a
base path the session's cookie is `__Secure-`, so that it is sent to that path alone, and not to what else the host
serves; a sibling subdomain can set one of that name then, of a session that it has itself. The attempt's cookie lasts
minutes and opens nothing by itself: it is `__Host-` under a base path too, for whoever could set it could have a
browser finish the attempt that he began. It names its base path, so that two agents of one host have one each.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

_COOKIE = "aether_session"
_ATTEMPT = "aether_oidc"
ATTEMPT_PATH = "/"
"""The part of the host that an attempt's cookie is sent to."""


@dataclass(frozen=True, slots=True)
class PublicPlace:
    """`origin` is scheme, host and port in lower case, None where only the request's own Host says it."""

    origin: str | None = None
    base_path: str = ""

    @property
    def is_secure(self) -> bool:
        """Whether browsers come over TLS."""
        return self.origin is not None and self.origin.startswith("https://")

    @property
    def host(self) -> str | None:
        """The host of the origin, without its port."""
        return None if self.origin is None else urlsplit(self.origin).hostname

    @property
    def cookie_path(self) -> str:
        """The part of the host that the cookie is sent to."""
        return self.base_path or "/"

    @property
    def cookie_name(self) -> str:
        """That of the session."""
        if not self.is_secure:
            return _COOKIE
        return f"__Secure-{_COOKIE}" if self.base_path else f"__Host-{_COOKIE}"

    @property
    def attempt_cookie_name(self) -> str:
        """That of a browser which waits for an identity provider's answer."""
        place = f"_{hashlib.sha256(self.base_path.encode()).hexdigest()[:8]}" if self.base_path else ""
        return f"__Host-{_ATTEMPT}{place}" if self.is_secure else f"{_ATTEMPT}{place}"

    def owns(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is ours, for a request that was sent to this host."""
        said = origin.lower()
        return said == self.origin or (host != "" and said == f"http://{host.lower()}")


def place_of(external_url: str | None) -> PublicPlace:
    """The place that the address names; None: under whatever name the agent is called, at its root."""
    if external_url is None:
        return PublicPlace()
    parts = urlsplit(external_url)
    default = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return PublicPlace(f"{parts.scheme}://{host}{port}", parts.path.rstrip("/"))
