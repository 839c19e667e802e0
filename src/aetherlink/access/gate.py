"""The one check that every door uses: FastAPI's routes and the bare webhook callable alike.

It takes what an ASGI scope carries (raw headers, client) and answers with a principal or an error. It does no I/O and
knows no route.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from aetherlink.access.digests import is_well_formed
from aetherlink.access.options import AuthMode, AuthOptions
from aetherlink.access.public_place import PublicPlace
from aetherlink.access.sessions import SessionBook
from aetherlink.access.tokens import TokenBook
from aetherlink.errors import ForbiddenError, SettingsError, UnauthenticatedError
from aetherlink.model.principals import Principal, Scope

Headers = Iterable[tuple[bytes, bytes]]
Peer = Sequence[object] | None  # ASGI's `client`: address and port, or None (a Unix socket)

ANYWHERE = PublicPlace()
_LONGEST_ADDRESS = 100  # characters
_READING = frozenset({"GET", "HEAD"})

LOCAL_SCOPES = frozenset({Scope.READ, Scope.WEBHOOK})
_FORWARDED = frozenset({b"forwarded", b"x-real-ip", b"via"})
_FORWARDED_PREFIX = b"x-forwarded-"
_NO_TOKEN = "this needs a token: send `Authorization: Bearer TOKEN` (`aether token create` makes one), or sign in"  # noqa: S105 - words for people, not a secret
_TOKEN_ONLY = "every request here needs a token: send `Authorization: Bearer TOKEN` (`aether token create` makes one)"  # noqa: S105 - words for people, not a secret
_WRONG_TOKEN = "this token is unknown, revoked or expired"  # noqa: S105 - words for people, not a secret


class Gate:
    """Recognises the caller and checks the scope."""

    def __init__(
        self,
        tokens: TokenBook,
        *,
        options: AuthOptions,
        sessions: SessionBook | None = None,
        place: PublicPlace = ANYWHERE,
    ) -> None:
        self._tokens = tokens
        self._options = options
        self._sessions = sessions
        self._public = place

    def admit(
        self,
        headers: Headers,
        peer: Peer,
        scope: Scope | None,
        *,
        also_local: bool = False,
        tenants: bool = False,
        method: str | None = None,
        by_token: bool = False,
    ) -> Principal:
        """Who calls. Raises UnauthenticatedError (nobody that is known) or ForbiddenError (known, without the scope).

        Without a `scope` whoever is known will do. `by_token` takes a token only: no session, and no place.
        `also_local` opens one of the seed's routes to callers without a token on this machine or in a trusted network
        although the scope is not theirs: what they ask for is a request that policy decides. `tenants` says that the
        door shows whoever is bound to a tenant nothing of others; at any other door he is refused. `method` is that of
        the request where a browser's session counts; None: it does not.
        """
        by_name = _collected(headers)
        if b"authorization" in by_name:
            return self._checked(self._holder(by_name[b"authorization"]), scope, tenants=tenants)
        if by_token:
            raise UnauthenticatedError(_TOKEN_ONLY)
        session = None if method is None else self._session(by_name)
        if session is not None and method not in _READING:
            self._check_origin(by_name)
        place = self._place(by_name, peer)
        if session is not None and (place is None or scope is None or session.may(scope)):
            return self._checked(session, scope, tenants=tenants)
        if place is None or not (also_local or scope is None or scope in LOCAL_SCOPES):
            raise UnauthenticatedError(_NO_TOKEN)
        return Principal(place, LOCAL_SCOPES)

    def session_secret(self, headers: Headers) -> str | None:
        """What the session's cookie carries, known or not; None where there is no such cookie, or more than one."""
        return self._secret_of(_collected(headers))

    def check_own_page(self, headers: Headers) -> None:
        """Raises ForbiddenError unless the request comes from a page of the agent itself."""
        self._check_origin(_collected(headers))

    def check_called(self, headers: Headers, names: Collection[str]) -> None:
        """Raises ForbiddenError unless the Host is this machine, `external_url`'s or one of `names` (in lower case).

        A foreign page can have its own name point here (DNS rebinding), so any other name is refused, with whatever
        token. So is an Origin that is not the agent's own.
        """
        by_name = _collected(headers)
        host = _host(by_name).lower()
        if not (_is_loopback(host) or host in names or host == self._public.host):
            raise ForbiddenError("the agent is not known under this Host: mcp.hosts and external_url name it")
        if b"origin" in by_name and not self._is_own_page(by_name):
            raise ForbiddenError("this request comes from a page that is not the agent's own")

    def _checked(self, principal: Principal, scope: Scope | None, *, tenants: bool) -> Principal:
        if scope is not None and not principal.may(scope):
            raise ForbiddenError(f"{principal.name!r} does not have the scope {scope}")
        if principal.tenant is not None and not tenants:
            raise ForbiddenError(f"{principal.name!r} sees one tenant only, and this is about all of them")
        return principal

    def _holder(self, values: list[bytes]) -> Principal:
        scheme, _, secret = values[0].decode("latin-1").partition(" ")
        secret = secret.strip()
        if len(values) != 1 or scheme.lower() != "bearer" or not is_well_formed(secret):
            raise UnauthenticatedError("the Authorization header is not one `Bearer TOKEN`")
        principal = self._tokens.holder(secret)
        if principal is None:
            raise UnauthenticatedError(_WRONG_TOKEN)
        return principal

    def _session(self, headers: dict[bytes, list[bytes]]) -> Principal | None:
        secret = self._secret_of(headers)
        return None if secret is None or self._sessions is None else self._sessions.holder(secret)

    def _secret_of(self, headers: dict[bytes, list[bytes]]) -> str | None:
        name = self._public.cookie_name
        pairs = (
            pair.partition("=") for line in headers.get(b"cookie", []) for pair in line.decode("latin-1").split(";")
        )
        found = [value.strip() for key, _, value in pairs if key.strip() == name]
        return found[0] if len(found) == 1 and is_well_formed(found[0]) else None

    def _check_origin(self, headers: dict[bytes, list[bytes]]) -> None:
        """A browser says of every request that changes something which page it comes from; another's page may not."""
        fetched = headers.get(b"sec-fetch-site", [b"same-origin"])
        if not self._is_own_page(headers) or fetched != [b"same-origin"]:
            raise ForbiddenError(
                "a session changes something from the agent's own pages only, and this request does not come from one "
                "(behind a proxy, `external_url` says how browsers reach the agent)"
            )

    def _is_own_page(self, headers: dict[bytes, list[bytes]]) -> bool:
        origins, hosts = headers.get(b"origin", []), headers.get(b"host", [])
        return len(origins) == len(hosts) == 1 and self._public.owns(
            origins[0].decode("latin-1"), hosts[0].decode("latin-1")
        )

    def _place(self, headers: dict[bytes, list[bytes]], peer: Peer) -> str | None:
        """The name that the caller's place gives, or None when it gives nothing.

        Forwarding headers say that somebody else stands behind the caller, and a browser's Origin that differs from
        Host says that a foreign page does. A Host that nobody gave the agent says so too: its name was made to point
        here, so that a foreign page and the agent look like one origin (DNS rebinding).
        """
        address = _address(peer)
        if address is None or _is_forwarded(headers) or not _is_same_origin(headers):
            return None
        host = _host(headers)
        if any(address in network for network in self._options.trusted_networks) and self._is_ours(host):
            return f"network:{address}"
        if self._options.mode is AuthMode.LOCAL and address.is_loopback and _is_loopback(host):
            return "local"
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether no foreign page can stand behind this Host: an address needs no DNS, a trusted name is ours."""
        return _is_loopback(host) or _is_address(host) or host.lower() in self._options.trusted_hosts


def check_listen(host: str, options: AuthOptions) -> None:
    """Refuse an address that others reach while callers are told apart by where they are. Raises SettingsError."""
    if options.mode is AuthMode.TOKEN or options.trusted_networks or _is_loopback(host):
        return
    raise SettingsError(
        f"listen: {host or 'every address'} can be reached from other machines, and auth.mode is `local`: set "
        "auth.mode to `token`, or name the networks that may call without one in auth.trusted_networks, or listen "
        "on 127.0.0.1"
    )


def _collected(headers: Headers) -> dict[bytes, list[bytes]]:
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(value)
    return by_name


def _address(peer: Peer) -> IPv4Address | IPv6Address | None:
    return _parsed(str(peer[0])[:_LONGEST_ADDRESS]) if peer else None


@lru_cache(maxsize=1024)  # the same few call again and again
def _parsed(peer: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_forwarded(headers: dict[bytes, list[bytes]]) -> bool:
    return any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIX) for name in headers)


def _is_same_origin(headers: dict[bytes, list[bytes]]) -> bool:
    origins = headers.get(b"origin", [])
    hosts = headers.get(b"host", [])
    return not origins or (len(origins) == len(hosts) == 1 and origins[0].lower() == b"http://" + hosts[0].lower())


def _host(headers: dict[bytes, list[bytes]]) -> str:
    """The one Host without its port; empty when there is none, or more than one."""
    hosts = headers.get(b"host", [])
    return _without_port(hosts[0].decode("latin-1")) if len(hosts) == 1 else ""


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    return len(host) <= _LONGEST_ADDRESS and _names_loopback(host)


@lru_cache(maxsize=1024)  # of what is short: what callers say is not kept by the megabyte
def _names_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    address = _parsed(host) if "%" not in host else None
    return address is not None and address.is_loopback


def _is_address(host: str) -> bool:
    return len(host) <= _LONGEST_ADDRESS and "%" not in host and _parsed(host) is not None
