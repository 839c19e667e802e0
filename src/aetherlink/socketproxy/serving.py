"""The proxy as a process: what `aether socket-proxy` runs."""

import asyncio
import grp
import logging
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aetherlink.errors import SettingsError
from aetherlink.lib import logs
from aetherlink.lib.logs import LogFormat
from aetherlink.lib.own_container import own_container
from aetherlink.lib.periodic import Periodic
from aetherlink.socketproxy.daemon import Daemon
from aetherlink.socketproxy.door import Door
from aetherlink.socketproxy.http_request import HEAD_BYTES
from aetherlink.socketproxy.making import Making
from aetherlink.socketproxy.options import UNIX, SocketProxyOptions
from aetherlink.socketproxy.remembered import Remembered
from aetherlink.socketproxy.workloads import Workloads

_STATE_FILE = "socket-proxy.json"
_SOCKET_UMASK = 0o117  # mode 0660 from its first moment on
_BACKLOG = 128

_log = logging.getLogger("aetherlink.socketproxy")


def run(options: SocketProxyOptions, data_dir: Path, *, log_level: str, log_format: LogFormat) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 after a clean end. Raises SettingsError when it cannot start."""
    logs.configure(log_level, log_format)
    return asyncio.run(_until_told(options, data_dir))


async def _until_told(options: SocketProxyOptions, data_dir: Path) -> int:
    told = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, told.set)
    async with serving(options, data_dir) as address:
        _log.info("Listening on %s for %s", address, options.daemon)
        await told.wait()
    return 0


@asynccontextmanager
async def serving(options: SocketProxyOptions, data_dir: Path) -> AsyncIterator[str]:
    """Serve while inside; where it listens. Raises SettingsError when it cannot start."""
    seconds = options.answer_within.total_seconds()
    daemon = Daemon(options.daemon)
    making = Making(
        daemon,
        Workloads(options.workloads, own=own_container()),
        _remembered(options.state_file or data_dir / _STATE_FILE),
        max_replicas=options.max_replicas,
        seconds=seconds,
    )
    door = Door(daemon, making, connections=options.connections, seconds=seconds)
    watch = Periodic("images that run", making.look, every=options.look_every, log=_log)
    listening = _listening(options)
    server = await asyncio.start_server(door.hear, sock=listening, limit=HEAD_BYTES, backlog=_BACKLOG)
    watch.start()
    try:
        yield _address(listening)
    finally:
        server.close()
        await door.close()
        await watch.stop()
        _remove(options.listen)


def _listening(options: SocketProxyOptions) -> socket.socket:
    """Bound, not yet heard. Raises SettingsError."""
    try:
        if options.listen.startswith(UNIX):
            return _unix_socket(Path(options.listen.removeprefix(UNIX)), options.group)
        host, _, port = options.listen.rpartition(":")
        host = host.strip("[]")
        return socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as problem:
        raise SettingsError(f"socket_proxy.listen: {options.listen} cannot be listened on: {problem}") from problem


def _unix_socket(path: Path, group: str | None) -> socket.socket:
    """For its owner and the group. Raises OSError, and SettingsError for a group that is not there."""
    owner = None if group is None else _group_id(group)
    _remove_abandoned(path)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(_SOCKET_UMASK)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    if owner is not None:
        os.chown(path, -1, owner)
    return listening


def _remove(listen: str) -> None:
    if listen.startswith(UNIX):
        Path(listen.removeprefix(UNIX)).unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """A socket that nobody listens on is left from a proxy that was killed. Raises OSError for anything else there."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError("something that is no socket is there")
    with socket.socket(socket.AF_UNIX) as knocking:
        if knocking.connect_ex(str(path)) == 0:
            raise FileExistsError("another process listens there")
    path.unlink()


def _group_id(group: str) -> int:
    try:
        return int(group) if group.isascii() and group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError as problem:
        raise SettingsError(f"socket_proxy.group: there is no group {group!r}; a number will do as well") from problem


def _remembered(path: Path) -> Remembered:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise SettingsError(f"socket_proxy.state_file: {path} cannot be written: {problem}") from problem
    return Remembered.read(path)


def _address(listening: socket.socket) -> str:
    if listening.family == socket.AF_UNIX:
        return UNIX + str(listening.getsockname())
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
