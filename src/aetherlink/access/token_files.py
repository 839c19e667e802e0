"""Tokens that live in files: the operator's, and the one that Alertmanager presents.

Called once at start. A file that is missing is made whole or not at all; one that is there is read and never changed.
"""

import os
import secrets
import stat
from pathlib import Path

from aetherlink.access.digests import digest_of, is_well_formed, new_secret
from aetherlink.errors import SettingsError
from aetherlink.model.principals import Principal, Scope

OPERATOR_FILE = "operator.token"
OPERATOR_MODE = 0o600
WEBHOOK_MODE = 0o640  # Alertmanager usually runs as another user of the same group
_LARGEST = 4096


def file_principals(data_dir: Path, webhook_token_file: Path | None) -> dict[str, Principal]:
    """The principals of both files by the digest of their tokens. Raises SettingsError for a file that cannot serve."""
    operator = read_or_create(data_dir / OPERATOR_FILE, mode=OPERATOR_MODE)
    principals = {digest_of(operator): Principal("operator", frozenset({Scope.ADMIN}))}
    if webhook_token_file is not None:
        webhook = read_or_create(webhook_token_file, mode=WEBHOOK_MODE)
        if digest_of(webhook) in principals:
            raise SettingsError(
                f"{webhook_token_file} holds the operator's token, which would hand every right to whoever posts "
                "alerts: delete it, and a token of its own is made"
            )
        principals[digest_of(webhook)] = Principal("webhook", frozenset({Scope.WEBHOOK}))
    return principals


def read_or_create(path: Path, *, mode: int) -> str:
    """The token in the file, which is made with this mode when it is missing. Raises SettingsError."""
    try:
        if not path.exists():
            _create(path, mode)
        return _read(path, mode)
    except OSError as error:
        raise SettingsError(f"the token file {path} cannot be used: {error.strerror or error}") from error


def _create(path: Path, mode: int) -> None:
    """Written aside and linked into place, so that no reader ever sees half a token and no other writer is undone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask says
            file.write(new_secret() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        pass  # another process was first: its token is the one
    finally:
        aside.unlink()


def _read(path: Path, mode: int) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe in its place must not block the start
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SettingsError(f"the token file {path} is not a regular file")
        if status.st_mode & 0o007 & ~mode or status.st_mode & 0o070 & ~mode:
            raise SettingsError(
                f"the token file {path} is open to others (mode {stat.S_IMODE(status.st_mode):04o}): "
                f"run `chmod {mode:04o} {path}`"
            )
        token = file.read(_LARGEST).decode("ascii", "replace").strip()
    if not is_well_formed(token):
        raise SettingsError(
            f"the token file {path} holds no token (one line of 20 to 512 letters, digits and `._~+/=-`): "
            "delete it, and a new one is made"
        )
    return token
