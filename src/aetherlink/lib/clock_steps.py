"""Whether somebody has set the wall clock: it is held against the monotonic one, which nobody sets."""

from datetime import datetime, timedelta

_LEAST = timedelta(seconds=2)  # more than two clocks that run drift apart between looks, and than reading both takes
_NONE = timedelta(0)


class ClockSteps:
    """What the wall clock has jumped since the last step that was taken; small steps add up."""

    def __init__(self) -> None:
        self._began: datetime | None = None

    def seen(self, now: datetime, monotonic: float) -> timedelta:
        """How far it was set, negative when back, given both clocks now (`monotonic` in seconds); 0 is not at all."""
        began = now - timedelta(seconds=monotonic)
        if self._began is None:
            self._began = began
        step = began - self._began
        return step if abs(step) >= _LEAST else _NONE

    def take(self, step: timedelta) -> None:
        """The step is dealt with: it is seen no more."""
        if self._began is not None:
            self._began += step
