"""A bound on the values of a metric's label, so that what arrives from outside cannot grow it for ever."""

OTHER = "other"


class LabelCap:
    """Remembers the first `limit` values that it meets; every later new one becomes `other`."""

    def __init__(self, limit: int = 200, *, longest: int = 128) -> None:
        self._limit = limit
        self._longest = longest
        self._known: set[str] = set()

    def bound(self, value: str) -> str:
        """The value itself while there is room for it, else `other`."""
        if value in self._known:
            return value
        if len(value) > self._longest or len(self._known) >= self._limit:
            return OTHER
        self._known.add(value)
        return value
