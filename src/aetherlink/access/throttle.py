"""Holds back whoever tries to sign in again and again with what is not right. In memory, and bounded."""

from collections import Counter
from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from aetherlink.errors import ThrottledError
from aetherlink.ports import Clock

WINDOW = timedelta(minutes=1)
PER_ADDRESS = 10  # attempts that failed or still run, in a window
IN_ALL = 200  # and so the most addresses that are remembered


class SignInThrottle:
    """Counts attempts that were not right, by address (an IPv6 network of 64 bits is one) and in all."""

    def __init__(self, clock: Clock, *, per_address: int = PER_ADDRESS, in_all: int = IN_ALL) -> None:
        self._clock = clock
        self._per_address = per_address
        self._in_all = in_all
        self._began = clock.monotonic()
        self._by_address: Counter[str] = Counter()

    def take(self, address: str) -> None:
        """One attempt begins. Raises ThrottledError when there were too many."""
        now = self._clock.monotonic()
        if now - self._began >= WINDOW.total_seconds():
            self._began = now
            self._by_address.clear()
        place = _place(address)
        if self._by_address[place] >= self._per_address or self._by_address.total() >= self._in_all:
            left = WINDOW.total_seconds() - (now - self._began)
            raise ThrottledError(timedelta(seconds=max(1, round(left))))
        self._by_address[place] += 1

    def give_back(self, address: str) -> None:
        """The attempt was right: it does not count."""
        place = _place(address)
        if self._by_address[place] > 0:
            self._by_address[place] -= 1


def _place(address: str) -> str:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "elsewhere"
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return f"{int(found) >> 64:x}"
    return str(getattr(found, "ipv4_mapped", None) or found)
