"""How much is on its way at once. Nobody waits here: who does not fit comes again."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turnstile:
    """Counts it, all together and of each caller; forgets callers that ask nothing now.

    `full` and `full_each` make the error for who does not fit, in all or of one caller; `told` hears how
    many there are.
    """

    def __init__(
        self,
        *,
        most: int,
        most_each: int,
        full: Callable[[], Exception],
        full_each: Callable[[], Exception],
        told: Callable[[int], None],
    ) -> None:
        self._most = most
        self._most_each = most_each
        self._full = full
        self._full_each = full_each
        self._told = told
        self._of_each: Counter[str] = Counter()

    @contextmanager
    def through(self, caller: str) -> Iterator[None]:
        """One of this caller. Raises what `full` or `full_each` makes."""
        if self._of_each.total() >= self._most:
            raise self._full()
        if self._of_each[caller] >= self._most_each:
            raise self._full_each()
        self._of_each[caller] += 1
        self._told(self._of_each.total())
        try:
            yield
        finally:
            self._of_each[caller] -= 1
            self._of_each += Counter()  # drops those at zero
            self._told(self._of_each.total())
