"""POST /alertmanager as a bare ASGI callable: admits, reads within bounds, decodes, stores, then answers.

200 only after the commit. Overload and a store in trouble are 503, the one answer after which Alertmanager tries again
soon. A body that cannot be read is kept in quarantine and answered 200: sent again it would be no better.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter

from aetherlink.access.gate import Gate
from aetherlink.errors import (
    AetherError,
    BadRequestError,
    ForbiddenError,
    OverloadedError,
    StoreError,
    UnauthenticatedError,
    UnfitError,
)
from aetherlink.intake.bodies import Bodies, EncodedError, Receive, TooLargeError, TooSlowError
from aetherlink.intake.decode import decode
from aetherlink.intake.options import IntakeOptions
from aetherlink.model.ids import SourceName
from aetherlink.model.journal import JournalBody
from aetherlink.model.ledger import LedgerOutcome, Way
from aetherlink.model.principals import Principal, Scope
from aetherlink.ports import AlertSink, Answer, Clock, OversizedSink, Post, Store, Transaction

AsgiScope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Read = Callable[[dict[bytes, bytes]], Awaitable[bytes]]  # is given the headers
AsgiApp = Callable[[AsgiScope, Receive, Send], Awaitable[None]]

PATH = "/alertmanager"
_LARGE = 1024 * 1024  # bytes: a body that is worth a thread, for others wait while it is read
_QUARANTINED = (Way.WEBHOOK, LedgerOutcome.QUARANTINED)

_log = logging.getLogger("aetherlink.intake")


_STATUSES: dict[type[AetherError], HTTPStatus] = {
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooSlowError: HTTPStatus.REQUEST_TIMEOUT,
    EncodedError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    OverloadedError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}

_ANSWERED = frozenset(_STATUSES.values())

_PROBLEM = ((b"content-type", b"application/problem+json"),)
_HEADERS: Mapping[HTTPStatus, Sequence[tuple[bytes, bytes]]] = {  # as the API sends them
    HTTPStatus.OK: ((b"content-type", b"application/json"),),
    HTTPStatus.UNAUTHORIZED: (*_PROBLEM, (b"www-authenticate", b'Bearer realm="aetherlink"')),
    HTTPStatus.SERVICE_UNAVAILABLE: (*_PROBLEM, (b"retry-after", b"1")),
}
_to_json = msgspec.json.Encoder().encode


class IntakeMetrics:
    """Counts webhooks by the status answered, alerts that they left out, bodies put in quarantine and dropped there."""

    def __init__(self, registry: CollectorRegistry) -> None:
        webhooks = Counter(
            "aether_agent_webhooks", "Webhooks received, by the HTTP status answered.", ["status"], registry=registry
        )
        self.webhooks = {status: webhooks.labels(status=str(status.value)) for status in (HTTPStatus.OK, *_ANSWERED)}
        self.quarantined = Counter(
            "aether_agent_quarantined", "Webhook bodies that could not be read and were kept.", registry=registry
        )
        self.left_out = Counter(
            "aether_agent_truncated_alerts",
            "Alerts that Alertmanager left out of its webhooks (its max_alerts): the agent never heard of them.",
            registry=registry,
        )
        self.dropped = Counter(
            "aether_agent_quarantine_dropped",
            "Bodies dropped from quarantine to keep it within its bounds, the oldest first.",
            registry=registry,
        )


class WebhookIntake:
    """Takes POST /alertmanager, as an ASGI app or whole as a ports.PostDoor; everything else goes on to `app`."""

    def __init__(
        self,
        app: AsgiApp,
        *,
        gate: Gate,
        sink: AlertSink,
        store: Store,
        sources: Sequence[SourceName],
        clock: Clock,
        options: IntakeOptions,
        metrics: IntakeMetrics,
        counted: Callable[[Mapping[tuple[Way, LedgerOutcome], int]], None],
        incomplete: Callable[[SourceName], None] = lambda _source: None,
        oversized: OversizedSink | None = None,
        base_path: str = "",
    ) -> None:
        self._app = app
        self._gate = gate
        self._sink = sink
        self._store = store
        named = {PATH: sources[0], **{f"{PATH}/{source}": source for source in sources}}
        self._paths = {before + path: source for before in {"", base_path} for path, source in named.items()}
        self._clock = clock
        self._options = options
        self._bodies = Bodies(options)
        self._metrics = metrics
        self._counted = counted
        self._incomplete = incomplete
        self._oversized = oversized

    @property
    def paths(self) -> Collection[str]:
        """See ports.PostDoor."""
        return self._paths.keys()

    async def answer(self, post: Post, body: bytes) -> Answer:
        """See ports.PostDoor."""
        return await self._answer(post, lambda headers: self._bodies.hold(headers, body))

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            post = Post(scope["path"], scope["headers"], scope.get("client"))
            await _send(send, await self._answer(post, lambda headers: self._bodies.read(headers, receive)))
        else:
            await self._app(scope, receive, send)

    async def _answer(self, post: Post, read: Read) -> Answer:
        try:
            answer = await self._take(post, read)
            status = HTTPStatus.OK
        except tuple(_STATUSES) as problem:
            status = next(code for kind, code in _STATUSES.items() if isinstance(problem, kind))
            answer = {
                "type": "about:blank",
                "title": status.phrase,
                "status": status.value,
                "detail": str(problem),
                "instance": PATH,
            }
            _log.warning("webhook refused with %s: %s", status.value, problem)
        self._metrics.webhooks[status].inc()
        return Answer(status.value, _HEADERS.get(status, _PROBLEM), _to_json(answer))

    async def _take(self, post: Post, read: Read) -> dict[str, object]:
        caller = self._gate.admit(post.headers, post.client, Scope.WEBHOOK)
        source = self._source_of(post.path, caller)
        body = await self._read(post, read, source)
        try:
            return await self._keep(body, source)
        finally:
            self._bodies.release(body)

    async def _read(self, post: Post, read: Read, source: SourceName) -> bytes:
        try:
            return await read(dict(post.headers))
        except TooLargeError as problem:
            if self._oversized is not None:
                sender = str(post.client[0]) if post.client else "a local socket"
                self._oversized.refused(source, length=problem.length, sender=sender)
            raise

    async def _keep(self, body: bytes, source: SourceName) -> dict[str, object]:
        try:
            webhook = decode(body, source) if len(body) < _LARGE else await asyncio.to_thread(decode, body, source)
            await self._sink.receive(webhook.alerts, body=JournalBody(self._clock.now(), source, body))
        except (BadRequestError, UnfitError) as problem:
            await self._quarantine(body, source, str(problem))
            return {"received": 0, "quarantined": 1, "detail": str(problem)}
        self._note_left_out(webhook.left_out, source)
        return {"received": len(webhook.alerts), "quarantined": 0}

    def _source_of(self, path: str, caller: Principal) -> SourceName:
        """The path names it, or the token does. Raises ForbiddenError where they do not agree."""
        named = self._paths[path]
        if caller.source is None or caller.source == named:
            return named
        if path != PATH:
            raise ForbiddenError(f"the token {caller.name!r} is for the source {caller.source}, not {named}")
        return caller.source

    def _note_left_out(self, count: int, source: SourceName) -> None:
        if count:
            self._incomplete(source)
            self._metrics.left_out.inc(count)
            _log.warning(
                "the list is incomplete: Alertmanager left %d alerts out of a webhook: set max_alerts: 0 there", count
            )

    async def _quarantine(self, body: bytes, source: SourceName, problem: str) -> None:
        now = self._clock.now()
        limits = self._options
        kept = body[: limits.quarantine_body_bytes]
        if len(kept) < len(body):
            problem = f"{problem} (kept: the first {len(kept)} of {len(body)} bytes)"

        def work(transaction: Transaction) -> int:
            transaction.ledger.add({_QUARANTINED: 1})
            return transaction.quarantine.put(
                source=source,
                body=kept,
                problem=problem,
                at=now,
                most_rows=limits.quarantine_rows,
                most_bytes=limits.quarantine_bytes,
            )

        dropped = await self._store.write(work)
        self._metrics.quarantined.inc()
        self._counted({_QUARANTINED: 1})
        self._metrics.dropped.inc(dropped)
        _log.warning("webhook body put in quarantine: %s", problem)


async def _send(send: Send, answer: Answer) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
