"""What is to become of files: shown as a diff, without what may be secret in it. Pure."""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aetherlink.adoption.writing import Content

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

    @property
    def content(self) -> Content:
        """What the file is to hold."""
        return Content(self.path, self.before, self.after.encode("utf-8"))


def _shown(line: str, there: set[str]) -> str:
    """A line of the diff; what was in the file before is shown without what may be secret."""
    if line[1:].strip() not in there:
        return line
    found = _SECRET.search(line)
    return line if found is None else f"{line[: found.end()]}{_HIDDEN}"
