"""The bodies of webhooks, read within bounds: so large each, so slow at most, and so much of all of them together."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aetherlink.errors import AetherError, OverloadedError
from aetherlink.intake.options import IntakeOptions

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_LONGEST_LENGTH = 18  # digits
_FREE = 64 * 1024  # bytes of each body: small ones are read, however many large ones there are


class TooLargeError(AetherError):
    """The body is too large. `length` is what the sender says of it, if he does."""

    def __init__(self, message: str, *, length: int | None) -> None:
        super().__init__(message)
        self.length = length


class TooSlowError(AetherError):
    """The body took too long to arrive."""


class EncodedError(AetherError):
    """Content-Encoding is not supported: send the body as it is."""


class Bodies:
    """Reads them, and knows how much of them is held until it is released."""

    def __init__(self, options: IntakeOptions) -> None:
        self._options = options
        self._held = 0

    async def read(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, to be released. Raises an error of this module, or OverloadedError."""
        self._refuse_encoded(headers)
        said = headers.get(b"content-length", b"0")
        length = int(said) if said.isdigit() and len(said) <= _LONGEST_LENGTH else None
        if length is None or length > self._options.max_body_bytes:
            raise self._too_large(length)
        body = bytearray()
        try:
            with _Deadline(self._options.body_deadline.total_seconds()):
                await self._fill(body, receive)
        except BaseException:
            self.release(body)
            raise
        return bytes(body)

    async def hold(self, headers: dict[bytes, bytes], body: bytes) -> bytes:
        """As read, for a body that has arrived already."""
        self._refuse_encoded(headers)
        if len(body) > self._options.max_body_bytes:
            raise self._too_large(len(body))
        self._take(bytearray(), body)
        return body

    def release(self, body: bytes | bytearray) -> None:
        """It is done with."""
        self._held -= _counted(len(body))

    async def _fill(self, body: bytearray, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise TooSlowError("the sender went away before the body was complete")
            self._take(body, message.get("body", b""))
            if not message.get("more_body", False):
                return

    def _take(self, body: bytearray, piece: bytes) -> None:
        length = len(body) + len(piece)
        if length > self._options.max_body_bytes:
            raise self._too_large(None)
        more = _counted(length) - _counted(len(body))
        if self._held + more > self._options.bodies_bytes:
            raise OverloadedError(f"{self._held} bytes of webhooks are held (intake.bodies_bytes): try again")
        self._held += more
        body += piece

    def _refuse_encoded(self, headers: dict[bytes, bytes]) -> None:
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise EncodedError

    def _too_large(self, length: int | None) -> TooLargeError:
        limit = self._options.max_body_bytes
        return TooLargeError(f"the body is larger than {limit} bytes (intake.max_body_bytes)", length=length)


class _Deadline:
    """Raises TooSlowError out of its block after so many seconds, at a third of what asyncio.timeout costs.

    Every webhook has one.
    """

    def __init__(self, seconds: float) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pass)
        self._is_past = False

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if self._is_past and kind is asyncio.CancelledError and self._task and not self._task.uncancel():
            raise TooSlowError

    def _pass(self) -> None:
        self._is_past = True
        if self._task is not None:
            self._task.cancel()


def _counted(length: int) -> int:
    return max(0, length - _FREE)
