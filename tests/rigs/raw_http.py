"""Says bytes to a Unix socket and reads what comes back: no client that could make a bad request a good one."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reply:
    """The status (0 when the connection ended without one), and all that followed the head."""

    status: int
    head: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def say(socket: Path, request: bytes, *, seconds: float = 20.0) -> Reply:
    """Everything that is answered to exactly these bytes."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        async with asyncio.timeout(seconds):
            writer.write(request)
            answer = await reader.read()
    except ConnectionError:
        answer = b""
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return Reply(int(words[1]) if len(words) > 1 else 0, head.decode("latin-1"), body)


async def ask(socket: Path, method: str, target: str, body: object = None, *headers: str) -> Reply:
    """A request in good form."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(content)}", *headers, "", ""]
    return await say(socket, "\r\n".join(lines).encode() + content)
