"""The address of the database, as the settings take it. What is wrong with it is said without repeating it."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

_SCHEMES = frozenset({"postgresql", "postgres"})
_FORM = (
    "write for instance postgresql://aether@db.example.org/aether, or postgresql://aether@/aether?host=/run/postgresql"
)


def _check(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        _ = parts.port
    except ValueError:
        raise ValueError(f"this is no address of a database: {_FORM}") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"only PostgreSQL has an address (SQLite's file is in data_dir): {_FORM}")
    if not parts.path.strip("/") or not parts.username:
        raise ValueError(f"the address names no user or no database: {_FORM}")
    if "password=" in parts.query:
        raise ValueError("a password stands in front of the host (user:password@host), or in database_password_file")
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(_check)]


def has_password(url: SecretStr) -> bool:
    """Whether the address itself holds the password."""
    return urlsplit(url.get_secret_value()).password is not None
