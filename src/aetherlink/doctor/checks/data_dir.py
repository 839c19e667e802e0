"""Where the data lie: the file system, the room on it, and who may read it."""

import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look, aside
from aetherlink.settings import Settings
from aetherlink.store import filesystem
from aetherlink.store.free_space import free_bytes

_OTHERS = 0o077


def looks(ground: Ground) -> Iterator[Look]:
    """One look."""
    settings = ground.settings
    yield Look(str(settings.data_dir), lambda: aside(partial(_look, settings)))


def _look(settings: Settings) -> Sequence[Finding]:
    folder = settings.data_dir
    try:
        status = folder.stat()
        free = free_bytes(folder)
    except FileNotFoundError:
        return [not_set_up("the folder is not there: no agent has started with it", "start the agent")]
    except OSError as problem:
        return [fault(f"it cannot be looked at: {problem.strerror}", "run this as the agent's user")]
    return [*_file_system(settings), _room(settings, free), _rights(folder, status)]


def _file_system(settings: Settings, *, mounts: Path = filesystem.MOUNTS) -> Iterator[Finding]:
    if settings.database_url is not None:
        return
    found = filesystem.judge(settings.data_dir, mounts=mounts)
    match found.fitness:
        case filesystem.Fitness.FIT:
            yield ok(found.words)
        case filesystem.Fitness.UNFIT:
            yield fault(found.words, "move data_dir there, or set database_url: the agent does not start like this")
        case _:
            yield warning(found.words, "make sure that it is a local disk that stays")


def _room(settings: Settings, free: int) -> Finding:
    low, left = settings.retention.low_disk_bytes, f"{free >> 20} MiB are free"
    if free < low:
        fix = "make room: when the disk is full alerts are answered 503; retention.* says how long things are kept"
        return fault(f"{left}, less than the {low >> 20} MiB of retention.low_disk_bytes", fix)
    if free < 2 * low:
        return warning(f"{left}, near the {low >> 20} MiB of retention.low_disk_bytes", "make room")
    return ok(left)


def _rights(folder: Path, status: os.stat_result) -> Finding:
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o002:
        return fault(f"everybody may write to it (mode {mode:04o})", f"chmod 0700 {folder}")
    if mode & _OTHERS:
        return warning(f"others may look into it (mode {mode:04o})", f"chmod 0700 {folder}")
    return ok(f"open to its owner only (mode {mode:04o})")
