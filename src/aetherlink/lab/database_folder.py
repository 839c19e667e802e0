"""Root's folder for a lab's database, in a place that the database's unprivileged user reaches.

Called by the PostgreSQL launcher and the supervisor, where a lab runs as root. The folder is root's own: whoever
breaks the database can change what lies in `data` and `run`, never what these names stand for. A file in it names the
lab's directory, so that a later lab (or `down`) can remove the database of a lab that is gone.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from aetherlink.lab import files, identity
from aetherlink.lab.errors import LabError
from aetherlink.lab.processes import Account
from aetherlink.lab.waiting import until

ROOT = Path("/var/tmp")  # noqa: S108 - kept over reboots; what is made below it is root's own and checked
DATA, FRESH, RUN, SOFTWARE = "data", "data.new", "run", "software-"
_LABEL = "postgres"
_LAB_FILE = "lab"
_REMEMBERED = "postgres.home"
_MODE = 0o711
_PATH_BYTES = 4096
_HOLD_SECONDS = 5.0


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


@contextlib.asynccontextmanager
async def hold(lab_dir: Path) -> AsyncIterator[None]:
    """Keep `sweep` away from the folder of the lab in this directory. The kernel lets go when the holder dies.

    Raises LabError when a lab still uses it whose own directory was removed.
    """
    with contextlib.ExitStack() as stack:
        # A sweep keeps it for as long as it removes; what it held is no longer the folder of that name then.
        if not await until(lambda: _try_hold(lab_dir, stack), seconds=_HOLD_SECONDS):
            raise LabError(f"{_make(lab_dir)} is used by a lab whose directory was removed: end that one and try again")
        yield


def remembered(lab_dir: Path) -> Path | None:
    """The folder that the lab in this directory uses, if it has one."""
    try:
        return Path(files.read_plain(lab_dir / _REMEMBERED, limit=_PATH_BYTES))
    except FileNotFoundError:
        return None


def sweep() -> list[Path]:
    """Remove this user's folders whose lab directory is gone and which nobody uses; the directories of these labs."""
    pattern = files.short_name("*", owner=os.geteuid(), label=_LABEL)
    return [lab_dir for base in sorted(ROOT.glob(pattern)) if (lab_dir := _sweep(base)) is not None]


def _sweep(base: Path) -> Path | None:
    # One that is in the way, is used, or changes meanwhile stays for the next sweep: this one is nobody's task.
    with contextlib.suppress(LabError, OSError), files.opened_dir(base, os.geteuid()) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lab_dir = Path(files.read_plain(base / _LAB_FILE, limit=_PATH_BYTES))
        if lab_dir.is_absolute() and not lab_dir.exists() and not identity.running_in(base / DATA):
            shutil.rmtree(base)
            return lab_dir
    return None


def _try_hold(lab_dir: Path, stack: contextlib.ExitStack) -> bool:
    with contextlib.ExitStack() as attempt:
        try:
            base = _make(lab_dir)
            descriptor = attempt.enter_context(files.opened_dir(base, os.geteuid()))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_held = os.path.samestat(os.fstat(descriptor), base.lstat())
        except (FileNotFoundError, BlockingIOError):
            return False
        if is_held:
            stack.push(attempt.pop_all())
        return is_held


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
