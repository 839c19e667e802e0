"""Which ID tokens are believed: one that is right, and each way in which one is wrong."""

import base64
import json
from datetime import UTC, datetime

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from aetherlink.clients.id_tokens import Expected, verify
from aetherlink.errors import AetherError, AnswerError, NotFoundError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = RSAKey.generate_key(2048, {"kid": "one"})
FOREIGN = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = [{**KEY.as_dict(private=False), "kid": "one"}]
EXPECTED = Expected("https://id.example.org", "aether", "n")
RIGHT = {"iss": "https://id.example.org", "aud": "aether", "nonce": "n", "exp": AT + 300, "iat": AT, "sub": "ann"}


def signed(key=KEY, alg: str = "RS256", kid: str = "one", **changes) -> str:
    return jwt.encode({"alg": alg, "kid": kid}, {**RIGHT, **changes}, key, algorithms=[alg])


def part(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def refusal(token: str, keys=KEYS) -> AetherError:
    with pytest.raises((AnswerError, NotFoundError)) as refused:
        verify(token, keys, EXPECTED, now=NOW)
    return refused.value


@pytest.mark.parametrize("changes", [{}, {"aud": ["aether", "other"], "azp": "aether"}, {"exp": AT - 59}])
def test_a_right_token_is_believed(changes) -> None:
    assert verify(signed(**changes), KEYS, EXPECTED, now=NOW)["sub"] == "ann"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iss": "https://id.example.org/"}, "another issuer"),
        ({"aud": "other"}, "for another application"),
        ({"aud": ["aether", "other"]}, "made for another"),
        ({"azp": "other"}, "made for another"),
        ({"nonce": "m"}, "another attempt"),
        ({"nonce": None}, "another attempt"),
        ({"exp": AT - 60}, "expired"),
        ({"exp": None}, "does not say its exp"),
        ({"exp": True}, "does not say its exp"),
        ({"exp": 10**400}, "does not say its exp"),
        ({"exp": float("nan")}, "does not say its exp"),
        ({"exp": float("inf")}, "does not say its exp"),
        ({"iat": -(10**400)}, "does not say its iat"),
        ({"iat": AT + 61}, "from the future"),
        ({"iat": None}, "does not say its iat"),
        ({"nbf": AT + 61}, "not valid yet"),
    ],
)
def test_a_genuine_token_that_says_something_else_is_refused(changes, words) -> None:
    assert words in str(refusal(signed(**changes)))


@pytest.mark.parametrize("token", ["", "a.b.c", "é.é.é", "x" * 70_000, signed()[:-9] + "AAAAAAAAA", signed(FOREIGN)])
def test_what_is_not_signed_by_the_providers_key_is_refused(token) -> None:
    assert isinstance(refusal(token), AnswerError)


def test_no_signature_and_the_public_key_as_a_secret_are_refused() -> None:
    unsigned = f"{part({'alg': 'none', 'kid': 'one'})}.{part(RIGHT)}."
    secret = OctKey.import_key(base64.urlsafe_b64encode(KEY.as_pem(private=False)).decode())

    assert "only algorithms" in str(refusal(unsigned))
    assert "only algorithms" in str(refusal(signed(secret, "HS256")))


def test_an_unknown_key_is_told_apart_and_a_key_for_another_use_is_refused() -> None:
    assert isinstance(refusal(signed(kid="two")), NotFoundError)
    assert "not for this" in str(refusal(signed(), [{**KEYS[0], "use": "enc"}]))


ODD = [None, "", "A", "!!", "\u00e9", "\0", "A" * 5000, 7, [], {}, "P-384", "P-999", "RSA", "oct"]


@pytest.mark.parametrize("key", [KEY, ECKey.generate_key("P-256", {"kid": "one"})], ids=["RS256", "ES256"])
def test_whatever_a_provider_calls_a_key_a_token_is_refused_in_words(key) -> None:
    algorithm = "RS256" if key is KEY else "ES256"
    token, right = signed(key, algorithm), {**key.as_dict(private=False), "kid": "one"}
    assert verify(token, [right], EXPECTED, now=NOW)["sub"] == "ann"

    for name in ("kty", *(("n", "e") if key is KEY else ("crv", "x", "y"))):
        for value in ODD:
            refusal(token, [{**right, name: value}] if value != right[name] else [])
        refusal(token, [{other: each for other, each in right.items() if other != name}])


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b"{", b"\xff", b"[" * 20_000])
def test_what_is_signed_and_no_claims_is_refused(body: bytes) -> None:
    token = jws.serialize_compact({"alg": "RS256", "kid": "one"}, body, KEY, algorithms=["RS256"])

    assert "not genuine" in str(refusal(token))
