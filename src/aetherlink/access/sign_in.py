"""Signing in: the sessions, how often it may be tried, and where the cookie belongs. What the pages of it stand on."""

from dataclasses import dataclass

from aetherlink.access.oidc import OidcDoor
from aetherlink.access.public_place import PublicPlace
from aetherlink.access.sessions import SessionBook
from aetherlink.access.throttle import SignInThrottle


@dataclass(frozen=True, slots=True)
class SignIn:
    """The collaborators of whoever signs people in; `oidc` None: no identity provider does."""

    sessions: SessionBook
    throttle: SignInThrottle
    place: PublicPlace
    oidc: OidcDoor | None = None

    async def with_code(self, code: str, *, address: str) -> str:
        """The secret of a new session's cookie, for a token or the code of a login link.

        Raises ThrottledError before it looks at the code, then what SessionBook.begin raises.
        """
        self.throttle.take(address)
        _, secret = await self.sessions.begin(code)
        self.throttle.give_back(address)
        return secret
