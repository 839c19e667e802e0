"""The tokens in memory: who holds which, by digest, so that the check at the door needs no I/O.

Rows in the store are the truth; `reload` brings them in at start, and every change goes to the store first. Tokens of
files come in through the constructor and are never stored.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aetherlink.access.digests import digest_of, new_secret
from aetherlink.errors import BadRequestError, ConflictError, NotFoundError
from aetherlink.model.ids import SourceName
from aetherlink.model.principals import Principal, Scope, TokenRecord
from aetherlink.ports import Clock, Ids, Store, Transaction

VALID_AT_A_TIME = 2  # one in use and one to rotate to
COARSE = timedelta(minutes=5)  # a use that is no later than this after the stored one is not worth a write
LONGEST_TENANT = 200  # characters
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_RESERVED = frozenset({"local", "operator", "webhook", "agent"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a token is bound to: one source, one tenant, a time. None: not bound."""

    source: str | None = None
    tenant: str | None = None
    expires_in: timedelta | None = None


UNBOUND = Bounds()


@dataclass(frozen=True, slots=True)
class _Held:
    """A token that opens something, until it expires; `id` is that of its row, None where a file holds it."""

    principal: Principal
    id: str | None = None
    expires_at: datetime | None = None


class TokenBook:
    """Issues, revokes and recognises tokens.

    `fixed` are the principals of token files, by digest; `sources` the names that a token may be bound to.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        ids: Ids,
        fixed: Mapping[str, Principal],
        sources: Collection[SourceName] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._fixed = {digest: _Held(replace(principal, root=digest)) for digest, principal in fixed.items()}
        self._sources = sources
        self._held: dict[str, _Held] = dict(self._fixed)
        self._records: Sequence[TokenRecord] = ()
        self._used: dict[str, datetime] = {}

    def holder(self, secret: str) -> Principal | None:
        """Who holds this token; None for one that is unknown, revoked or expired."""
        held = self._held.get(digest_of(secret))
        if held is None:
            return None
        now = self._clock.now()
        if held.expires_at is not None and held.expires_at <= now:
            return None
        if held.id is not None:
            self._used[held.id] = now
        return held.principal

    def is_valid(self, digest: str) -> bool:
        """Whether the token of this digest still opens something."""
        held = self._held.get(digest)
        return held is not None and (held.expires_at is None or self._clock.now() < held.expires_at)

    async def reload(self) -> None:
        """Bring in what the store knows. Raises StoreError."""
        self._remember(await self.records())

    async def records(self) -> list[TokenRecord]:
        """Every token ever issued, revoked ones included. Raises StoreError."""
        return await self._store.read(lambda transaction: transaction.tokens.all())

    async def issue(
        self,
        name: str,
        scopes: Iterable[Scope],
        *,
        by: str,
        bounds: Bounds = UNBOUND,
        idempotency_key: str | None = None,
    ) -> tuple[TokenRecord, str]:
        """A new token and its secret, which is told this once.

        Raises BadRequestError for an unusable name, no scope, an unknown source or a tenant with more than the scope
        read, ConflictError when two of the name are valid already or when the key was used before (the secret cannot be
        told again), StoreError.
        """
        check_name(name)
        held = frozenset(scopes)
        if not held:
            raise BadRequestError(f"name at least one scope: {', '.join(Scope)}")
        bound_to = self._bound_to(bounds.source, held)
        _check_tenant(bounds.tenant, held)
        secret, now = new_secret(), self._clock.now()
        record = TokenRecord(
            id=_id_of(by, idempotency_key) if idempotency_key else self._ids.new("tok"),
            name=name,
            digest=digest_of(secret),
            scopes=held,
            created_at=now,
            source=bound_to,
            tenant=bounds.tenant,
            expires_at=None if bounds.expires_in is None else now + bounds.expires_in,
        )
        self._remember(await self._store.write(lambda transaction: _insert(transaction, record, now)))
        return record, secret

    async def rotate(self, name: str, *, overlap: timedelta) -> tuple[TokenRecord, str]:
        """A new token in place of the one of this name, which ends by itself when the overlap is over.

        The new one may do and is bound to what the old one does, and lives as long as that was to live. Raises
        NotFoundError when no token of the name is valid, ConflictError when two are already, StoreError.
        """
        secret, now = new_secret(), self._clock.now()
        new_id = self._ids.new("tok")

        def work(transaction: Transaction) -> tuple[TokenRecord, list[TokenRecord]]:
            old = _only_one(transaction.tokens.all(), name, now)
            life = None if old.expires_at is None else old.expires_at - old.created_at
            end = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
            new = replace(
                old,
                id=new_id,
                digest=digest_of(secret),
                created_at=now,
                expires_at=None if life is None else now + life,
                used_at=None,
            )
            transaction.tokens.put(replace(old, expires_at=end))
            transaction.tokens.put(new)
            return new, transaction.tokens.all()

        record, records = await self._store.write(work)
        self._remember(records)
        return record, secret

    async def write_uses(self) -> None:
        """Store when each was last used, if that is worth a write. Raises StoreError."""
        used = {one.id: at for one in self._records if is_worth_writing(at := self._used.get(one.id), one.used_at)}
        if not used:
            return

        def work(transaction: Transaction) -> list[TokenRecord]:
            for one in transaction.tokens.all():
                if one.id in used:
                    transaction.tokens.put(replace(one, used_at=used[one.id]))
            return transaction.tokens.all()

        self._remember(await self._store.write(work))

    def last_use(self, record: TokenRecord) -> datetime | None:
        """When the token was last used, as far as is known; None: never."""
        return max(filter(None, (record.used_at, self._used.get(record.id))), default=None)

    async def revoke(self, token_id: str) -> TokenRecord:
        """The token is refused from now on; a repeat changes nothing. Raises NotFoundError, StoreError."""
        now = self._clock.now()

        def work(transaction: Transaction) -> list[TokenRecord]:
            record = next((one for one in transaction.tokens.all() if one.id == token_id), None)
            if record is None:
                raise NotFoundError(f"there is no token {token_id!r}")
            if record.revoked_at is None:
                transaction.tokens.put(replace(record, revoked_at=now))
            return transaction.tokens.all()

        records = await self._store.write(work)
        self._remember(records)
        return next(one for one in records if one.id == token_id)

    def _bound_to(self, source: str | None, scopes: Collection[Scope]) -> SourceName | None:
        if source is None:
            return None
        if source not in self._sources:
            raise BadRequestError(f"there is no source {source!r}: known are {', '.join(sorted(self._sources))}")
        if Scope.WEBHOOK not in scopes:
            raise BadRequestError("a source is for the scope webhook: ask for that scope, or leave the source out")
        return SourceName(source)

    def _remember(self, records: Iterable[TokenRecord]) -> None:
        self._records = tuple(records)
        now = self._clock.now()
        valid = {one.digest: _held_by(one) for one in self._records if one.is_valid(now)}
        self._held = valid | self._fixed


def is_worth_writing(used: datetime | None, stored: datetime | None) -> bool:
    """Whether a use is so much later than the stored one that the store should hear of it."""
    return used is not None and (stored is None or used - stored > COARSE)


def _held_by(record: TokenRecord) -> _Held:
    principal = Principal(
        record.name,
        record.scopes,
        record.source,
        record.tenant,
        root=record.digest,
        expires_at=record.expires_at,
    )
    return _Held(principal, record.id, record.expires_at)


def _check_tenant(tenant: str | None, scopes: frozenset[Scope]) -> None:
    if tenant is None:
        return
    if not 1 <= len(tenant) <= LONGEST_TENANT:
        raise BadRequestError(f"a tenant has 1 to {LONGEST_TENANT} characters")
    if scopes != {Scope.READ}:
        raise BadRequestError("a token that is bound to a tenant can have the scope read only (the role viewer)")


def _only_one(records: Iterable[TokenRecord], name: str, now: datetime) -> TokenRecord:
    valid = [one for one in records if one.name == name and one.is_valid(now)]
    if not valid:
        raise NotFoundError(f"no token named {name!r} is valid: `aether token create` makes one")
    if len(valid) >= VALID_AT_A_TIME:
        raise ConflictError(
            f"{len(valid)} tokens named {name!r} are valid: revoke one of {' and '.join(one.id for one in valid)} first"
        )
    return valid[0]


def check_name(name: str) -> None:
    """Raises BadRequestError for what cannot be the name of a token or a person."""
    if _NAME.fullmatch(name) is None:
        raise BadRequestError(
            f"{name!r} cannot be a token's name: use 1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter "
            "or a digit"
        )
    if name in _RESERVED:
        raise BadRequestError(f"the name {name!r} is the agent's own: choose another")


def _insert(transaction: Transaction, record: TokenRecord, now: datetime) -> list[TokenRecord]:
    known = transaction.tokens.all()
    if any(one.id == record.id for one in known):
        raise ConflictError(
            f"token {record.id} was made with this Idempotency-Key already, and its secret was shown that once: "
            "revoke it and ask again with another key"
        )
    valid = [one.id for one in known if one.name == record.name and one.is_valid(now)]
    if len(valid) >= VALID_AT_A_TIME:
        raise ConflictError(f"{len(valid)} tokens named {record.name!r} are valid: revoke {' or '.join(valid)} first")
    transaction.tokens.put(record)
    return transaction.tokens.all()


def _id_of(by: str, idempotency_key: str) -> str:
    """The same request names the same token, so that a repeat is noticed without a column for it."""
    return "tok-" + hashlib.sha256(f"{by}\0{idempotency_key}".encode()).hexdigest()[:16]
