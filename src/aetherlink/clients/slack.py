"""Slack's Web API, through the official SDK.

The SDK blocks, follows redirects with the token, trusts the environment's proxies and tries again by itself, which says
things twice. So each call has a thread of a bounded number and a connection of its own, and does none of that; at the
call's deadline the connection is cut, which frees the thread, whatever Slack does. What comes back is bounded.
"""

import asyncio
import logging
import re
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection, HTTPResponse
from threading import Lock
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from aetherlink.clients.credentials import read_secret
from aetherlink.clients.slack_options import SlackOptions
from aetherlink.errors import (
    AetherError,
    AnswerError,
    DeadlineError,
    NotSentError,
    SettingsError,
    UnreachableError,
)

UNREADABLE = "unreadable_answer"
"""The error of an answer that is no success and no error of Slack's."""

_THREADS = 4  # a channel tells one thing at a time; the others are for answers to buttons
_MOST_BYTES = 4 * 1024 * 1024
_ERROR = re.compile(r"[a-z_]{1,80}")

_QUIET = logging.getLogger("aetherlink.clients.slack.sdk")  # it tells bodies and addresses that hold secrets
_QUIET.setLevel(logging.CRITICAL)
_QUIET.disabled = True


@dataclass(frozen=True, slots=True)
class SlackAnswer:
    """What Slack said: `error` is its own word, empty where it is well; `scopes` are those that the token has."""

    status: int
    error: str
    body: Mapping[str, Any] = field(repr=False)
    retry_after: str = ""
    scopes: str = ""


class _Line:
    """The connection of one call, which can be cut from another thread."""

    def __init__(self) -> None:
        self.is_connected = False
        self._lock = Lock()
        self._is_cut = False
        self._socket: socket.socket | None = None

    def dial(self, host: str, port: int, seconds: float, tls: ssl.SSLContext | None) -> socket.socket:
        """A new connection. Raises OSError, also after the line was cut."""
        made = socket.create_connection((host, port), timeout=seconds)
        try:
            self._keep(made)
            if tls is not None:
                made = self._secured(made, host, tls)
        except BaseException:
            made.close()
            raise
        self.is_connected = True
        return made

    def cut(self) -> bool:
        """End what is open, and let nothing new begin; whether it was connected."""
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                with suppress(OSError):  # it may have ended by itself
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            return self.is_connected

    def _secured(self, plain: socket.socket, host: str, tls: ssl.SSLContext) -> socket.socket:
        secured = tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        try:
            self._keep(secured)
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    def _keep(self, made: socket.socket) -> None:
        """Raises OSError once it is cut."""
        with self._lock:
            if self._is_cut:
                raise OSError("the time was up before there was a connection")
            self._socket = made


class _Bounded(HTTPResponse):
    """An answer that ends in an error where it is too long."""

    def read(self, amt: int | None = None) -> bytes:
        if amt is not None:
            return super().read(amt)
        body = super().read(_MOST_BYTES + 1)
        if len(body) > _MOST_BYTES:
            raise AnswerError(f"Slack's answer is longer than {_MOST_BYTES} bytes")
        return body


class _Wire(HTTPConnection):
    """HTTP over a line."""

    response_class = _Bounded

    def __init__(self, line: _Line, tls: ssl.SSLContext | None, host: str, **options: Any) -> None:
        self.default_port = HTTP_PORT if tls is None else HTTPS_PORT
        super().__init__(host, **options)
        self._line = line
        self._tls = tls

    def connect(self) -> None:
        self.sock = self._line.dial(self.host, self.port, float(self.timeout or 0), self._tls)


class _Way(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Lets requests go over a line."""

    def __init__(self, line: _Line, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._line = line
        self._tls = tls

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self._opened(None, req)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self._opened(self._tls, req)

    def _opened(self, tls: ssl.SSLContext | None, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_Wire, self._line, tls), req)  # called as the class would be


class _Sdk(WebClient):
    """The SDK's client of one call, over a line: no redirect, no proxy, no try of its own."""

    def __init__(self, line: _Line, tls: ssl.SSLContext, *, token: str, url: str, seconds: float) -> None:
        super().__init__(token=token, base_url=url, timeout=1, logger=_QUIET, retry_handlers=[])
        self._seconds = seconds
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            _Way(line, tls),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            self._opener.add_handler(handler)

    def _perform_urllib_http_request_internal(self, url: str, req: urllib.request.Request) -> dict[str, Any]:  # noqa: ARG002 - the SDK's signature
        with self._opener.open(req, timeout=self._seconds) as answer:
            return {"status": answer.code, "headers": answer.headers, "body": answer.read().decode()}


class SlackClient:
    """The app of one channel. Raises SettingsError for tokens that cannot be read, or are of another kind.

    Every call raises NotSentError when nothing arrived there; DeadlineError, UnreachableError and AnswerError when
    nobody can tell what was done. What Slack itself says is its answer, a no too.
    """

    def __init__(self, settings: SlackOptions) -> None:
        self.channel = settings.channel
        self.address = settings.url
        self._token = _read_token(settings.bot_token_file, "bot_token_file", "xoxb-")
        app = settings.app_token_file
        self._app_token = None if app is None else _read_token(app, "app_token_file", "xapp-")
        self._tls = ssl.create_default_context()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="slack")
        self._free = asyncio.Semaphore(_THREADS)
        self._lines: set[_Line] = set()

    @property
    def app_token(self) -> str | None:
        """The app-level token, to tell whether two channels are of one app. Never to be shown."""
        return self._app_token

    async def write(self, method: str, body: Mapping[str, object], *, deadline: timedelta) -> SlackAnswer:
        """Call a method that changes something, such as chat.postMessage, with a body of JSON."""
        return await self._call(method, {"json": dict(body)}, self._token, deadline)

    async def read(self, method: str, asked: Mapping[str, object], *, deadline: timedelta) -> SlackAnswer:
        """Call a method that reads: those take forms only."""
        return await self._call(method, {"params": dict(asked)}, self._token, deadline)

    async def open_socket(self, *, deadline: timedelta) -> SlackAnswer:
        """Ask for the address of a socket: apps.connections.open, with the app-level token."""
        return await self._call("apps.connections.open", {}, self._app_token or "", deadline)

    async def aclose(self) -> None:
        """Cut what is open."""
        for line in tuple(self._lines):
            line.cut()
        self._threads.shutdown(wait=False)

    async def _call(self, method: str, asked: Mapping[str, Any], token: str, deadline: timedelta) -> SlackAnswer:
        loop = asyncio.get_running_loop()
        ends = loop.time() + deadline.total_seconds()
        try:
            async with asyncio.timeout_at(ends):
                await self._free.acquire()
        except TimeoutError:
            raise NotSentError(f"{method}: too many calls to Slack hang already: nothing was sent") from None
        line = _Line()
        self._lines.add(line)
        sdk = _Sdk(line, self._tls, token=token, url=self.address, seconds=max(ends - loop.time(), 0.001))
        running = self._threads.submit(self._in_thread, line, sdk, method, asked)
        call = asyncio.wrap_future(running)
        call.add_done_callback(partial(self._over, line))
        return await self._answered(call, line, method, ends)

    def _over(self, line: _Line, call: "asyncio.Future[SlackAnswer]") -> None:
        """Only when its thread is free again another call may have it."""
        self._lines.discard(line)
        self._free.release()
        if not call.cancelled():
            call.exception()  # whoever waited may have gone

    async def _answered(
        self, call: "asyncio.Future[SlackAnswer]", line: _Line, method: str, ends: float
    ) -> SlackAnswer:
        try:
            async with asyncio.timeout_at(ends):
                return await asyncio.shield(call)
        except TimeoutError:
            raise self._late(line.cut(), method) from None
        except asyncio.CancelledError:
            line.cut()
            raise

    def _late(self, was_connected: bool, method: str) -> AetherError:
        if was_connected:
            return DeadlineError(f"{method} at {self.address}: no complete answer in time")
        return NotSentError(f"{method} at {self.address}: no connection in time")

    def _in_thread(self, line: _Line, sdk: _Sdk, method: str, asked: Mapping[str, Any]) -> SlackAnswer:
        """All of a call. Raises nothing but AetherError, with no word of the request in it."""
        try:
            said = sdk.api_call(method, **asked)
        except SlackApiError as refusal:
            said = refusal.response
        except AetherError:
            raise
        except Exception as problem:  # noqa: BLE001 - the named boundary to an SDK that meets nonsense with any exception
            raise self._trouble(line, method, problem) from None  # its cause may hold the request, and so the token
        return _answer_of(said)

    def _trouble(self, line: _Line, method: str, problem: Exception) -> AetherError:
        what = f"{method} at {self.address}"
        cause = getattr(problem, "reason", problem)
        why = type(cause).__name__ if not isinstance(cause, OSError) else str(cause.strerror or cause)[:200]
        if not line.is_connected:
            return NotSentError(f"{what}: no connection: {why}")
        if isinstance(cause, TimeoutError):
            return DeadlineError(f"{what}: no complete answer in time")
        if isinstance(cause, OSError):  # the connection ended, or was cut
            return UnreachableError(f"{what}: the connection broke before the answer was complete: {why}")
        return AnswerError(f"{what}: the answer cannot be used ({why})")


def _read_token(path: Any, setting: str, kind: str) -> str:
    token = read_secret(path, setting)
    if not token.startswith(kind):
        raise SettingsError(f"{setting} {path} holds no token that begins with {kind}: another kind is no good there")
    return token


def _answer_of(said: Any) -> SlackAnswer:
    body = said.data if isinstance(said.data, Mapping) else {}
    headers = {str(name).lower(): str(value) for name, value in dict(said.headers).items()}
    status = int(said.status_code)
    is_well = status == 200 and body.get("ok") is True
    return SlackAnswer(
        status,
        "" if is_well else _error(body.get("error")),
        body,
        headers.get("retry-after", ""),
        headers.get("x-oauth-scopes", "")[:1000],
    )


def _error(said: object) -> str:
    return said if isinstance(said, str) and _ERROR.fullmatch(said) else UNREADABLE
