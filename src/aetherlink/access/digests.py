"""How a token looks and how it is kept: random text, of which only the SHA-256 is ever stored."""

import hashlib
import re
import secrets

_TOKEN, _LINK, _SESSION, _ATTEMPT = "aek_", "ael_", "aes_", "aeo_"  # let secret scanners recognise one
_WELL_FORMED = re.compile(r"[A-Za-z0-9._~+/=-]{20,512}")


def new_secret() -> str:
    """A new token, 256 random bits."""
    return _TOKEN + secrets.token_urlsafe(32)


def new_link_secret() -> str:
    """What a login link carries, as long as a token."""
    return _LINK + secrets.token_urlsafe(32)


def new_session_secret() -> str:
    """What the cookie of a session carries, as long as a token."""
    return _SESSION + secrets.token_urlsafe(32)


def new_attempt_secret() -> str:
    """What the cookie of a browser carries that waits for an identity provider, as long as a token."""
    return _ATTEMPT + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """The SHA-256 in hex. No salt and no slow hash: the secret is random, so there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_well_formed(secret: str) -> bool:
    """Whether the text can be a bearer token at all (RFC 6750's alphabet, and of a sane length)."""
    return _WELL_FORMED.fullmatch(secret) is not None
