"""Asks a stack what it has: JSON of Prometheus, Alertmanager or Docker, by GET and nothing else. Called by adoption.

Knows nothing of what the answers mean, and sends nothing that could change anything.
"""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from aetherlink.clients.exchange import UNREADABLE_JSON, Exchange
from aetherlink.clients.options import MEBIBYTE, ClientOptions
from aetherlink.errors import AnswerError, SettingsError, UnreachableError

_OPTIONS = ClientOptions(max_bytes=32 * MEBIBYTE)
_ANY_CONTAINER = "/containers/json?all=1"


class StackClient:
    """One side of a stack by its URL. `name` is what messages call it."""

    def __init__(self, name: str, url: str, *, socket: Path | None = None) -> None:
        self._exchange = Exchange(name, url, options=_OPTIONS, socket=socket)
        self._name = name

    async def get(self, path: str) -> object:
        """The decoded answer. Raises UnreachableError, or AnswerError when it is not the JSON of a success."""
        answer = await self._exchange.ask("GET", path)
        what = f"{self._name} at {self._exchange.address} answered GET {path.partition('?')[0]} with {answer.status}"
        if answer.status >= 500:
            raise UnreachableError(f"{what}: {answer.excerpt()}")
        if not answer.is_success:
            raise AnswerError(f"{what}: {answer.excerpt()!r}. Is this its address, a path prefix included?")
        try:
            return msgspec.json.decode(answer.body)
        except UNREADABLE_JSON as problem:
            raise AnswerError(f"{what}, and it is no JSON. Is this the address of {self._name}?") from problem

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()


async def containers(host: str) -> object:
    """What Docker, or a proxy before it, lists. Raises SettingsError for an address of another kind, else as `get`."""
    parts = urlsplit(host)
    if parts.scheme == "unix":
        client = StackClient("Docker", "http://docker", socket=Path(host.removeprefix("unix://")))
    elif parts.scheme == "tcp" and parts.hostname:
        client = StackClient("Docker", f"http://{parts.netloc}")
    else:
        raise SettingsError(f"{host!r} is not like unix:///var/run/docker.sock or tcp://socket-proxy:2375")
    try:
        return await client.get(_ANY_CONTAINER)
    finally:
        await client.aclose()
