"""A stream that never makes its writer wait: a thread of its own writes, and what it cannot write in time is dropped.

For logs that go into a pipe: when its reader stops, for a full disk of his say, a plain write waits for ever, and with
it everything that the writer was about to do.
"""

import logging
import os
import threading
from collections import deque

_MOST = 4 * 1024 * 1024  # bytes that wait for a reader

_log = logging.getLogger("aetherlink.logs")


class UnblockedStream:
    """Takes text for a file descriptor. Lines that are dropped are counted, and told of when there is room again."""

    def __init__(self, descriptor: int, *, most: int = _MOST) -> None:
        self._descriptor = descriptor
        self._most = most
        self._waiting: deque[bytes] = deque()
        self._held = 0
        self._dropped = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="log-writer", daemon=True).start()

    def write(self, text: str) -> None:
        """Take the text, or drop it where too much waits already."""
        data = text.encode(errors="backslashreplace")
        with self._changed:
            if self._held + len(data) > self._most:
                self._dropped += data.count(b"\n")
                return
            self._held += len(data)
            self._waiting.append(data)
            self._changed.notify_all()

    def flush(self) -> None:
        """Nothing: the thread writes as soon as it can."""

    def drain(self, seconds: float) -> None:
        """Give what waits so much time."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held, timeout=seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                data = b"".join(self._waiting)
                self._waiting.clear()
            is_written = self._write_all(data)
            with self._changed:
                self._held -= len(data)
                self._dropped += 0 if is_written else data.count(b"\n")
                dropped, self._dropped = (self._dropped, 0) if is_written else (0, self._dropped)
                self._changed.notify_all()
            if dropped:
                _log.warning("%d lines of this log were dropped: they were not taken in time", dropped)

    def _write_all(self, data: bytes) -> bool:
        """Whether all of it was taken."""
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:  # a full disk, a reader who is gone: there is nobody to tell
            return False
        return True
