"""Remembers what was there already, for as long as it may come again, and no more of it than fits."""

from collections import OrderedDict

from aetherlink.errors import OverloadedError


class Once:
    """Says of each key whether it comes for the first time. Times are seconds of a steady clock."""

    def __init__(self, *, lasts: float, most: int = 10_000) -> None:
        self._lasts = lasts
        self._most = most
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_first(self, key: str, now: float) -> bool:
        """Whether it was not there yet; from now on it was. Raises OverloadedError where nothing more fits."""
        while self._seen and next(iter(self._seen.values())) <= now:
            self._seen.popitem(last=False)
        if key in self._seen:
            return False
        if len(self._seen) >= self._most:
            raise OverloadedError("too many interactions within a few minutes: try again later")
        self._seen[key] = now + self._lasts
        return True
