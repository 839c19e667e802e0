"""Writes several files: all of them, or none.

A file that is there is written in place and never put in the place of another: one that is mounted into a container by
itself would stay the old one there. So all that can fail is tried before the first byte of one is changed.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from aetherlink.errors import AetherError, ConflictError, SettingsError
from aetherlink.lib.private_files import sync_folder

_MOST_BACKUPS = 1000


@dataclass(frozen=True, slots=True)
class Content:
    """What a file is to hold. `before` is what it holds now, None where there is none."""

    path: Path
    before: bytes | None
    after: bytes


def write_all(contents: Sequence[Content]) -> list[Path | None]:
    """Write them; for each the backup of what was there, None where nothing was.

    Raises ConflictError when one is not as it was any more, SettingsError when one cannot be written. Then everything
    is as it was before, or the error names what is not, and where its backup lies.
    """
    with ExitStack() as held:
        work = _Work(held)
        try:
            work.carry_out(contents)
        except KeyboardInterrupt:
            work.undo()
            raise
        except (OSError, AetherError) as problem:
            kind = ConflictError if isinstance(problem, ConflictError) else SettingsError
            raise kind(f"{work.words_for(problem)}; {_left(work.undo())}") from problem
    return [work.backups.get(one.path) for one in contents]


@dataclass(slots=True)
class _Work:
    """What was done so far, to be undone."""

    held: ExitStack
    path: Path = Path()
    files: dict[Path, BinaryIO] = field(default_factory=dict)
    backups: dict[Path, Path] = field(default_factory=dict)
    touched: list[Content] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def carry_out(self, contents: Sequence[Content]) -> None:
        """Raises OSError, SettingsError and ConflictError, at `path`."""
        for step in (self._open, self._keep, self._write):
            for one in contents:
                self.path = one.path
                step(one)

    def words_for(self, problem: Exception) -> str:
        """What went wrong, and where."""
        if isinstance(problem, OSError):
            return f"{self.path} cannot be written: {problem.strerror or problem}"
        return str(problem)

    def undo(self) -> list[str]:
        """Put everything back; words for each file of which that failed."""
        lost = list(self._not_put_back())
        if not lost:
            for backup in self.backups.values():
                backup.unlink(missing_ok=True)
        for folder in reversed(self.folders):
            if not any(folder.iterdir()):
                folder.rmdir()
        return lost

    def _not_put_back(self) -> Iterator[str]:
        for one in reversed(self.touched):
            try:
                if one.before is None:
                    one.path.unlink(missing_ok=True)
                else:
                    _put(self.files[one.path], one.before)
            except OSError as problem:
                kept = self.backups.get(one.path)
                where = "" if kept is None else f", what was there is in {kept}"
                yield f"{one.path} could not be put back ({problem.strerror or problem}){where}"

    def _open(self, one: Content) -> None:
        if one.before is None:
            if one.path.exists() or one.path.is_symlink():
                raise ConflictError(f"{one.path} has come to be meanwhile: run it again")
            return
        file = self.held.enter_context(one.path.open("r+b", buffering=0))
        if file.read() != one.before:
            raise ConflictError(f"{one.path} was changed meanwhile: run it again")
        self.files[one.path] = file
        _try_beside(one)

    def _keep(self, one: Content) -> None:
        if one.before is not None:
            self.backups[one.path] = _kept(one.path, one.before)

    def _write(self, one: Content) -> None:
        if one.before is not None:
            self.touched.append(one)
            _put(self.files[one.path], one.after)
            return
        missing = [folder for folder in one.path.parents if not folder.exists()]
        one.path.parent.mkdir(parents=True, exist_ok=True)
        self.folders += reversed(missing)
        with one.path.open("xb") as file:
            self.touched.append(one)
            file.write(one.after)


def _put(file: BinaryIO, content: bytes) -> None:
    """Shortened last: what fails before has given no room away that it takes to put the old content back."""
    file.seek(0)
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
    file.truncate()
    os.fsync(file.fileno())


def _try_beside(one: Content) -> None:
    """Whether there is room for the new content."""
    aside = one.path.with_name(f".{one.path.name}.{secrets.token_hex(8)}")
    try:
        _create(aside, one.after)
    finally:
        aside.unlink(missing_ok=True)


def _kept(path: Path, content: bytes) -> Path:
    """A copy beside the file, readable by its owner only: such files hold secrets."""
    for number in range(1, _MOST_BACKUPS):
        backup = path.with_name(f"{path.name}.before-aether{'' if number == 1 else f'-{number}'}")
        if backup.exists() or backup.is_symlink():
            continue
        try:
            _create(backup, content)
        except FileExistsError:
            continue
        except OSError:
            backup.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
        return backup
    raise SettingsError(f"{path.parent} holds {_MOST_BACKUPS} backups of {path.name}: take some away")


def _create(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _left(lost: Sequence[str]) -> str:
    return "; ".join(lost) or "nothing was changed"
