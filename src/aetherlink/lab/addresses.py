"""TCP ports on the loopback interface: the wanted one where it is free, else another one, with the reason.

Called at the start of a lab, before anything listens, and to see that those who listen are the lab's own.
"""

import errno
import os
import socket
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
_NEIGHBOURS = 50
_PROC = Path("/proc")
_LISTENS = "0A"


@dataclass(frozen=True, slots=True)
class PortChoice:
    """The port to use, and why it is not the one that was asked for (None when it is)."""

    port: int
    moved: str | None = None


def choose_port(wanted: int, taken: Container[int] = (), *, purpose: str) -> PortChoice:
    """The wanted port, one of the fifty after it, or any free one. `taken` are promised to others already."""
    if wanted == 0:
        return PortChoice(_any_port(taken))
    refusal = _refusal(wanted, taken)
    if refusal is None:
        return PortChoice(wanted)
    for port in range(wanted + 1, min(wanted + _NEIGHBOURS, 65535) + 1):
        if _refusal(port, taken) is None:
            return _moved(purpose, wanted, port, refusal)
    return _moved(purpose, wanted, _any_port(taken), refusal)


def listen(port: int, *, backlog: int = 1024) -> socket.socket:
    """A listening socket on the port. Raises OSError when it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def is_free(port: int) -> bool:
    """Whether one could listen on the port now."""
    return _refusal(port, ()) is None


def is_listening(pid: int, port: int) -> bool:
    """Whether this very process listens on the port; what answers there may as well be another lab's."""
    try:
        rows = [line.split() for line in (_PROC / "net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == _LISTENS and row[1].endswith(f":{port:04X}")}
        return any(_link(entry) in sockets for entry in (_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _moved(purpose: str, wanted: int, port: int, refusal: str) -> PortChoice:
    return PortChoice(port, f"{purpose} listens on {port}: {wanted} is {refusal}")


def _refusal(port: int, taken: Container[int]) -> str | None:
    if port in taken:
        return "used by another part of this lab"
    try:
        listen(port, backlog=1).close()
    except OSError as error:
        return "taken by another program" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0).lower()
    return None


def _any_port(taken: Container[int]) -> int:
    while True:
        with listen(0, backlog=1) as listener:
            port = int(listener.getsockname()[1])
        if port not in taken:
            return port
