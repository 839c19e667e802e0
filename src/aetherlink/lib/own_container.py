"""Which container this process runs in."""

import re
import socket
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_CONTAINER_FOLDER = re.compile(r"/containers/([0-9a-f]{64})/")
_SHORT_ID = re.compile(r"[0-9a-f]{12}")


def own_container() -> str:
    """The id of the container, which its host's name is mounted from, or its beginning; empty outside of one."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:  # no Linux
        return ""
    roots = (fields[3] for fields in mounts if len(fields) > 4 and fields[4] == "/etc/hostname")
    found = next((match for root in roots if (match := _CONTAINER_FOLDER.search(root))), None)
    return found[1] if found else _named_like_an_id()


def _named_like_an_id() -> str:
    name = socket.gethostname()
    return name if _SHORT_ID.fullmatch(name) else ""
