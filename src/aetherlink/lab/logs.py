"""The log files of the lab's children: one a service, begun anew at each start, bounded in size.

The children write to the file themselves (append mode), so a log goes on whatever the lab is doing.
"""

import os
from pathlib import Path

_TAIL_BYTES = 4096


def begin(path: Path) -> None:
    """Start an empty log and keep the last one as `.1`."""
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    path.touch(mode=0o600)


def open_append(path: Path) -> int:
    """A file descriptor for a child's output. Append mode: cutting the file leaves no hole."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def cut(path: Path, limit: int) -> bool:
    """Move what is there to `.1` and empty the file once it is longer than `limit` bytes. True when it was cut."""
    try:
        if path.stat().st_size <= limit:
            return False
        earlier = path.with_name(f"{path.name}.1")
        with path.open("rb") as source, earlier.open("wb") as target:
            source.seek(-limit, os.SEEK_END)
            target.write(source.read(limit))
        os.truncate(path, 0)
    except FileNotFoundError:
        return False
    return True


def tail(path: Path, lines: int = 12) -> str:
    """The last lines, for an error message; empty when there is no log."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
