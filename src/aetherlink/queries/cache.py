"""Answers that are given a second time: a bounded number of bytes, for a short time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import timedelta

from aetherlink.model.queries import PassedAnswer

_OVERHEAD = 1000  # bytes beside the answer's own, roughly: the key, the entry


class AnswerCache:
    """The answers by what was asked, the oldest first. Whose they are is part of the key."""

    def __init__(self, *, most_bytes: int, age: timedelta, monotonic: Callable[[], float]) -> None:
        self._most = most_bytes
        self._age = age.total_seconds()
        self._monotonic = monotonic
        self._kept: OrderedDict[Hashable, tuple[float, PassedAnswer]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> PassedAnswer | None:
        """The answer, if it is not too old."""
        self._drop_old()
        found = self._kept.get(key)
        return found[1] if found else None

    def put(self, key: Hashable, answer: PassedAnswer) -> None:
        """Keep it, in place of older ones; not when it is larger than all that may be kept."""
        size = len(answer.data) + _OVERHEAD
        if size > self._most or not self._age:
            return
        self._drop(key)
        self._kept[key] = (self._monotonic(), answer)
        self._bytes += size
        while self._bytes > self._most:
            self._drop(next(iter(self._kept)))

    def _drop_old(self) -> None:
        oldest = self._monotonic() - self._age
        while self._kept and (first := next(iter(self._kept))) is not None and self._kept[first][0] <= oldest:
            self._drop(first)

    def _drop(self, key: Hashable) -> None:
        if gone := self._kept.pop(key, None):
            self._bytes -= len(gone[1].data) + _OVERHEAD
