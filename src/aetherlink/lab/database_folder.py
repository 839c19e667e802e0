"""Root's folder for a lab's database, in a place that the database's unprivileged user reaches.

Called by the PostgreSQL launcher where a lab runs as root. The folder is root's own: whoever
breaks the database can change what lies in `data` and `run`, never what these names stand for. A file in it names the
lab's directory.
"""

import contextlib
import os
import shutil
from pathlib import Path

from aetherlink.lab import files
from aetherlink.lab.errors import LabError
from aetherlink.lab.processes import Account

ROOT = Path("/var/tmp")  # noqa: S108 - kept over reboots; what is made below it is root's own and checked
DATA, FRESH, RUN, SOFTWARE = "data", "data.new", "run", "software-"
_LABEL = "postgres"
_LAB_FILE = "lab"
_REMEMBERED = "postgres.home"
_MODE = 0o711


def prepare(lab_dir: Path, account: Account) -> Path:
    """The folder for the lab in this directory, made when there is none.

    The lab's directory remembers it; a lab directory that was removed takes its database with it. Raises LabError
    when something is in the way.
    """
    remembered = lab_dir / _REMEMBERED
    base, earlier = _make(lab_dir), _earlier(lab_dir, account)
    if not remembered.exists():
        _empty(base)
    elif earlier != base and remembered.read_text(encoding="utf-8") == str(earlier):
        _adopt(earlier, base, account)
    files.write_atomic(base / _LAB_FILE, str(lab_dir.absolute()))
    files.write_atomic(remembered, str(base))
    return base


def _make(lab_dir: Path) -> Path:
    return files.short_private_dir(lab_dir, base=ROOT, label=_LABEL, mode=_MODE)


def _empty(base: Path) -> None:
    """Remove what an earlier lab in the same directory left. Raises LabError for what no lab puts there."""
    for entry in base.iterdir():
        if entry.name == _LAB_FILE:
            entry.unlink()
        elif entry.is_dir() and (entry.name in {DATA, FRESH, RUN} or entry.name.startswith(SOFTWARE)):
            shutil.rmtree(entry)
        else:
            raise LabError(f"{entry} is in the way: no lab has put it there; remove {base} and try again")


def _earlier(lab_dir: Path, account: Account) -> Path:
    """What earlier versions used for this lab: a folder that belongs to the database's user."""
    return ROOT / files.short_name(files.short_digest(lab_dir), owner=account.uid, label=_LABEL)


def _adopt(earlier: Path, base: Path, account: Account) -> None:
    """Move the database itself into the new folder. What the name `data` stands for is judged when it is there."""
    with (
        contextlib.suppress(FileNotFoundError),
        files.opened_dir(earlier, account.uid) as source,
        files.opened_dir(base, os.geteuid()) as target,
    ):
        os.rename(DATA, DATA, src_dir_fd=source, dst_dir_fd=target)
        shutil.rmtree(earlier)
