"""Small files with a secret in them: made whole or not at all, and never read when others could have read them too."""

import os
import secrets
import stat
from pathlib import Path

from aetherlink.errors import SettingsError

_LARGEST = 4096


def create(path: Path, text: str, *, mode: int) -> None:
    """Written aside and linked into place, so that no reader ever sees half of it and no other writer is undone.

    One that is there stays as it is. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask says
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
        sync_folder(path.parent)
    except FileExistsError:
        pass  # another process was first: its file is the one
    finally:
        aside.unlink()


def read(path: Path, *, mode: int, what: str) -> str:
    """What it holds, without the space around it. Raises SettingsError that calls it `what`, and OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe in its place must not block the start
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SettingsError(f"the {what} file {path} is not a regular file")
        if status.st_mode & 0o007 & ~mode or status.st_mode & 0o070 & ~mode:
            raise SettingsError(
                f"the {what} file {path} is open to others (mode {stat.S_IMODE(status.st_mode):04o}): "
                f"run `chmod {mode:04o} {path}`"
            )
        return file.read(_LARGEST).decode("ascii", "replace").strip()


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
