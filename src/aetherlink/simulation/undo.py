"""What a transaction in memory has changed, so that it can be taken back."""

from collections.abc import Callable
from typing import Any, TypeVar

from aetherlink.errors import StoreError

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Any = object()


class Undo:
    """The changes of one transaction. All rows are in dictionaries, and every value in them is never changed itself."""

    __slots__ = ("_may_write", "_steps")

    def __init__(self, *, may_write: bool) -> None:
        self._may_write = may_write
        self._steps: list[tuple[dict[Any, Any], Any, Any]] = []

    def put(self, rows: dict[K, V], key: K, value: V) -> None:
        """Set it. Raises StoreError in a transaction that only reads."""
        self._note(rows, key)
        rows[key] = value

    def drop(self, rows: dict[K, V], key: K) -> bool:
        """Take it out; whether it was there. Raises StoreError as put does."""
        self._note(rows, key)
        return rows.pop(key, _ABSENT) is not _ABSENT

    def keys_of(self, rows: dict[K, V]) -> tuple[K, ...]:
        """What was changed among these rows, each once, in the order of the changes."""
        return tuple(dict.fromkeys(key for changed, key, _ in self._steps if changed is rows))

    def back(self) -> None:
        """Make everything as it was."""
        for rows, key, earlier in reversed(self._steps):
            if earlier is _ABSENT:
                rows.pop(key, None)
            else:
                rows[key] = earlier

    def _note(self, rows: dict[Any, Any], key: object) -> None:
        if not self._may_write:
            raise StoreError("this transaction is read-only")
        self._steps.append((rows, key, rows.get(key, _ABSENT)))


def page_of(
    rows: dict[Any, V], *, limit: int, before: str | None, fits: Callable[[V], bool] = lambda _: True
) -> tuple[list[V], str | None]:
    """The newest rows that fit with keys below the cursor, and the cursor of the next page or None."""
    found: list[Any] = []
    below = None if before is None else type(next(iter(rows), before))(before)
    for key in sorted(rows, reverse=True):
        if (below is None or key < below) and fits(rows[key]):
            if len(found) == limit:
                return [rows[each] for each in found], str(found[-1])
            found.append(key)
    return [rows[each] for each in found], None
