"""A thread that notices when the event loop or the store does nothing, and says so past both of them.

A loop that is blocked answers nobody and tells nobody, and nothing that runs in it can say so. The thread rests on
neither: it writes the log, and tells channels by a conversation of its own.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import timedelta

from aetherlink.ports import Clock
from aetherlink.watch.metrics import WatchMetrics

_log = logging.getLogger("aetherlink.watch")

_STEP = 1.0  # seconds between two looks
_STOPPED_TOO = 3.0  # so long after the last step the whole process stood still: nobody knows how the loop is
_TELL_AGAIN = 30.0  # seconds after an attempt that nobody heard
_MOST_ENDS = 20  # attempts to say that it is over

Tell = Callable[[str, bool], bool]
"""Tells people past the loop and the store: the words, and whether it is over. May block.

Whether anybody heard; that it is over, everybody who had heard that it began.
"""


class Guard:
    """`start` and `stop` bound its life. `beat` comes from the loop, about once a second."""

    def __init__(self, blocked_after: timedelta, *, clock: Clock, tell: Tell, metrics: WatchMetrics) -> None:
        self._blocked_after = blocked_after.total_seconds()
        self._clock = clock
        self._tell = tell
        self._metrics = metrics
        self._beat_at = clock.monotonic()
        self._step_at = clock.monotonic()
        self._trouble = ""
        self._said = ""
        self._heard = False
        self._tell_at = 0.0
        self._ends = 0
        self._loop_thread = threading.get_ident()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        metrics.watch_silence(lambda: max(clock.monotonic() - self._beat_at, 0.0))

    def start(self) -> None:
        """Begin; called in the thread of the loop."""
        self._loop_thread = threading.get_ident()
        self._beat_at = self._step_at = self._clock.monotonic()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, without waiting for a message that is being told."""
        self._ending.set()

    @property
    def is_alive(self) -> bool:
        """Whether it was started, and looks."""
        return self._thread is not None and self._thread.is_alive()

    def beat(self, trouble: str = "") -> None:
        """The loop runs; `trouble` is what it sees and cannot tell anybody, empty where there is nothing."""
        self._beat_at = self._clock.monotonic()
        self._trouble = trouble

    def step(self) -> None:
        """Look once."""
        now = self._clock.monotonic()
        if now - self._step_at > _STOPPED_TOO:
            self._beat_at = now
        self._step_at = now
        silence = now - self._beat_at
        blocked = f"its event loop has done nothing for {silence:.0f} s" if silence >= self._blocked_after else ""
        if reason := blocked or self._trouble:
            self._suffers(reason, now, is_blocked=bool(blocked))
        elif self._said:
            self._recovered(now)

    def _suffers(self, reason: str, now: float, *, is_blocked: bool) -> None:
        if not self._said or self._ends:
            self._metrics.blocked()
            place = f"; it is at\n{self._where()}" if is_blocked else ""
            _log.critical("the agent is not well: %s%s", reason, place)
            self._said, self._heard, self._tell_at, self._ends = reason, False, now, 0
        if not self._heard and now >= self._tell_at:
            self._heard = self._tell(reason, False)
            self._tell_at = self._clock.monotonic() + _TELL_AGAIN
            self._step_at = self._clock.monotonic()  # telling took its time: the process did not stand still

    def _recovered(self, now: float) -> None:
        """Told again where somebody did not hear it, a few times: else it would stay open there."""
        if not self._ends:
            _log.warning("the agent is well again; it was not: %s", self._said)
        elif now < self._tell_at:
            return
        self._ends += 1
        if self._heard:
            is_heard = self._tell(f"well again; it was: {self._said}", True)
            self._step_at = self._clock.monotonic()
            self._tell_at = self._step_at + _TELL_AGAIN
            if not is_heard and self._ends < _MOST_ENDS:
                return
        self._said, self._ends = "", 0

    def _where(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the documented way to another thread's stack
        return "(nobody knows)" if frame is None else "".join(traceback.format_stack(frame, limit=12))

    def _run(self) -> None:
        while not self._ending.wait(_STEP):
            try:
                self.step()
            except Exception:  # noqa: BLE001 - the named boundary of the thread: nobody watches it in turn
                _log.exception("the watchdog failed at a look")
