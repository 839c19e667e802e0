"""Asks a service whether it is well: over HTTP, or in PostgreSQL's own words. Every question has a deadline.

A probe answers None for well, else what is wrong in a few words. Called by the supervisor's watchers.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

Probe = Callable[[], Awaitable[str | None]]
_PROTOCOL_3 = 196608
_AUTHENTICATION_OK = b"R"


async def always_well() -> None:
    """For a process that offers nothing to ask: it is well while it lives."""


def http_probe(client: httpx.AsyncClient, *urls: str, seconds: float) -> Probe:
    """Well when every address answers 2xx within the deadline."""

    async def probe() -> str | None:
        try:
            async with asyncio.timeout(seconds):
                for url in urls:
                    answer = await client.get(url)
                    if not answer.is_success:
                        return f"{url} answered {answer.status_code}"
        except TimeoutError:
            return f"no answer within {seconds:g} s"
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        return None

    return probe


def postgres_probe(socket: Path, *, user: str, database: str, seconds: float) -> Probe:
    """Well when a session for this user and database would be let in."""
    fields = f"user\0{user}\0database\0{database}\0\0".encode()
    startup = struct.pack("!II", len(fields) + 8, _PROTOCOL_3) + fields
    goodbye = struct.pack("!cI", b"X", 4)

    async def probe() -> str | None:
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_unix_connection(str(socket))
                try:
                    writer.write(startup)
                    kind = await reader.readexactly(1)
                    writer.write(goodbye)
                finally:
                    writer.close()
                    await writer.wait_closed()
        except TimeoutError:
            return f"no answer within {seconds:g} s"
        except (OSError, asyncio.IncompleteReadError) as error:
            return f"{type(error).__name__}: {error}"
        return None if kind == _AUTHENTICATION_OK else "it refuses sessions"

    return probe
