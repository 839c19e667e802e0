"""A pause from outside the store: the setting `paused` (AETHER_PAUSED=true) and the file of `pause_file`.

Both only ever add a pause. Looked at whenever something is decided, so that a file that appears is in force at once;
what cannot be looked at counts as a pause.
"""

import os
from pathlib import Path

from aetherlink.model.pauses import NO_REASON

_MOST_READ = 1024  # bytes
_LONGEST = 200  # characters


class PauseFile:
    """See ports.OutsidePause. `path` None: there is no such file; `is_set` is the setting `paused`."""

    def __init__(self, path: Path | None, *, is_set: bool) -> None:
        self._path = path
        self._is_set = is_set

    def __call__(self) -> str | None:
        """Why everything is paused, in words; None when it is not."""
        if self._is_set:
            return "paused by the setting `paused`: take it out and restart"
        return None if self._path is None else _words_of(self._path)


def _words_of(path: Path) -> str | None:
    try:
        return f"paused by the file {path}: {_reason(_beginning(path))}"
    except FileNotFoundError:
        return _words_of_folder(path)
    except (OSError, ValueError) as problem:  # ValueError: a path that no system can hold
        return f"paused: the file {path} cannot be read ({type(problem).__name__}), so it may be there"


def _words_of_folder(path: Path) -> str | None:
    """A folder that is not there may be a disk that is not mounted, and a link may lead to one."""
    if path.is_symlink() or not path.parent.is_dir():
        return f"paused: the place of the file {path} is not there, so nobody can tell whether the file is"
    return None


def _beginning(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe in its place blocks nobody
    try:
        return os.read(descriptor, _MOST_READ)
    finally:
        os.close(descriptor)


def _reason(content: bytes) -> str:
    """The content as one printable line."""
    text = content.decode("utf-8", "replace")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return (line if len(line) <= _LONGEST else f"{line[:_LONGEST]}...") or NO_REASON
