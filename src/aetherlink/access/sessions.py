"""Browsers that are signed in, in memory, so that the check at the door needs no I/O; beside the book of tokens.

Rows in the store are the truth; `reload` brings them in at start, and every change goes to the store first. A session
has no more than the token or the link that it came from, ends with the token at the root of it, and lasts no longer
than whoever made the link: nobody renews himself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aetherlink.access.digests import digest_of, is_well_formed, new_link_secret, new_session_secret
from aetherlink.access.options import SessionOptions
from aetherlink.access.tokens import TokenBook, check_name, is_worth_writing
from aetherlink.errors import ConflictError, ForbiddenError, UnauthenticatedError
from aetherlink.model.principals import LoginLink, Principal, Scope, Session
from aetherlink.ports import Clock, Ids, Store, Transaction

MOST_SESSIONS = 1000
MOST_EACH = 200  # of one token under one name: it does not crowd out the others
MOST_LINKS = 100
_WRONG_CODE = (
    "this is no token that is valid, and no code of a login link: a link is good once, and for a few minutes only; "
    "`aether open` makes a new one"
)


@dataclass(frozen=True, slots=True)
class Vouched:
    """What sessions rest on that an identity provider vouched for: their root, and how long they last at most."""

    root: str
    lifetime: timedelta


class SessionBook:
    """Begins, recognises and ends sessions, and makes the links that begin one.

    `vouched` is what they may rest on beside tokens; one that rests on another such root is over.
    """

    def __init__(
        self,
        store: Store,
        tokens: TokenBook,
        *,
        clock: Clock,
        ids: Ids,
        options: SessionOptions,
        vouched: Vouched | None = None,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._ids = ids
        self._options = options
        self._vouched = vouched
        self._sessions: dict[str, Session] = {}
        self._used: dict[str, datetime] = {}

    @property
    def lifetime(self) -> timedelta:
        """The longest that a session lasts."""
        return self._options.lifetime

    def holder(self, secret: str) -> Principal | None:
        """Whose session this is; None for one that is unknown or over."""
        session = self._sessions.get(digest_of(secret))
        now = self._clock.now()
        if session is None or not self._is_alive(session, now):
            return None
        self._used[session.id] = now
        return Principal(
            session.name,
            session.scopes,
            tenant=session.tenant,
            root=session.root,
            expires_at=session.expires_at,
        )

    async def reload(self) -> None:
        """Bring in what the store knows. Raises StoreError."""
        self._remember(await self._store.read(lambda transaction: transaction.sessions.all()))

    async def link(self, caller: Principal, *, name: str | None, scopes: frozenset[Scope]) -> tuple[LoginLink, str]:
        """A link and its secret, which is told this once; without a name it is for the caller.

        Raises ForbiddenError for scopes that the caller lacks, BadRequestError for an unusable name, ConflictError
        while too many links wait to be used, StoreError.
        """
        if not all(caller.may(scope) for scope in scopes):
            raise ForbiddenError(f"{caller.name!r} cannot give away what it does not hold itself")
        if name is not None:
            check_name(name)
        secret, now = new_link_secret(), self._clock.now()
        link = LoginLink(
            digest_of(secret),
            name or caller.name,
            scopes,
            now,
            _earliest(now + self._options.link_life, caller.expires_at),
            root=caller.root,
            session_ends_at=caller.expires_at,
        )

        def work(transaction: Transaction) -> None:
            waiting = transaction.login_links.all()
            over = [one for one in waiting if one.expires_at <= now]
            for one in over:
                transaction.login_links.drop(one.digest)
            if len(waiting) - len(over) >= MOST_LINKS:
                raise ConflictError(f"{MOST_LINKS} login links wait to be used: they expire within minutes")
            transaction.login_links.add(link)

        await self._store.write(work)
        return link, secret

    async def begin(self, code: str) -> tuple[Session, str]:
        """Sign in with a token or with the secret of a link, which is used up. Returns the cookie's secret, told once.

        Raises UnauthenticatedError for what is neither, ForbiddenError for a token that opens no page, StoreError.
        """
        if not is_well_formed(code):
            raise UnauthenticatedError(_WRONG_CODE)
        holder = self._tokens.holder(code)
        if holder is None:
            return await self._begin_by_link(code)
        scopes = holder.scopes - {Scope.WEBHOOK}
        if not scopes:
            raise ForbiddenError(f"the token {holder.name!r} is for posting alerts only: it signs nobody in")
        return await self._begin(replace(holder, scopes=scopes))

    async def begin_vouched(
        self,
        holder: Principal,
        *,
        entered: Callable[[Transaction, Session], object],
        replaced: str | None = None,
    ) -> tuple[Session, str]:
        """Sign in whom the identity provider vouches for. As `begin`.

        `entered` is a part of the transaction, in which the session of the digest `replaced` ends.
        """
        if self._vouched is None:
            raise UnauthenticatedError("nobody vouches for anybody here")

        def work(transaction: Transaction, session: Session) -> None:
            if replaced is not None:
                _revoke(transaction, replaced, session.created_at)
            entered(transaction, session)

        return await self._begin(replace(holder, root=self._vouched.root), work)

    async def end(self, secret: str) -> None:
        """The session is over from now on; nothing happens where it is over already. Raises StoreError."""
        digest, now = digest_of(secret), self._clock.now()
        if digest not in self._sessions:
            return

        def work(transaction: Transaction) -> list[Session]:
            _revoke(transaction, digest, now)
            return transaction.sessions.all()

        self._remember(await self._store.write(work))

    async def write_uses(self) -> None:
        """Store when each was last used, if that is worth a write. Raises StoreError."""
        used = {
            session.id: at
            for session in self._sessions.values()
            if (at := self._used.get(session.id)) and is_worth_writing(at, session.used_at)
        }
        if not used:
            return

        def work(transaction: Transaction) -> list[Session]:
            for session in transaction.sessions.all():
                if session.id in used:
                    transaction.sessions.put(replace(session, used_at=used[session.id]))
            return transaction.sessions.all()

        self._remember(await self._store.write(work))

    async def _begin_by_link(self, code: str) -> tuple[Session, str]:
        digest, now = digest_of(code), self._clock.now()

        def work(transaction: Transaction) -> LoginLink | None:
            link = next((one for one in transaction.login_links.all() if one.digest == digest), None)
            return link if transaction.login_links.drop(digest) else None

        link = await self._store.write(work)
        if link is None or link.expires_at <= now or not self._has_root(link.root):
            raise UnauthenticatedError(_WRONG_CODE)
        return await self._begin(Principal(link.name, link.scopes, root=link.root, expires_at=link.session_ends_at))

    async def _begin(
        self, holder: Principal, entered: Callable[[Transaction, Session], object] | None = None
    ) -> tuple[Session, str]:
        secret, now = new_session_secret(), self._clock.now()
        session = Session(
            id=self._ids.new("ses"),
            digest=digest_of(secret),
            name=holder.name,
            scopes=holder.scopes,
            created_at=now,
            expires_at=_earliest(now + self._lifetime(holder.root), holder.expires_at),
            used_at=now,
            tenant=holder.tenant,
            root=holder.root,
        )

        def work(transaction: Transaction) -> list[Session]:
            transaction.sessions.drop(self._to_forget(transaction.sessions.all(), session))
            transaction.sessions.put(session)
            if entered is not None:
                entered(transaction, session)
            return transaction.sessions.all()

        self._remember(await self._store.write(work))
        return session, secret

    def _lifetime(self, root: str | None) -> timedelta:
        """Of one that another vouches for no longer than that, though a link was made in between."""
        if self._vouched is None or root != self._vouched.root:
            return self._options.lifetime
        return min(self._options.lifetime, self._vouched.lifetime)

    def _to_forget(self, sessions: Iterable[Session], new: Session) -> list[str]:
        """Those that are over, and of too many the ones that were not used for longest: first of the new one's own."""
        stored = list(sessions)
        alive = sorted((one for one in stored if self._is_alive(one, new.created_at)), key=self._last_use)
        own = [one for one in alive if (one.root, one.name) == (new.root, new.name)]
        crowding = {one.id for one in own[: -(MOST_EACH - 1)]}
        kept = {one.id for one in [one for one in alive if one.id not in crowding][-(MOST_SESSIONS - 1) :]}
        return [one.id for one in stored if one.id not in kept]

    def _is_alive(self, session: Session, now: datetime) -> bool:
        return (
            session.revoked_at is None
            and now < session.expires_at
            and now - self._last_use(session) < self._options.idle
            and self._has_root(session.root)
        )

    def _has_root(self, root: str | None) -> bool:
        is_vouched = self._vouched is not None and root == self._vouched.root
        return root is None or is_vouched or self._tokens.is_valid(root)

    def _last_use(self, session: Session) -> datetime:
        return max(session.used_at, self._used.get(session.id, session.used_at))

    def _remember(self, sessions: Iterable[Session]) -> None:
        self._sessions = {one.digest: one for one in sessions}
        known = {one.id for one in self._sessions.values()}
        self._used = {session_id: at for session_id, at in self._used.items() if session_id in known}


def _revoke(transaction: Transaction, digest: str, now: datetime) -> None:
    for session in transaction.sessions.all():
        if session.digest == digest and session.revoked_at is None:
            transaction.sessions.put(replace(session, revoked_at=now))


def _earliest(ends: datetime, other: datetime | None) -> datetime:
    """The earlier of both; None: the other never comes."""
    return ends if other is None else min(ends, other)
