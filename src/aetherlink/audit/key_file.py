"""The key of the timeline's chain, in a file of its own: who can change the database must not be able to hash anew."""

import secrets
from collections.abc import Callable
from pathlib import Path

from aetherlink.audit.options import AuditOptions
from aetherlink.errors import SettingsError
from aetherlink.lib import private_files
from aetherlink.lib.hash_chain import KEY_BYTES, Key

KEY_FILE = "audit.key"
_MODE = 0o600
_WHAT = "audit key"


def place(options: AuditOptions, data_dir: Path) -> Path:
    """Where the key is."""
    return options.key_file or data_dir / KEY_FILE


def read_or_create(path: Path, *, is_in_use: Callable[[], bool]) -> Key:
    """The key in the file, which is made when it is missing and no entry rests on it. Raises SettingsError."""
    try:
        if not path.exists():
            if is_in_use():
                raise SettingsError(_missing(path))
            private_files.create(path, secrets.token_hex(KEY_BYTES), mode=_MODE)
    except OSError as problem:
        raise SettingsError(f"the audit key file {path} cannot be made: {problem.strerror or problem}") from problem
    return read(path)


def read(path: Path) -> Key:
    """The key in the file. Raises SettingsError."""
    try:
        text = private_files.read(path, mode=_MODE, what=_WHAT)
    except FileNotFoundError:
        raise SettingsError(_missing(path)) from None
    except OSError as problem:
        raise SettingsError(f"the audit key file {path} cannot be read: {problem.strerror or problem}") from problem
    try:
        return Key(bytes.fromhex(text))
    except ValueError:
        raise SettingsError(
            f"the audit key file {path} holds no key (one line of {2 * KEY_BYTES} hexadecimal digits): restore it from "
            "a backup"
        ) from None


def _missing(path: Path) -> str:
    return (
        f"the audit key file {path} is missing, and the timeline's entries were hashed with it: restore it from a "
        "backup, or name its place in audit.key_file. Without it nobody can tell whether they were changed; to begin "
        "anew, set data_dir to another folder and keep this one"
    )
