"""What is to become of files: shown as a diff, applied when asked, with a backup of what was there.

A file is written in place and never put in the place of another: one that is mounted into a container by itself would
stay the old one there.
"""

import difflib
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aetherlink.errors import ConflictError, SettingsError
from aetherlink.lib.private_files import sync_folder

_MOST_BACKUPS = 1000
_SECRET = re.compile(
    r"""(?ix) (?: url | uri | password | secret | token | key | credentials | dsn ) ["']? \s* : \s* (?=\S)"""
)
_HIDDEN = "<not shown>"


class Owner(StrEnum):
    """Whose file it is: one of the agent's, or one of the stack's."""

    AGENT = "agent"
    STACK = "stack"


@dataclass(frozen=True, slots=True)
class Change:
    """One file. `before` is None where there is none yet."""

    path: Path
    before: bytes | None
    after: str
    owner: Owner

    @property
    def is_new(self) -> bool:
        """Whether the file is not there yet."""
        return self.before is None

    @property
    def is_needed(self) -> bool:
        """Whether anything would change."""
        return self.before != self.after.encode("utf-8")

    @property
    def diff(self) -> str:
        """As `diff -u` shows it. Values of the file's own that may be secrets are left out."""
        old = "" if self.before is None else self.before.decode("utf-8", "replace")
        there = {line.strip() for line in old.splitlines()}
        lines = difflib.unified_diff(
            old.splitlines(),
            self.after.splitlines(),
            fromfile="/dev/null" if self.before is None else str(self.path),
            tofile=str(self.path),
            lineterm="",
        )
        return "\n".join(_shown(line, there) for line in lines)

    def write(self) -> Path | None:
        """Write the file; the backup of what was there, None where nothing was.

        Raises ConflictError when it is not as it was any more, SettingsError when it cannot be written.
        """
        try:
            if self.before is not None:
                return self._write_over(self.before)
            self._write_new()
        except OSError as problem:
            raise SettingsError(f"{self.path} cannot be written: {problem.strerror or problem}") from problem
        return None

    def _write_new(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.path.open("xb") as file:
                file.write(self.after.encode("utf-8"))
        except FileExistsError:
            raise ConflictError(f"{self.path} has come to be meanwhile: run it again") from None

    def _write_over(self, before: bytes) -> Path:
        with self.path.open("r+b") as file:
            if file.read() != before:
                raise ConflictError(f"{self.path} was changed meanwhile: run it again")
            backup = _kept(self.path, before)
            file.seek(0)
            file.write(self.after.encode("utf-8"))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        return backup


def _kept(path: Path, content: bytes) -> Path:
    """A copy beside the file, readable by its owner only: such files hold secrets."""
    for number in range(1, _MOST_BACKUPS):
        backup = path.with_name(f"{path.name}.before-aether{'' if number == 1 else f'-{number}'}")
        try:
            descriptor = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
        return backup
    raise SettingsError(f"{path.parent} holds {_MOST_BACKUPS} backups of {path.name}: take some away")


def _shown(line: str, there: set[str]) -> str:
    """A line of the diff; what was in the file before is shown without what may be secret."""
    if line[1:].strip() not in there:
        return line
    found = _SECRET.search(line)
    return line if found is None else f"{line[: found.end()]}{_HIDDEN}"
