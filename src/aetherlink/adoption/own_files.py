"""Carries a proposal out: the agent's new files at once, everything that is there only when it was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aetherlink.adoption.changes import Change, Owner
from aetherlink.adoption.config_files import content_of
from aetherlink.adoption.writing import write_all


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


def carry_out(changes: Sequence[Change], *, apply: bool, overwrite: bool) -> list[Outcome]:
    """Write what may be written: `apply` is for the stack's files, `overwrite` for those of the agent that are there.

    Raises SettingsError or ConflictError when one cannot be written; then none is.
    """
    chosen = [one for one in changes if (apply if one.owner is Owner.STACK else one.is_new or overwrite)]
    backups = dict(zip((one.path for one in chosen), write_all([one.content for one in chosen]), strict=True))
    return [
        Outcome(one, Done.WRITTEN, backups[one.path]) if one.path in backups else Outcome(one, Done.SHOWN)
        for one in changes
    ]
