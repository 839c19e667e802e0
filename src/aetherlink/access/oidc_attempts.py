"""Attempts to sign in that wait for the identity provider's answer. In memory, bounded, each good once."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta

from aetherlink.access.digests import digest_of, new_attempt_secret
from aetherlink.errors import UnauthenticatedError
from aetherlink.ports import Clock

LIFE = timedelta(minutes=10)
MOST = 4000
_UNKNOWN = (
    "this answer of the identity provider belongs to no attempt of this browser: it was used, it took longer than "
    f"{LIFE.total_seconds() / 60:.0f} minutes, or it began elsewhere"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """`state` comes back with the answer, `nonce` in the ID token, `verifier` proves that both ends are one (PKCE).

    `browser` is the digest of what the browser's cookie carries, `wish` the path to go on to; `session` the digest of
    the session that the browser has, for the cookie of that one does not come back with it.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    browser: str = field(repr=False)
    wish: str
    ends: float
    session: str | None = field(default=None, repr=False)


class Attempts:
    """Begun here, and taken by the browser that began them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, Attempt] = {}

    def begin(self, wish: str, *, cookie: str | None, session: str | None = None) -> tuple[Attempt, str]:
        """A new attempt, and what the cookie is to carry: the same while another of this browser waits."""
        self._forget(MOST - 1)
        secret = cookie if cookie is not None and self.waits_for(cookie) else new_attempt_secret()
        attempt = Attempt(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            browser=digest_of(secret),
            wish=wish,
            ends=self._clock.monotonic() + LIFE.total_seconds(),
            session=None if session is None else digest_of(session),
        )
        self._waiting[attempt.state] = attempt
        return attempt, secret

    def take(self, state: str, *, cookie: str | None) -> Attempt:
        """The attempt, which is used up. Raises UnauthenticatedError where this browser has none of this state."""
        self._forget(MOST)
        if self._of(state, cookie) is None:
            raise UnauthenticatedError(_UNKNOWN)
        return self._waiting.pop(state)

    def wish_of(self, state: str, *, cookie: str | None) -> str:
        """That of this browser's attempt, though it has just been over; else the first page."""
        attempt = self._of(state, cookie)
        return "/" if attempt is None else attempt.wish

    def replaced(self, attempt: Attempt, session: str) -> None:
        """The browser has another session now, of this digest: what else it waits for ends that one."""
        for state, one in self._waiting.items():
            if one.browser == attempt.browser:
                self._waiting[state] = replace(one, session=session)

    def waits_for(self, cookie: str) -> bool:
        """Whether an attempt of this browser waits."""
        browser = digest_of(cookie)
        return any(secrets.compare_digest(one.browser, browser) for one in self._waiting.values())

    def _of(self, state: str, cookie: str | None) -> Attempt | None:
        attempt = self._waiting.get(state)
        if attempt is None or cookie is None or not secrets.compare_digest(attempt.browser, digest_of(cookie)):
            return None
        return attempt

    def _forget(self, most: int) -> None:
        """Those that are over; of too many the oldest, which come first."""
        now, over = self._clock.monotonic(), len(self._waiting) - most
        gone = [state for number, (state, one) in enumerate(self._waiting.items()) if number < over or one.ends <= now]
        for state in gone:
            del self._waiting[state]
