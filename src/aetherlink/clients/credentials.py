"""Reads the token that a source asks for from its file. Called by the app at start; what it reads is never shown."""

import os
import re
import stat
from pathlib import Path

from aetherlink.errors import SettingsError

_LARGEST = 16 * 1024
_TOKEN = re.compile(rb"[!-~]+")  # printable ASCII without spaces


def read_bearer_token(path: Path) -> str:
    """The token in the file, one line. Raises SettingsError that names the file and never what is in it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not block the start
        with os.fdopen(descriptor, "rb") as file:
            is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            token = file.read(_LARGEST + 1).strip() if is_regular else b""
    except OSError as error:
        raise SettingsError(
            f"bearer_token_file {path} cannot be read: {error.strerror or error}. Put the token there, or take the "
            "setting out"
        ) from error
    if not is_regular:
        raise SettingsError(f"bearer_token_file {path} is not a regular file: name the file that holds the token")
    if len(token) > _LARGEST or _TOKEN.fullmatch(token) is None:
        raise SettingsError(
            f"bearer_token_file {path} holds no token: one line of printable ASCII without spaces, {_LARGEST} bytes "
            "at most"
        )
    return token.decode("ascii")
