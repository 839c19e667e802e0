"""The daemon's own event stream of one container, read from its beginning: the daemon forgets after 256 events."""

import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from rigs.containers import Container, docker

_SECONDS = 60
_FENCE = "rename"


@dataclass
class Record:
    """What happened to the container, by a stream that the product has no part in."""

    container: Container
    _lines: IO[str]

    def since(self, before: int) -> list[str]:
        """What has happened after so many entries, up to now: a rename is made, and waited for."""
        return [action for action in self._up_to_now()[before:] if action != _FENCE]

    def length(self) -> int:
        """How much has happened up to now."""
        return len(self._up_to_now())

    def _up_to_now(self) -> list[str]:
        seen = self._read().count(_FENCE)
        docker("rename", self.container.id, f"aether-test-{secrets.token_hex(6)}")
        ends = time.monotonic() + _SECONDS
        while (told := self._read()).count(_FENCE) == seen:
            assert time.monotonic() < ends, "the daemon's stream is silent"
            time.sleep(0.05)
        return told

    def _read(self) -> list[str]:
        self._lines.seek(0)
        return self._lines.read().split()


@contextmanager
def recorded(container: Container) -> Iterator[Record]:
    """From now on."""
    with tempfile.TemporaryFile("w+") as lines:
        stream = subprocess.Popen(
            [
                *("docker", "events", "--filter", f"container={container.id}", "--filter", "type=container"),
                *("--since", docker("info", "--format", "{{.SystemTime}}"), "--format", "{{.Action}}"),
            ],
            stdout=lines,
        )
        try:
            yield Record(container, lines)
        finally:
            stream.kill()
            stream.wait()
