"""Ends the wait for a PostgreSQL server that is silent: stopped, frozen, or gone without a word.

libpq cannot tell. The kernel on the other side, or a proxy between, goes on acknowledging, so that neither keepalives
nor tcp_user_timeout see anything; and statement_timeout is the server's own. So when an answer is late the server is
asked for its first word over a connection of its own. When that is not heard either, the connection that waits is shut:
who waits there gets an error as if the server had ended it, and so has to find out what became of his commit.
"""

import contextlib
import logging
import os
import socket
import struct
import threading
from typing import Any

from aetherlink.ports import Clock

_LATE = 0.4  # seconds until the server is asked
_WORD = 0.3  # seconds that it has for its word
_TICK = 0.1
# Longer than the server allows any statement: one process of it can be stuck while the others answer.
_LONGEST = 12.0
_ASKS_FOR_TLS = struct.pack("!ii", 8, 80877103)  # is answered with one letter, before any name or password

_log = logging.getLogger("aetherlink.store")
_Peer = tuple[int, Any]


class _Line:
    """One connection as the watch knows it. The socket is a second handle: libpq may close its own at any time."""

    def __init__(self, connection: Any) -> None:
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self.peer: _Peer = (int(self._socket.family), self._socket.getpeername())
        self.since: float | None = None  # somebody waits for an answer

    def shut(self) -> None:
        with contextlib.suppress(OSError):  # it broke by itself, or was closed a moment ago
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()


class SilenceWatch:
    """Watches every wait of the connections that it is given. `name` is what the log calls the server."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._lines: set[_Line] = set()
        self._is_over = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, connection: Any) -> None:
        """From now on, until it is closed, this connection of psycopg's waits for nobody who is silent."""
        line = _Line(connection)
        wait, close = connection.wait, connection.close

        def watched(*arguments: Any, **options: Any) -> Any:
            line.since = self._clock.monotonic()
            try:
                return wait(*arguments, **options)
            finally:
                line.since = None

        def closing() -> None:
            self._lines.discard(line)
            close()
            line.close()

        connection.wait, connection.close = watched, closing
        self._lines.add(line)
        self._start()

    def stop(self) -> None:
        """Watch no more."""
        self._is_over.set()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-silence", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._is_over.wait(_TICK):
            silent = {peer for peer in {line.peer for line in self._late(_LATE)} if not _answers(peer)}
            # All that lead to a server that is silent, those too on which nobody waits yet.
            given_up = {line for line in list(self._lines) if line.peer in silent}.union(self._late(_LONGEST))
            for line in given_up:
                line.shut()
            if given_up:
                _log.warning("%s is silent: what was under way there is given up", self._name)

    def _late(self, seconds: float) -> list[_Line]:
        """Those on which somebody has waited for so long."""
        latest = self._clock.monotonic() - seconds
        waiting = [(line, line.since) for line in list(self._lines)]
        return [line for line, since in waiting if since is not None and since < latest]


def _answers(peer: _Peer) -> bool:
    """Whether it says its first word. One that refuses or ends the connection is not silent: libpq sees that too."""
    family, address = peer
    try:
        with socket.socket(family, socket.SOCK_STREAM) as asking:
            asking.settimeout(_WORD)
            asking.connect(address)
            asking.sendall(_ASKS_FOR_TLS)
            asking.recv(1)
    except (TimeoutError, BlockingIOError):  # the latter: so many wait already that a Unix socket takes no more
        return False
    except OSError:
        return True
    return True
