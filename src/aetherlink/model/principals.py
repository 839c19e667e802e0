"""Who asks, and what they may do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aetherlink.model.ids import SourceName


class Scope(StrEnum):
    """What a token may be good for. A scope gives itself only; admin gives all."""

    WEBHOOK = "webhook"
    READ = "read"
    PROPOSE = "propose"
    OPERATE = "operate"
    APPROVE = "approve"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person is here for: a set of scopes by one word. Each holds what the one before it does."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    APPROVER = "approver"
    ADMIN = "admin"


ROLES: Mapping[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.RESPONDER: frozenset({Scope.READ, Scope.OPERATE}),
    Role.APPROVER: frozenset({Scope.READ, Scope.OPERATE, Scope.APPROVE}),
    Role.ADMIN: frozenset({Scope.ADMIN}),
}


_VOUCHED_FOR = re.compile(r"\boidc:[^~:]*~")


def person_behind(name: str) -> str:
    """What is the same of two names where they are of one person, though the identity provider has renamed him since.

    What stands behind `~` in such a name tells people apart (see access.oidc_person); no other name holds `oidc:`.
    """
    return _VOUCHED_FOR.sub("oidc:~", name)


def role_of(scopes: frozenset[Scope]) -> Role | None:
    """The role that is exactly these scopes; None: no role is."""
    return next((role for role, held in ROLES.items() if held == scopes), None)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller who was recognised, by token, by session, or by where the call came from.

    `source` is whose webhooks it delivers; `tenant` the only tenant that it may see, None: every one. `root` is the
    digest of the token that all this rests on, None where it rests on none: what the caller makes dies with that token.
    `expires_at` is when it ends by itself, None: it does not.
    """

    name: str
    scopes: frozenset[Scope]
    source: SourceName | None = None
    tenant: str | None = None
    root: str | None = field(default=None, compare=False, repr=False)
    expires_at: datetime | None = field(default=None, compare=False)

    def may(self, scope: Scope) -> bool:
        """Whether the caller holds the scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as stored: only its SHA-256 in hex. Two of one name may be valid at a time, for rotation.

    `source` is the one source whose alerts it is good for, `tenant` the one tenant that it may see; None: bound to
    none. It ends by itself at `expires_at`. `used_at` is its last use, to a few minutes.
    """

    id: str
    name: str
    digest: str = field(repr=False)
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None
    source: SourceName | None = None
    tenant: str | None = None
    expires_at: datetime | None = None
    used_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything at this instant."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class LoginLink:
    """A link that signs one browser in, once, until it expires. `root` as a principal has it.

    `session_ends_at` is when whoever made it is out himself: what begins by it lasts no longer. None: he is not.
    """

    digest: str = field(repr=False)
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    root: str | None = field(default=None, repr=False)
    session_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in: the SHA-256 of its cookie's secret, and what it may do.

    It ends at `expires_at`, at `revoked_at`, or when it was not used for long enough; `used_at` is to a few minutes.
    `root` is as a principal has it.
    """

    id: str
    digest: str = field(repr=False)
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    used_at: datetime
    tenant: str | None = None
    root: str | None = field(default=None, repr=False)
    revoked_at: datetime | None = None
