"""Reads one request as strictly as it can be read: what could be understood in two ways is refused.

There is one request a connection and only its method, target and body are ever used, so no header of the caller, and
nothing that follows the body, can reach the daemon.
"""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass

from aetherlink.errors import BadRequestError, ForbiddenError

HEAD_BYTES = 16 * 1024
BODY_BYTES = 16 * 1024
_HEADERS_MAX = 64
_END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]{0,8191}) HTTP/1\.([01])")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\x20-\x7e\t\x80-\xff]*)")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_ONCE = (b"host", b"content-length", b"content-type")
# The first five change how a body or a connection is to be read; the others come from a page in somebody's browser.
_REFUSED = (
    *(b"transfer-encoding", b"upgrade", b"expect", b"trailer", b"content-encoding"),
    *(b"origin", b"sec-fetch-site"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. `is_newer` tells HTTP/1.1 from 1.0, which knows no chunks."""

    method: str
    target: str
    is_newer: bool
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the first question mark."""
        return self.target.partition("?")[2]


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request; None when the caller went away before one.

    Raises BadRequestError, and ForbiddenError for what is good HTTP and still not heard. The caller bounds the time.
    """
    try:
        head = await reader.readuntil(_END)
    except asyncio.IncompleteReadError as end:
        if not end.partial:
            return None
        raise BadRequestError("the request ended in its head") from end
    except asyncio.LimitOverrunError as over:
        raise BadRequestError(f"the head is larger than {HEAD_BYTES} bytes") from over
    line, *rest = head.removesuffix(_END).split(b"\r\n")
    parts = _REQUEST_LINE.fullmatch(line)
    if parts is None:
        raise BadRequestError("the request line is not `METHOD /path HTTP/1.1`")
    length = _body_length(_headers(rest))
    body = await _body(reader, length)
    return Request(parts[1].decode(), parts[2].decode(), is_newer=parts[3] == b"1", body=body)


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    """By name in small letters. Raises BadRequestError for a line that is none, ForbiddenError for what is refused."""
    if len(lines) > _HEADERS_MAX:
        raise BadRequestError(f"there are more than {_HEADERS_MAX} headers")
    found = [match for line in lines if (match := _HEADER.fullmatch(line))]
    if len(found) < len(lines):
        raise BadRequestError("a header is not `name: value`")
    names = Counter(match[1].lower() for match in found)
    if twice := next((name for name in _ONCE if names[name] > 1), None):
        raise BadRequestError(f"the header {twice.decode()} comes twice")
    if refused := next((name for name in _REFUSED if names[name]), None):
        raise ForbiddenError(f"the header {refused.decode()} is not heard here")
    return {match[1].lower(): match[2].strip(b" \t") for match in found}


def _body_length(headers: dict[bytes, bytes]) -> int:
    written = headers.get(b"content-length", b"0")
    if _LENGTH.fullmatch(written) is None:
        raise BadRequestError("content-length is no number")
    if int(written) > BODY_BYTES:
        raise BadRequestError(f"the body is larger than {BODY_BYTES} bytes")
    return int(written)


async def _body(reader: asyncio.StreamReader, length: int) -> bytes:
    try:
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as end:
        raise BadRequestError("the body ended too early") from end
