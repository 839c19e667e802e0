"""Files of the lab: private directories, files that appear whole or not at all, short paths for sockets.

Called by every part of the lab that writes; knows nothing of what is written.
"""

import contextlib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator
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


def short_name(digest: str, *, owner: int, label: str) -> str:
    """What a directory of `short_private_dir` is called."""
    return f"aetherlink-{label}-{owner}-{digest}"


def short_private_dir(key: Path, *, base: Path, label: str, mode: int = 0o700) -> Path:
    """A directory of this process' user below `base` (which others may write to), named after `key`.

    It never becomes somebody else's: its owner could put a link in its place. Raises LabError when something else is
    there, or one that is open wider than `mode`.
    """
    owner = os.geteuid()
    path = base / short_name(short_digest(key), owner=owner, label=label)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    with opened_dir(path, owner) as descriptor:
        if os.fstat(descriptor).st_mode & 0o77 & ~mode:
            raise LabError(f"{path} is in the way: others may enter it or write to it; remove it and try again")
        os.fchmod(descriptor, mode)
    return path


@contextlib.contextmanager
def opened_dir(path: Path, *owners: int) -> Iterator[int]:
    """A descriptor of the directory. Raises LabError for a link, and for what is no directory of one of the owners.

    FileNotFoundError when there is nothing.
    """
    refusal = LabError(
        f"{path} is in the way: it is not a directory of user {' or '.join(map(str, owners))}; remove it and try again"
    )
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (NotADirectoryError, PermissionError) as error:
        raise refusal from error
    try:
        if os.fstat(descriptor).st_uid not in owners:
            raise refusal
        yield descriptor
    finally:
        os.close(descriptor)


def read_plain(path: Path, *, limit: int) -> str:
    """The start of a file that somebody else may have put there: no link, and no pipe that never answers.

    Raises LabError for what is no file, FileNotFoundError when there is nothing.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            return (stream.read(limit) or b"").decode("utf-8", errors="replace")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LabError(f"{path} is in the way: it is no plain file; remove it and try again") from error
