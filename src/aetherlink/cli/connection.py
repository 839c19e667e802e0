"""From options to a conversation with a running agent: where it is, which token it gets, one event loop a command."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from aetherlink.clients.agent import AgentClient
from aetherlink.clients.options import ClientOptions

T = TypeVar("T")


def talk(work: Callable[[AgentClient], Awaitable[T]], *, config: Path | None, url: str | None, token: str | None) -> T:
    """Run the conversation. Raises what the client raises, and SettingsError.

    The operator's token goes to the address in the settings only: an address from elsewhere must not collect it.
    """
    if url is None:
        url, own_token = _from_settings(config)
        token = token or own_token

    async def conversation() -> T:
        async with AgentClient(url, ClientOptions(), token=token) as agent:
            return await work(agent)

    return asyncio.run(conversation())


def _from_settings(config: Path | None) -> tuple[str, str | None]:
    from aetherlink import settings

    found = settings.load(config)
    return url_of(found.listen), _operator_token(found.data_dir)


def url_of(listen: str) -> str:
    """The URL by which this machine reaches the listen address: every address means this machine's own."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or (_is_address(host) and ipaddress.ip_address(host).is_unspecified):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _operator_token(data_dir: Path) -> str | None:
    from aetherlink.access.token_files import OPERATOR_FILE

    try:
        return (data_dir / OPERATOR_FILE).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None  # another user's, or not there yet: the agent says so if a token is needed
