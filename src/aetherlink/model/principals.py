"""Who asks, and what they may do."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller who was recognised, by token or by where the call came from; `source` is whose webhooks it delivers."""

    name: str
    scopes: frozenset[Scope]
    source: SourceName | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller holds the scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as stored: only its SHA-256 in hex. Two of one name may be valid at a time, for rotation.

    `source` is the one source whose alerts it is good for; None: it is bound to none.
    """

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None
    source: SourceName | None = None
