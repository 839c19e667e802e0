"""One HTTP request and its whole answer, inside a total deadline and a byte bound. Used by every client of this room.

Turns what can go wrong on the way into the product's errors, with the URL (never its credentials) and what to do.
Must not know what the answer means.
"""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec

from aetherlink.clients.connection import Connection, Proxy
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, DeadlineError, NotSentError, SettingsError, TooLargeError, UnreachableError

UNREADABLE_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON asked for: broken, not UTF-8, nested without end."""

_KEEP_ALIVE_SECONDS = 30.0
_DEEPEST_CAUSE = 10
_HOST = re.compile(r"[^\s%/]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole: the body is complete and within the bound. Never a redirect.

    `date` is the other side's own time as it wrote it, `retry_after` when it wants the next request; empty when it did
    not say.
    """

    status: int
    content_type: str
    body: bytes
    date: str = ""
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def excerpt(self, *, length: int = 120) -> str:
        """The beginning of the body as one printable line, for messages."""
        text = self.body[: 4 * length].decode("utf-8", "replace")
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
        return line if len(line) <= length else f"{line[:length]}..."


class Exchange:
    """A keep-alive pool towards one base URL, or towards a Unix socket.

    `name` is what messages call the other side. Does no I/O before the first `ask`; `aclose` ends it.
    Raises SettingsError when the URL or a header cannot be used.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        options: ClientOptions,
        connection: Connection | None = None,
        socket: Path | None = None,
    ) -> None:
        connection = connection or Connection()
        self._base = _parse_url(name, url)
        self.name = name
        self.address = f"the Unix socket {socket}" if socket else _redact(self._base)
        self._options = options
        self._slots = asyncio.Semaphore(options.in_flight)
        self._client = httpx.AsyncClient(
            transport=_transport(self._base, options, connection, socket),
            headers=_checked_headers(name, {"accept": "application/json", **connection.headers}),
            timeout=None,  # noqa: S113 - one total deadline around everything replaces the per-read timeouts
            follow_redirects=False,
            trust_env=False,
        )
        # Compressed answers are not asked for: a small bomb must not grow past the bound in one step.
        self._client.headers["accept-encoding"] = "identity"
        self._extensions = {"sni_hostname": connection.server_name} if connection.server_name else None

    async def ask(
        self,
        method: str,
        path: str,
        *,
        deadline: timedelta | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """Send one request and read its whole answer. Deadline and bound are the options' when none are given.

        Raises NotSentError (nothing arrived there), DeadlineError, UnreachableError or AnswerError.
        """
        sent = {**(headers or {}), **({"content-type": content_type} if content is not None else {})}
        async with (
            self._within(deadline or self._options.deadline, self._asked(method, path)),
            self._slots,
            self._sent(method, path, content, sent) as response,
        ):
            return await self._read(response, path, max_bytes or self._options.max_bytes)

    async def send(
        self,
        method: str,
        path: str,
        *,
        deadline: timedelta,
        content: bytes | None,
        headers: Mapping[str, str],
        most: int,
    ) -> int:
        """Send one request; the status of its answer, a redirect's too, of whose body `most` bytes are read.

        Half of the deadline is for the connection: when that does not come about, nothing was sent. Raises as `ask`
        does, and shows no query: it may hold what is not for everybody.
        """
        wait = httpx.Timeout(None, connect=deadline.total_seconds() / 2)
        what = self._asked(method, path.partition("?")[0])
        async with (
            self._within(deadline, what),
            self._slots,
            self._sent(method, path, content, headers, wait) as response,
        ):
            await _read_up_to(most, response)
            return response.status_code

    @asynccontextmanager
    async def follow(
        self, path: str, *, silence: timedelta, lasts: timedelta
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """Ask for what may never end: the status of the answer, and its pieces as they come.

        They end with the answer, and after a silence; nothing lasts longer than `lasts`. Raises as `ask` does, between
        the pieces too. The caller bounds what it keeps.
        """
        seconds = silence.total_seconds()
        wait = httpx.Timeout(None, connect=seconds, read=seconds)
        what = self._asked("GET", path.partition("?")[0])
        async with self._within(lasts, what), self._slots, self._sent("GET", path, None, {}, wait) as response:
            self._refuse_oddities(response, path.partition("?")[0])
            yield response.status_code, _until_silent(response)

    def _asked(self, method: str, path: str) -> str:
        """What was asked of whom, for people; the address may be all of the path."""
        return f"{method} {path} at {self.address}" if path else f"{method} {self.address}"

    @asynccontextmanager
    async def _within(self, limit: timedelta, what: str) -> AsyncIterator[None]:
        """Turns what can go wrong into the product's errors; nothing lasts longer than the limit."""
        try:
            async with asyncio.timeout(limit.total_seconds()):
                yield
        except TimeoutError as error:
            raise DeadlineError(self._late(what, limit)) from error
        except httpx.ConnectError as error:
            raise NotSentError(f"{what}: no connection: {_reason(error)}. {self._advice()}") from error
        except httpx.ConnectTimeout as error:
            raise NotSentError(
                f"{what}: no connection within {limit.total_seconds() / 2:g} s. {self._advice()}"
            ) from error
        except httpx.ReadTimeout as error:
            raise DeadlineError(f"{what}: it was taken, and not answered in time") from error
        except httpx.ProxyError as error:
            raise NotSentError(f"{what}: the proxy let nothing through: {_reason(error)}") from error
        except httpx.RemoteProtocolError as error:
            if "disconnect" in str(error) or "closed" in str(error):
                raise UnreachableError(f"{what}: the connection broke before the answer was complete") from error
            raise AnswerError(f"{what}: the answer is not HTTP ({error}). {self._advice()}") from error
        except httpx.TransportError as error:
            raise UnreachableError(f"{what}: the connection broke: {_reason(error)}") from error

    async def aclose(self) -> None:
        """Close the pool. Requests on their way fail."""
        await self._client.aclose()

    def _sent(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        wait: httpx.Timeout | None = None,
    ) -> AbstractAsyncContextManager[httpx.Response]:
        url = self._base.copy_with(raw_path=self._base.raw_path.rstrip(b"/") + path.encode("ascii"))
        return self._client.stream(
            method, url, content=content, headers=headers, timeout=wait, extensions=self._extensions
        )

    def _refuse_oddities(self, response: httpx.Response, path: str) -> None:
        if response.has_redirect_location:
            where = _redact(httpx.URL(self._base).join(response.headers["location"]))
            raise AnswerError(
                f"{path} at {self.address} redirects to {where}: set the URL to where {self.name} really is"
            )
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise AnswerError(f"{path} at {self.address} answered in {encoding!r}, which was not asked for")

    async def _read(self, response: httpx.Response, path: str, most: int) -> Answer:
        self._refuse_oddities(response, path)
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > most:
                raise TooLargeError(
                    f"{path} at {self.address}: the answer is larger than {most} bytes: ask for less, or raise "
                    "max_bytes"
                )
        headers = response.headers
        return Answer(
            response.status_code,
            headers.get("content-type", ""),
            bytes(body),
            headers.get("date", ""),
            headers.get("retry-after", ""),
        )

    def _late(self, what: str, limit: timedelta) -> str:
        waiting = f", {self._options.in_flight} requests at a time being allowed" if self._slots.locked() else ""
        return f"{what}: no complete answer within {limit.total_seconds():g} s{waiting}"

    def _advice(self) -> str:
        return f"Is {self.name} running, and is this its address?"


async def _read_up_to(most: int, response: httpx.Response) -> None:
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read > most:
            return


async def _until_silent(response: httpx.Response) -> AsyncIterator[bytes]:
    with suppress(httpx.ReadTimeout):
        async for piece in response.aiter_raw():
            yield piece


def _transport(
    url: httpx.URL, options: ClientOptions, connection: Connection, socket: Path | None
) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(
        max_connections=options.in_flight,
        max_keepalive_connections=options.in_flight,
        keepalive_expiry=_KEEP_ALIVE_SECONDS,
    )
    return httpx.AsyncHTTPTransport(
        verify=connection.tls or _tls_for(url),
        limits=limits,
        trust_env=False,
        uds=str(socket) if socket else None,
        proxy=_proxy(connection.proxy),
    )


def _tls_for(url: httpx.URL) -> ssl.SSLContext:
    """Reading the machine's CA certificates costs time and memory: only where TLS is spoken."""
    return ssl.create_default_context() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy(proxy: Proxy | None) -> httpx.Proxy | None:
    return None if proxy is None else httpx.Proxy(proxy.url, auth=proxy.login)


def _parse_url(name: str, url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise SettingsError(f"the URL of {name} cannot be read: {error}. Write http://HOST:PORT") from error
    has_place = parsed.scheme in ("http", "https") and _HOST.fullmatch(parsed.host) and (parsed.port or 1) < 65_536
    if not has_place or parsed.query or parsed.fragment:
        raise SettingsError(f"the URL of {name} is {_redact(parsed)!r}: write http://HOST:PORT or https://HOST/PREFIX")
    return parsed


def _checked_headers(name: str, headers: Mapping[str, str]) -> dict[str, str]:
    for key, value in headers.items():
        if not (value.isascii() and value.isprintable() and key.isascii() and key.isprintable()):
            raise SettingsError(f"the header {key!r} for {name} holds a character that HTTP does not allow")
    return dict(headers)


def _redact(url: httpx.URL) -> str:
    return str(url.copy_with(username=None, password=None, query=None, fragment=None)).rstrip("/")


def _reason(error: BaseException) -> str:
    """The operating system's own word for it, where there is one."""
    for cause in _causes(error, depth=0):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate cannot be trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):  # its number is none of the operating system's
            return cause.reason or "TLS failed"
        if isinstance(cause, OSError) and cause.errno and cause.strerror:
            return os.strerror(cause.errno) if cause.errno > 0 else cause.strerror  # a resolver's codes are negative
    return str(error) or type(error).__name__


def _causes(error: BaseException | None, *, depth: int) -> Iterator[BaseException]:
    if error is None or depth > _DEEPEST_CAUSE:
        return
    yield error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for cause in (*inner, error.__cause__ or error.__context__):
        yield from _causes(cause, depth=depth + 1)
