"""How much one caller may ask in a minute. In memory, and bounded."""

from datetime import timedelta

from aetherlink.errors import ThrottledError
from aetherlink.ports import Clock

_MINUTE = 60.0
_MANY = 100  # callers: beyond these the ones that rest are forgotten


class Rate:
    """So many of something a minute for each caller. They may come at once; what is used up comes back with time.

    `of_what` is what there are too many of, in words.
    """

    def __init__(self, clock: Clock, *, per_minute: int, of_what: str) -> None:
        self._clock = clock
        self._most = per_minute
        self._of_what = of_what
        self._left: dict[str, tuple[float, float]] = {}  # how many are left, and when that was so

    def take(self, caller: str) -> None:
        """One of this caller. Raises ThrottledError where the minute's are used up."""
        now = self._clock.monotonic()
        self._forget(now)
        left, at = self._left.get(caller, (float(self._most), now))
        left = min(float(self._most), left + (now - at) * self._most / _MINUTE)
        if left < 1:
            wait = timedelta(seconds=max(1.0, -(-(1 - left) * _MINUTE // self._most)))
            raise ThrottledError(wait, self._of_what)
        self._left[caller] = (left - 1, now)

    def _forget(self, now: float) -> None:
        """Who has asked nothing for a minute has all of it again."""
        if len(self._left) > _MANY:
            self._left = {caller: held for caller, held in self._left.items() if now - held[1] < _MINUTE}
