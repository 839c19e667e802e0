"""Files of the lab: private directories, files that appear whole or not at all, short paths for sockets.

Called by every part of the lab that writes; knows nothing of what is written.
"""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from aetherlink.lab.errors import LabError

# sun_path holds 108 bytes with the closing NUL; libpq and uvicorn refuse what is longer.
SOCKET_PATH_LIMIT = 107


def make_private_dir(path: Path) -> Path:
    """Create the directory (and its parents) and close it to everybody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write_atomic(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace the file in one step: a reader sees the old text or the new one, never a part."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_or_create_token(path: Path) -> str:
    """The token in the file; a new random one (mode 0600) when there is no file yet."""
    if not path.exists():
        write_atomic(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def short_digest(path: Path) -> str:
    """Twelve hexadecimal digits that stand for this absolute path."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]


def fits_socket(path: Path) -> bool:
    """Whether a Unix socket can have this path."""
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


def short_private_dir(key: Path, *, owner: int, base: Path, label: str) -> Path:
    """A directory below `base` (which others may write to) that only `owner` enters, named after `key`.

    Raises LabError when somebody else has put something there.
    """
    path = base / f"aetherlink-{label}-{owner}-{short_digest(key)}"
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        require_private(path, owner=owner)
    else:
        if os.geteuid() != owner:
            os.chown(path, owner, -1)
    return path


def require_private(path: Path, *, owner: int) -> None:
    """Raise LabError unless the path is a real directory of this owner that is closed to everybody else."""
    found = path.lstat()
    is_ours = found.st_uid in {owner, os.geteuid()} and found.st_mode & 0o77 == 0
    if path.is_symlink() or not path.is_dir() or not is_ours:
        raise LabError(f"{path} is in the way: it is not a private directory of user {owner}; remove it and try again")
    if found.st_uid != owner:
        os.chown(path, owner, -1)
