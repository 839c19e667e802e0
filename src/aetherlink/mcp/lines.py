"""Lines of standard input, none longer than a bound, read by a thread that holds up nobody's end."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator

LONGEST = 1024 * 1024  # bytes of one message: several times what the longest call of a tool takes
_PIECE = 64 * 1024
_log = logging.getLogger("aetherlink.mcp")


class Lines:
    """What a descriptor brings, line by line, until its end. A line that is too long is left out, and said to be."""

    def __init__(self, descriptor: int, *, longest: int = LONGEST) -> None:
        self._descriptor = descriptor
        self._longest = longest

    async def __aiter__(self) -> AsyncIterator[str]:
        held, is_too_long = b"", False
        async for piece in self._pieces():
            *ended, held = (held + piece).split(b"\n")
            for line in ended:
                if not is_too_long:
                    yield line.decode("utf-8", "replace")
                is_too_long = False
            if len(held) > self._longest:
                if not is_too_long:
                    _log.warning("a line of more than %d bytes is left out", self._longest)
                held, is_too_long = b"", True
        if held and not is_too_long:
            yield held.decode("utf-8", "replace")

    async def _pieces(self) -> AsyncIterator[bytes]:
        pieces: asyncio.Queue[bytes] = asyncio.Queue(1)  # the next one is read when this one was taken
        loop = asyncio.get_running_loop()
        # Not a thread of the loop's own: those are waited for at the end, and this one may never hear anything again.
        threading.Thread(target=self._read, args=(loop, pieces), name="standard input", daemon=True).start()
        while piece := await pieces.get():
            yield piece

    def _read(self, loop: asyncio.AbstractEventLoop, pieces: "asyncio.Queue[bytes]") -> None:
        piece = b"\n"
        while piece and not loop.is_closed():
            try:
                piece = os.read(self._descriptor, _PIECE)
            except OSError:  # it is closed
                piece = b""
            asyncio.run_coroutine_threadsafe(pieces.put(piece), loop).result()
