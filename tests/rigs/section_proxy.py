"""A thin stand-in for a proxy that lets whole sections of Docker's API through, by variables, as Tecnativa's does.

By the rules of its published configuration: nothing but GET without POST; then by the first part of the path; else 403.
"""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from rigs.accepted import Accepting
from rigs.bad_docker import body_length

_DEFAULTS = frozenset({"EVENTS", "PING", "VERSION"})
_REFUSAL = b"<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"


@dataclass
class SectionProxy(Accepting):
    """`variables` are those that are 1."""

    socket: Path
    upstream: Path
    variables: frozenset[str] = _DEFAULTS
    refused: list[str] = field(default_factory=list)

    def switch(self, *on: str, off: tuple[str, ...] = ()) -> None:
        """These variables are 1 from now on, beside the defaults but for those that are off."""
        self.variables = (_DEFAULTS | {*on}) - {*off}

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.socket)

    def _lets_through(self, method: str, path: str) -> bool:
        section = re.match(r"(?:/v[\d.]+)?(?:/\w+)?/_?(\w+)", path)
        plain = re.match(r"(?:/v[\d.]+)?/_?(\w+)", path)
        names = {found[1].upper() for found in (section, plain) if found}
        return (method == "GET" or "POST" in self.variables) and bool(names & self.variables)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            request = await reader.readuntil(b"\r\n\r\n")
            request += await reader.readexactly(body_length(request))
            method, target, _ = request.partition(b"\r\n")[0].decode().split(" ")
            if self._lets_through(method, target.partition("?")[0]):
                daemon, sending = await asyncio.open_unix_connection(self.upstream)
                with contextlib.closing(sending):
                    sending.write(request)
                    while piece := await daemon.read(0x10000):
                        writer.write(piece)
                        await writer.drain()
            else:
                self.refused.append(f"{method} {target}")
                head = f"HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: {len(_REFUSAL)}\r\n\r\n"
                writer.write(head.encode() + _REFUSAL)
            await writer.drain()


@contextlib.asynccontextmanager
async def section_proxy(upstream: Path) -> AsyncIterator[SectionProxy]:
    """Before the daemon at that socket."""
    with tempfile.TemporaryDirectory(prefix="sections-") as folder:
        made = SectionProxy(Path(folder) / "docker.sock", upstream)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()
