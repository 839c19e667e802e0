"""A mapping that also answers for names which nobody wrote down, because they say all of it themselves."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Deriving(Mapping[K, V], Generic[K, V]):
    """What was written down, and what `derive` makes of any other key; None: there is no such thing.

    `told` says of such a key why not, in words; empty where there is nothing to say.

    It is as long as what was written down, and lists no more: nobody knows all that could be derived.
    """

    def __init__(
        self, written: Mapping[K, V], derive: Callable[[K], V | None], told: Callable[[K], str] | None = None
    ) -> None:
        self._written = written
        self._derive = derive
        self.told = told

    def __getitem__(self, key: K) -> V:
        found = self._written[key] if key in self._written else self._derive(key)
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[K]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)


def why_not(known: Collection[K], key: K) -> str:
    """What is told of a key that is not there, to be put behind other words; empty where nothing is."""
    words = known.told(key) if isinstance(known, Deriving) and known.told is not None else ""
    return f": {words}" if words else ""
