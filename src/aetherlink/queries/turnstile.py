"""How many questions are on their way at once. Nobody waits here: who does not fit comes again."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aetherlink.errors import OverloadedError


class Turnstile:
    """Counts them, all together and of each caller; forgets callers that ask nothing now."""

    def __init__(self, *, most: int, most_each: int, told: Callable[[int], None]) -> None:
        self._most = most
        self._most_each = most_each
        self._told = told
        self._of_each: Counter[str] = Counter()

    @contextmanager
    def through(self, caller: str) -> Iterator[None]:
        """One question of this caller. Raises OverloadedError."""
        if self._of_each.total() >= self._most:
            raise OverloadedError(f"{self._most} queries are on their way already (queries.at_once): try again")
        if self._of_each[caller] >= self._most_each:
            raise OverloadedError(
                f"{self._most_each} queries of this caller are on their way already (queries.at_once_each): try again"
            )
        self._of_each[caller] += 1
        self._told(self._of_each.total())
        try:
            yield
        finally:
            self._of_each[caller] -= 1
            self._of_each += Counter()  # drops those at zero
            self._told(self._of_each.total())
