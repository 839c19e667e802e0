"""Slack's signature of a request: v0, HMAC-SHA256 over time and body, good for 300 seconds, and once."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from aetherlink.errors import UnauthenticatedError
from aetherlink.ports import Clock
from aetherlink.slackdoor.once import Once

WINDOW = 300.0
"""Seconds by which the time of a request may differ from the clock."""

_TIME = re.compile(r"[0-9]{1,12}")
_TIME_HEADER = "x-slack-request-timestamp"
_SIGNATURE_HEADER = "x-slack-signature"


class Signatures:
    """What one agent has admitted. What was signed before it was made may have been admitted by the one before it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.now()
        self._once = Once(lasts=2 * WINDOW)

    def admit(
        self, headers: Mapping[str, Sequence[str]], body: bytes, secrets: Mapping[str, Sequence[str]]
    ) -> list[str]:
        """Whose secret signed it, of these names with their secrets; one at least.

        Raises UnauthenticatedError, OverloadedError.
        """
        at, signature = _single(headers, _TIME_HEADER), _single(headers, _SIGNATURE_HEADER)
        self._check_time(at)
        signed = [name for name, good in secrets.items() if any(_is_by(one, at, body, signature) for one in good)]
        if not signed:
            raise UnauthenticatedError("the signature is not that of the app's signing secret")
        if int(at) < int(self._since.timestamp()):
            raise UnauthenticatedError("it was signed before the agent started, and may have been heard: press again")
        if not self._once.is_first(signature, self._clock.monotonic()):
            raise UnauthenticatedError("this very request was there already")
        return signed

    def _check_time(self, at: str) -> None:
        if _TIME.fullmatch(at) is None:
            raise UnauthenticatedError(f"{_TIME_HEADER} is not a time in seconds")
        off = int(at) - self._clock.now().timestamp()
        if abs(off) > WINDOW:
            raise UnauthenticatedError(
                f"{_TIME_HEADER} is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'} of this machine's clock, and "
                f"{WINDOW:.0f} s are allowed: set the clock right"
            )


def signature_of(secret: str, at: str, body: bytes) -> str:
    """As Slack makes it."""
    mac = hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256)
    return f"v0={mac.hexdigest()}"


def _is_by(secret: str, at: str, body: bytes, signature: str) -> bool:
    return hmac.compare_digest(signature_of(secret, at, body).encode(), signature.encode("utf-8", "replace"))


def _single(headers: Mapping[str, Sequence[str]], name: str) -> str:
    values = headers.get(name, ())
    if len(values) != 1:
        raise UnauthenticatedError(f"it carries no {name}")
    return values[0]
