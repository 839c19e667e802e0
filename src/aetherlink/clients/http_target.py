"""One target that is asked over HTTP: how it is, and the requests that its settings fix, each sent once.

Changes workloads: called by the executor `http` only. Decides nothing. Of an answer only the status is given back: what
a server writes may repeat what it was sent, a token for instance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from aetherlink.clients.connection import Connection, with_bearer
from aetherlink.clients.credentials import read_bearer_token, read_tls
from aetherlink.clients.exchange import Exchange
from aetherlink.clients.http_target_options import (
    HttpObserveOptions,
    HttpRequestOptions,
    HttpTargetOptions,
)
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.source_options import TlsOptions
from aetherlink.errors import NotFoundError

MOST_READ = 64 * 1024
"""Bytes of an answer's body that are read; beyond, the status counts all the same."""

_OPTIONS = ClientOptions(max_bytes=MOST_READ)
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class _Call:
    """One call that can be made, with its way there."""

    exchange: Exchange
    method: str
    path: str
    content: bytes | None = None

    async def status(self, deadline: timedelta, headers: Mapping[str, str] = MappingProxyType({})) -> int:
        return await self.exchange.send(
            self.method,
            self.path,
            headers=headers,
            content=self.content,
            deadline=deadline,
            most=MOST_READ,
        )


class HttpTarget:
    """The target of this name. Raises SettingsError for a file that cannot serve."""

    def __init__(self, name: str, options: HttpTargetOptions) -> None:
        self.name = name
        self._observe = _call(name, "GET", options.observe, options.tls)
        self._requests = {
            each: _call(name, one.method, one, options.tls, content=None if one.body is None else one.body.encode())
            for each, one in options.requests.items()
        }

    async def health(self, *, deadline: timedelta) -> int:
        """The status that it is observed with. Raises UnreachableError or AnswerError."""
        return await self._observe.status(deadline)

    async def send(self, request: str, *, key: str, deadline: timedelta) -> int:
        """Send the request of this name once, under this Idempotency-Key; the status of the answer.

        Raises NotFoundError for an unknown name and NotSentError when nothing arrived there; DeadlineError,
        UnreachableError and AnswerError when nobody can tell what it did.
        """
        call = self._requests.get(request)
        if call is None:
            raise NotFoundError(f"target {self.name} has no request {request!r}")
        return await call.status(deadline, {"idempotency-key": key})

    async def aclose(self) -> None:
        """Close the connections."""
        for call in (self._observe, *self._requests.values()):
            await call.exchange.aclose()


def _call(
    name: str,
    method: str,
    options: HttpObserveOptions | HttpRequestOptions,
    tls: TlsOptions | None,
    *,
    content: bytes | None = None,
) -> _Call:
    headers = {"accept": "*/*", **({} if content is None else {"content-type": _JSON}), **options.plain_headers}
    if options.bearer_token_file is not None:
        headers |= with_bearer(read_bearer_token(options.bearer_token_file))
    # A connection that was kept may be closed by the other side in the very moment of sending: that would look as if
    # the request had arrived.
    headers["connection"] = "close"
    way = Connection(headers, tls=None if tls is None else read_tls(tls), server_name=tls.server_name if tls else None)
    exchange = Exchange(f"target {name}", options.origin, options=_OPTIONS, connection=way)
    return _Call(exchange, method, options.path, content)
