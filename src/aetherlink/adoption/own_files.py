"""Carries a proposal out: the agent's new files at once, everything that is there only when it was asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aetherlink.adoption.changes import Change, Owner
from aetherlink.adoption.config_files import content_of


class Done(StrEnum):
    """What came of a change."""

    WRITTEN = "written"
    SHOWN = "only shown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A change, what came of it, and the backup of what was there before."""

    change: Change
    done: Done
    backup: Path | None = None


def read_if_there(path: Path) -> bytes | None:
    """The bytes of the file; None where there is none. Raises SettingsError for what cannot be read."""
    return content_of(path) if path.exists() or path.is_symlink() else None


def carry_out(changes: Iterable[Change], *, apply: bool, overwrite: bool) -> list[Outcome]:
    """Write what may be written: `apply` is for the stack's files, `overwrite` for those of the agent that are there.

    Raises SettingsError or ConflictError for the first that cannot be written; those before it are written.
    """
    outcomes = []
    for change in changes:
        may = apply if change.owner is Owner.STACK else change.is_new or overwrite
        outcomes.append(Outcome(change, Done.WRITTEN, change.write()) if may else Outcome(change, Done.SHOWN))
    return outcomes
