"""A terminal for a command: of a size that may change, with a keyboard, and all that was painted."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

DEADLINE_SECONDS = 30.0
SOURCES = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
"""So that a process runs the sources that the tests import, wherever they are."""
_ITS_OWN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07")


def without_codes(text: str) -> str:
    """The text without what a terminal obeys."""
    return _CODES.sub("", text).replace("\r", "")


class Terminal:
    """Where a command runs. `painted` is all that it wrote so far."""

    def __init__(self, side: int, process: "subprocess.Popen[bytes]") -> None:
        self._side, self.process, self._bytes = side, process, bytearray()

    @property
    def painted(self) -> str:
        """All of it, as text."""
        return self._bytes.decode("utf-8", "replace")

    def type(self, keys: bytes) -> None:
        """Press keys; b"\\x03" is Ctrl-C."""
        os.write(self._side, keys)

    def resize(self, columns: int, lines: int) -> None:
        """Make it another size; the system tells the command."""
        fcntl.ioctl(self._side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, has_come: Callable[[str], bool]) -> str:
        """Read until what is painted since this was called satisfies the condition; that. Fails after 30 seconds."""
        began, deadline = len(self._bytes), time.monotonic() + DEADLINE_SECONDS
        while not has_come(self._bytes[began:].decode("utf-8", "replace")):
            assert time.monotonic() < deadline, self.painted[-3000:]
            assert self._read(0.1), f"it ended: {self.painted[-3000:]}"
        return self._bytes[began:].decode("utf-8", "replace")

    def ended(self) -> int:
        """Read all that comes, and wait for its end; the exit code."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._read(0.1):
            assert time.monotonic() < deadline, self.painted[-3000:]
        return self.process.wait(DEADLINE_SECONDS)

    def _read(self, patience: float) -> bool:
        """Whether there may be more to come."""
        ready, _, _ = select.select([self._side], [], [], patience)
        if not ready:
            return True
        try:
            piece = os.read(self._side, 65536)
        except OSError:  # Linux says so of a terminal that nobody holds any more
            return False
        self._bytes += piece
        return bool(piece)


@contextmanager
def terminal(
    command: Sequence[str | Path], *, environment: Mapping[str, str], cwd: Path, columns: int = 80, lines: int = 24
) -> Iterator[Terminal]:
    """Run the command in a terminal of its own; what is left of it afterwards is killed."""
    side, its_side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _ITS_OWN, *map(str, command)],
        stdin=its_side,
        stdout=its_side,
        stderr=its_side,
        cwd=cwd,
        env={"PATH": os.defpath, "TERM": "xterm-256color", **SOURCES, **environment},
        start_new_session=True,
    )
    os.close(its_side)
    try:
        yield Terminal(side, process)
    finally:
        process.kill()
        process.wait(DEADLINE_SECONDS)
        os.close(side)
