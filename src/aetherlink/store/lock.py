"""Keeps a second process off one database file: SQLite allows it, and two agents would both act."""

import fcntl
import os
from pathlib import Path

from aetherlink.errors import StoreError


class FileLock:
    """A lock on `PATH.lock`; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises StoreError when another process holds it, OSError when the file cannot be made."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(descriptor, 0o600)  # one of an earlier version may be open to all
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreError(
                f"another agent uses the data in {self._path.parent}: stop it, or set `data_dir` (AETHER_DATA_DIR)"
            ) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go, if it is held. The file stays: removing it would race with the next holder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
