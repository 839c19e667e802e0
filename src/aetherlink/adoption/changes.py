"""What is to become of files: shown as a diff, without what may be secret in it. Pure."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aetherlink.adoption.masking import HIDDEN, of_configuration, route_lines, without_secrets
from aetherlink.adoption.writing import Content

_HUNK = re.compile(r"@@ -(\d+)")


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
        """As `diff -u` shows it. Of the lines that were there nothing is shown that may be secret."""
        old = "" if self.before is None else self.before.decode("utf-8", "replace")
        lines = difflib.unified_diff(
            old.splitlines(),
            self.after.splitlines(),
            fromfile="/dev/null" if self.before is None else str(self.path),
            tofile=str(self.path),
            lineterm="",
        )
        return "\n".join(self._shown(old, lines))

    def _shown(self, old: str, lines: Iterable[str]) -> Iterator[str]:
        """The diff with the lines of the file itself masked, and those of its routes where they moved."""
        is_own = self.owner is Owner.AGENT
        masked = without_secrets(old.splitlines()) if is_own else of_configuration(old)
        there = old.splitlines()
        moved: dict[str, str] = {}
        for number in () if is_own else route_lines(old):
            if HIDDEN in masked[number]:
                moved[there[number].strip()] = masked[number].strip()
        number = 0
        for line in lines:
            hunk = _HUNK.match(line)
            if hunk is not None:
                number = int(hunk[1]) - 1
            is_head = hunk is not None or (line.startswith(("--- ", "+++ ")) and number == 0)
            if is_head or line[:1] not in " -":
                text = line[1:].strip()
                yield line if is_head else line.replace(text, moved.get(text, text))
                continue
            is_ours = is_own and line.startswith(" ")  # such a line is proposed again
            yield line if is_ours else f"{line[:1]}{masked[number]}"
            number += 1

    @property
    def content(self) -> Content:
        """What the file is to hold."""
        return Content(self.path, self.before, self.after.encode("utf-8"))
