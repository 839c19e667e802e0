"""Anchors in a file beside the database, one JSON object a line, the newest last. Lines are added and never changed.

The file is bounded: when it has grown by a tenth above what is kept, the oldest lines go.
"""

import json
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from aetherlink.errors import SettingsError
from aetherlink.lib import private_files
from aetherlink.lib.hash_chain import Tally
from aetherlink.model.audit import Anchor

ANCHORS_FILE = "audit.anchors"
KEPT = 10_000
_MODE = 0o600
_LINE = re.compile(r"AUDIT anchor number=(\d{1,18}) digest=([0-9a-f]{64})")


class AnchorFile:
    """The file at this path, which needs not be there yet. Its methods block, and raise OSError."""

    def __init__(self, path: Path, *, kept: int = KEPT) -> None:
        self._path = path
        self._kept = kept
        self._lines: int | None = None

    def read(self) -> tuple[list[Anchor], int]:
        """Every anchor, the oldest first, and how many lines hold none: a crash can leave half a line."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        self._lines = len(lines)
        anchors = [anchor for line in lines if (anchor := _parsed(line)) is not None]
        return anchors, len(lines) - len(anchors)

    def append(self, anchor: Anchor) -> None:
        """Returns once it is durable."""
        if self._lines is None:
            self.read()
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        with os.fdopen(descriptor, "ab") as file:
            os.fchmod(descriptor, _MODE)
            file.write(_start_of_line(descriptor) + _written(anchor).encode())
            file.flush()
            os.fsync(descriptor)
        if is_new:
            private_files.sync_folder(self._path.parent)
        self._lines = (self._lines or 0) + 1
        if self._lines > self._kept + self._kept // 10:
            self._shorten()

    def _shorten(self) -> None:
        """Keep the newest lines: written aside, then put in its place."""
        anchors = self.read()[0][-self._kept :]
        aside = self._path.with_name(f".{self._path.name}.new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, _MODE)
            file.writelines(map(_written, anchors))
            file.flush()
            os.fsync(descriptor)
        aside.replace(self._path)
        private_files.sync_folder(self._path.parent)
        self._lines = len(anchors)


def from_log(lines: Iterable[str]) -> list[Anchor]:
    """Anchors as they stand in lines of the log. Raises SettingsError for a line without one."""
    anchors = []
    for line in lines:
        found = _LINE.search(line)
        if found is None:
            raise SettingsError(f"{line[:200]!r} holds no anchor, such as `AUDIT anchor number=7 digest=0f3a...`")
        anchors.append(Anchor(Tally(int(found[1]), int(found[2], 16))))
    return anchors


def _start_of_line(descriptor: int) -> bytes:
    """Nothing, or the end of the half line that a crash left."""
    size = os.fstat(descriptor).st_size
    return b"" if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n" else b"\n"


def _written(anchor: Anchor) -> str:
    at = None if anchor.at is None else anchor.at.isoformat()
    return json.dumps({"at": at, "number": anchor.tally.number, "digest": anchor.tally.hex}) + "\n"


def _parsed(line: str) -> Anchor | None:
    try:
        match json.loads(line):
            case {"at": str(at), "number": int(number), "digest": str(digest)}:
                return Anchor(Tally.read(f"{number} {digest}"), datetime.fromisoformat(at))
            case _:
                return None
    except ValueError:
        return None
