"""Where the proxy listens, and what keeps it from starting."""

import os
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from aetherlink.errors import SettingsError
from aetherlink.socketproxy.options import SocketProxyOptions
from aetherlink.socketproxy.serving import serving


@pytest.mark.parametrize("listen", ["", "here", "localhost:80", "127.0.0.1", "127.0.0.1:70000", "unix://here", "1:2:3"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(ValidationError):
        SocketProxyOptions(listen=listen)


@pytest.mark.parametrize("workload", ["", "a/b/c", "a b", "*", "/api"])
def test_a_workload_is_a_project_or_a_service(workload: str) -> None:
    with pytest.raises(ValidationError):
        SocketProxyOptions(workloads=(workload,))


async def test_it_listens_on_an_address(tmp_path: Path) -> None:
    async with serving(SocketProxyOptions(listen="127.0.0.1:0", daemon=tmp_path / "none"), tmp_path) as address:
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=5):
            pass


async def test_a_socket_left_by_a_killed_proxy_is_taken_over_and_removed_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(path))

    options = SocketProxyOptions(listen=f"unix://{path}", daemon=tmp_path / "none", group=str(os.getgid()))
    async with serving(options, tmp_path):
        assert path.stat().st_gid == os.getgid()
        with pytest.raises(SettingsError, match="another process listens there"):
            async with serving(options, tmp_path):
                pass
    assert not path.exists()


async def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("kept")

    with pytest.raises(SettingsError, match="no socket is there"):
        async with serving(SocketProxyOptions(listen=f"unix://{path}"), tmp_path):
            pass
    assert path.read_text() == "kept"


@pytest.mark.parametrize(
    ("options", "said"),
    [({"group": "no-such-group-here"}, "there is no group"), ({"listen": "unix:///no/such/folder/x"}, "listened on")],
)
async def test_what_cannot_be_had_is_said(tmp_path: Path, options: dict[str, str], said: str) -> None:
    given = {"listen": f"unix://{tmp_path}/proxy.sock", **options}

    with pytest.raises(SettingsError, match=said):
        async with serving(SocketProxyOptions(**given), tmp_path):
            pass
