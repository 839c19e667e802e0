"""The tokens in memory: who holds which, by digest, so that the check at the door needs no I/O.

Rows in the store are the truth; `reload` brings them in at start, and every change goes to the store first. Tokens of
files come in through the constructor and are never stored.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from aetherlink.access.digests import digest_of, new_secret
from aetherlink.errors import BadRequestError, ConflictError, NotFoundError
from aetherlink.model.ids import SourceName
from aetherlink.model.principals import Principal, Scope, TokenRecord
from aetherlink.ports import Clock, Ids, Store, Transaction

VALID_AT_A_TIME = 2  # one in use and one to rotate to
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_RESERVED = frozenset({"local", "operator", "webhook", "agent"})


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
        self._fixed = dict(fixed)
        self._sources = sources
        self._holders: dict[str, Principal] = dict(fixed)

    def holder(self, secret: str) -> Principal | None:
        """Who holds this token; None for an unknown or revoked one."""
        return self._holders.get(digest_of(secret))

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
        source: str | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[TokenRecord, str]:
        """A new token and its secret, which is told this once.

        Raises BadRequestError for an unusable name, no scope or an unknown source, ConflictError when two of the name
        are valid already or when the key was used before (the secret cannot be told again), StoreError.
        """
        _check_name(name)
        held = frozenset(scopes)
        if not held:
            raise BadRequestError(f"name at least one scope: {', '.join(Scope)}")
        bound_to = self._bound_to(source, held)
        secret = new_secret()
        record = TokenRecord(
            id=_id_of(by, idempotency_key) if idempotency_key else self._ids.new("tok"),
            name=name,
            digest=digest_of(secret),
            scopes=held,
            created_at=self._clock.now(),
            source=bound_to,
        )
        self._remember(await self._store.write(lambda transaction: _insert(transaction, record)))
        return record, secret

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
        stored = {one.digest: Principal(one.name, one.scopes, one.source) for one in records if one.revoked_at is None}
        self._holders = stored | self._fixed


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise BadRequestError(
            f"{name!r} cannot be a token's name: use 1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter "
            "or a digit"
        )
    if name in _RESERVED:
        raise BadRequestError(f"the name {name!r} is the agent's own: choose another")


def _insert(transaction: Transaction, record: TokenRecord) -> list[TokenRecord]:
    known = transaction.tokens.all()
    if any(one.id == record.id for one in known):
        raise ConflictError(
            f"token {record.id} was made with this Idempotency-Key already, and its secret was shown that once: "
            "revoke it and ask again with another key"
        )
    valid = [one.id for one in known if one.name == record.name and one.revoked_at is None]
    if len(valid) >= VALID_AT_A_TIME:
        raise ConflictError(f"{len(valid)} tokens named {record.name!r} are valid: revoke {' or '.join(valid)} first")
    transaction.tokens.put(record)
    return transaction.tokens.all()


def _id_of(by: str, idempotency_key: str) -> str:
    """The same request names the same token, so that a repeat is noticed without a column for it."""
    return "tok-" + hashlib.sha256(f"{by}\0{idempotency_key}".encode()).hexdigest()[:16]
