"""Signing in by an identity provider: where to lead a browser, and what becomes of the answer that it brings back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aetherlink.access.oidc_attempts import Attempt, Attempts
from aetherlink.access.oidc_options import OidcOptions
from aetherlink.access.oidc_person import Person, person_of, printable
from aetherlink.access.oidc_record import SignInRecord
from aetherlink.access.sessions import SessionBook
from aetherlink.access.throttle import SignInThrottle
from aetherlink.errors import AetherError, AnswerError, ForbiddenError, StoreError, UnauthenticatedError
from aetherlink.model.principals import ROLES, Principal, Session
from aetherlink.ports import Clock, IdentityProvider

BEGUN_PER_ADDRESS = 60
BEGUN_IN_ALL = 300  # a minute: so many of them wait at once that none pushes another out


@dataclass(frozen=True, slots=True)
class Leaving:
    """A browser on its way out: the secrets of its cookies, of an attempt and of a session; None: it has none."""

    address: str
    cookie: str | None = field(default=None, repr=False)
    session: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Brought:
    """What a browser brings back from the provider, as it came; `cookie` None: it has none of ours."""

    address: str
    cookie: str | None = field(repr=False)
    said: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody is signed in: the secret of the session's cookie, and the path to go on to."""

    person: Person
    session: Session
    secret: str = field(repr=False)
    wish: str


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody whom the provider vouches for, and whom no group gives a role here; `wish` as of an attempt."""

    person: Person
    claim: str
    wish: str


class OidcDoor:
    """The one provider of the settings."""

    def __init__(
        self,
        options: OidcOptions,
        provider: IdentityProvider,
        sessions: SessionBook,
        record: SignInRecord,
        *,
        clock: Clock,
    ) -> None:
        self._options = options
        self._provider = provider
        self._sessions = sessions
        self._record = record
        self._foreign = SignInThrottle(clock)  # its own: junk that leads here keeps nobody's token out
        self._begun = SignInThrottle(clock, per_address=BEGUN_PER_ADDRESS, in_all=BEGUN_IN_ALL)
        self._attempts = Attempts(clock)

    @property
    def button(self) -> str:
        """What stands on it."""
        return self._options.button

    def waits_for(self, cookie: str) -> bool:
        """Whether this browser waits for another answer."""
        return self._attempts.waits_for(cookie)

    def wish_of(self, brought: Brought) -> str:
        """Where the attempt that this answers is to end at; the first page where there is none of this browser."""
        return self._attempts.wish_of(brought.said.get("state", ""), cookie=brought.cookie)

    async def begin(self, wish: str, leaving: Leaving) -> tuple[str, str]:
        """Where to lead the browser, and the secret of its cookie; `wish` is the path that it is to end at.

        The session that it has now is over once the attempt ends well.

        Raises ThrottledError, StoreError, and UnreachableError or AnswerError where the provider cannot be asked where
        that is, which is on record then.
        """
        self._begun.take(leaving.address)
        attempt, secret = self._attempts.begin(wish, cookie=leaving.cookie, session=leaving.session)
        try:
            leading = await self._provider.address(state=attempt.state, nonce=attempt.nonce, verifier=attempt.verifier)
        except AetherError as problem:
            await self._record.refused(str(problem), address=leaving.address)
            raise
        return leading, secret

    async def finish(self, brought: Brought) -> Entered | Stranger:
        """What becomes of the answer; every refusal is on record, and the attempt is used up.

        Raises ThrottledError before it looks at what belongs to no attempt, UnauthenticatedError (to none of this
        browser), ForbiddenError (the provider let nobody in), UnreachableError, AnswerError, StoreError.
        """
        attempt = await self._attempt(brought)
        try:
            person = await self._person(brought.said, attempt)
        except StoreError:
            raise
        except AetherError as refusal:
            await self._record.refused(str(refusal), address=brought.address)
            raise
        if person.role is None:
            why = f"none of the groups in {self._options.groups_claim!r} has a role in auth.oidc.roles"
            await self._record.refused(why, address=brought.address, person=person)
            return Stranger(person, self._options.groups_claim, attempt.wish)
        holder = Principal(person.name, ROLES[person.role])
        session, secret = await self._sessions.begin_vouched(
            holder,
            entered=lambda rows, made: self._record.entered(rows, made, person, address=brought.address),
            replaced=attempt.session,
        )
        self._attempts.replaced(attempt, session.digest)
        self._begun.give_back(brought.address)
        return Entered(person, session, secret, attempt.wish)

    async def _attempt(self, brought: Brought) -> Attempt:
        try:
            return self._attempts.take(brought.said.get("state", ""), cookie=brought.cookie)
        except UnauthenticatedError as refusal:
            self._foreign.take(brought.address)
            await self._record.refused(str(refusal), address=brought.address)
            raise

    async def _person(self, said: Mapping[str, str], attempt: Attempt) -> Person:
        if said.get("iss", self._options.issuer) != self._options.issuer:  # RFC 9207
            raise AnswerError("the answer is of another identity provider")
        if "error" in said:
            raise _refusal_of(said)
        if not said.get("code"):
            raise AnswerError("the identity provider answered with neither a code nor an error")
        claims = await self._provider.claims(said["code"], nonce=attempt.nonce, verifier=attempt.verifier)
        return person_of(claims, self._options)


def _refusal_of(said: Mapping[str, str]) -> AetherError:
    more = printable(said.get("error_description", ""))
    words = f"{printable(said['error'])!r}" + (f" ({more})" if more else "")
    if said["error"] == "access_denied":
        return ForbiddenError(f"the identity provider did not let you through, or you went back: {words}")
    return AnswerError(f"the identity provider ended the attempt: {words}")
