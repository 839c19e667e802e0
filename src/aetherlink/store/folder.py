"""The folder of the setting data_dir: made at the start, tried out by `aether check`. Called by the app only."""

import contextlib
import os
import tempfile
from pathlib import Path

from aetherlink.errors import SettingsError
from aetherlink.store import filesystem


def make(data_dir: Path) -> None:
    """Make the folder if it is missing, and write in it once. Raises SettingsError that names the setting."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=data_dir, prefix=".written-"):
            pass
    except OSError as problem:
        raise SettingsError(
            f"data_dir: {data_dir} cannot be made or written ({os.strerror(problem.errno or 0)}): set data_dir "
            "(AETHER_DATA_DIR) to a folder of this user"
        ) from problem


def check_file_system(data_dir: Path, *, mounts: Path = filesystem.MOUNTS) -> str | None:
    """A warning about where the folder lies, or None. Raises SettingsError where SQLite's WAL mode is not safe."""
    found = filesystem.judge(data_dir, mounts=mounts)
    match found.fitness:
        case filesystem.Fitness.UNFIT:
            raise SettingsError(f"data_dir: {found.words}")
        case filesystem.Fitness.FIT:
            return None
        case _:
            return found.words


def try_out(data_dir: Path, *, holds_database: bool) -> str | None:
    """As `make`, and `check_file_system` where SQLite is used; whatever it made is taken away again."""
    missing = [folder for folder in (data_dir, *data_dir.parents) if not os.path.lexists(folder)]
    try:
        make(data_dir)
        return check_file_system(data_dir) if holds_database else None
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # never made, or an agent has begun to use it
                folder.rmdir()
