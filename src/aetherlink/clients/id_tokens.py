"""Whether an ID token of an identity provider may be believed. The only file that uses the JOSE library.

Does no I/O: keys and time are given. Fails closed: what is not certainly right is refused, in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from aetherlink.errors import AnswerError, NotFoundError

LEEWAY = timedelta(seconds=60)
"""How far the two clocks may be apart."""

_KEY_KINDS: Mapping[str, type[RSAKey] | type[ECKey]] = {"RS256": RSAKey, "ES256": ECKey}
_MOST_BYTES = 64 * 1024
_FAR = 1e12  # seconds: a number that is no time, NaN included, is not less


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token has to say: who made it, for whom, and in answer to which attempt."""

    issuer: str
    client_id: str
    nonce: str


def verify(
    token: str, keys: Sequence[Mapping[str, object]], expected: Expected, *, now: datetime
) -> Mapping[str, object]:
    """The claims of a token that is genuine, for us, in time and of this attempt.

    Raises NotFoundError when no key has its kid (they may have been changed), AnswerError for all else.
    """
    if len(token) > _MOST_BYTES:
        raise AnswerError(f"the ID token is larger than {_MOST_BYTES} bytes")
    try:
        claims = _signed(token, keys)
    except (JoseError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise AnswerError("the ID token is not genuine: its signature or its form is wrong") from error
    _check_parties(claims, expected)
    _check_times(claims, now)
    return claims


def _signed(token: str, keys: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    header = jws.extract_compact(token.encode("ascii")).headers()
    algorithm, kid = header.get("alg"), header.get("kid")
    kind = _KEY_KINDS.get(algorithm) if isinstance(algorithm, str) else None
    if kind is None or not isinstance(algorithm, str):
        raise AnswerError("the ID token is not signed by RS256 or ES256, the only algorithms that are taken")
    chosen = [key for key in keys if isinstance(kid, str) and key.get("kid") == kid]
    if not chosen:
        raise NotFoundError("the ID token is signed with a key that the provider does not publish")
    key = chosen[0]
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        raise AnswerError("the ID token is signed with a key that is not for this")
    public: dict[str, str | list[str]] = {name: value for name, value in key.items() if isinstance(value, str)}
    if public.get("kty") != kind.key_type:
        raise AnswerError("the ID token is signed with a key of another kind than its algorithm")
    return jwt.decode(token, kind.import_key(public), algorithms=[algorithm]).claims


def _check_parties(claims: Mapping[str, object], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise AnswerError("the ID token is of another issuer")
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in several:
        raise AnswerError("the ID token is for another application")
    party = claims.get("azp")
    if (len(several) > 1 or party is not None) and party != expected.client_id:
        raise AnswerError("the ID token was made for another application")
    if claims.get("nonce") != expected.nonce:
        raise AnswerError("the ID token belongs to another attempt to sign in")


def _check_times(claims: Mapping[str, object], now: datetime) -> None:
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    if _seconds(claims, "exp") + leeway <= at:
        raise AnswerError("the ID token has expired")
    if _seconds(claims, "iat") - leeway > at:
        raise AnswerError("the ID token is from the future: compare the clocks")
    if "nbf" in claims and _seconds(claims, "nbf") - leeway > at:
        raise AnswerError("the ID token is not valid yet: compare the clocks")


def _seconds(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _FAR:
        raise AnswerError(f"the ID token does not say its {name}")
    return value
