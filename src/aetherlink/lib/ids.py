"""Ids come in through this door: short, sortable by time, safe in URLs and file names."""

import secrets
from datetime import datetime
from typing import Protocol

from aetherlink.lib.clock import SystemClock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread aloud


class _Clock(Protocol):
    """What is asked of a clock here; the port itself is a layer above."""

    def now(self) -> datetime: ...


class SortableIds:
    """Makes ids such as `inc-06f3qk2c8d1v7m4t`: 48 bits of milliseconds, then 32 random bits."""

    def __init__(self, clock: _Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def new(self, prefix: str) -> str:
        """A new id with this prefix; two of them never agree in practice (32 random bits a millisecond)."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        return f"{prefix}-{_encode((milliseconds << 32) | secrets.randbits(32), digits=16)}"

    def secret(self) -> str:
        """128 random bits in hex."""
        return secrets.token_hex(16)


def _encode(number: int, *, digits: int) -> str:
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(digits)))
