"""A whole proxy, its sockets included, before a thin daemon that writes down what reaches it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.socketproxy.options import SocketProxyOptions
from aetherlink.socketproxy.serving import serving
from rigs.patience import eventually
from rigs.recording_daemon import RecordingDaemon, recording_daemon


@dataclass
class Stage:
    """Where the proxy listens, and the daemon behind it, whose record begins after the proxy's own first look."""

    socket: Path
    daemon: RecordingDaemon


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    socket = tmp_path / "proxy.sock"
    options = SocketProxyOptions(
        listen=f"unix://{socket}",
        daemon=tmp_path / "daemon.sock",
        answer_within=timedelta(seconds=1),
        look_every=timedelta(hours=1),
        connections=4,
    )
    async with recording_daemon(options.daemon) as daemon, serving(options, tmp_path):
        await eventually(lambda: bool(daemon.asked))
        daemon.asked.clear()
        yield Stage(socket, daemon)
