"""One caller, one request: read, matched, checked, passed on, answered. What is refused is logged in one line."""

import asyncio
import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aetherlink.errors import (
    AetherError,
    BadRequestError,
    ConflictError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    OverloadedError,
    RejectedError,
)
from aetherlink.lib.logs import one_line
from aetherlink.socketproxy import rights
from aetherlink.socketproxy.daemon import Answer, Daemon
from aetherlink.socketproxy.http_request import Request, read_request
from aetherlink.socketproxy.making import Making, grace_of
from aetherlink.socketproxy.rights import Call, Kind

_CALLER_SECONDS = 10.0
_EVENTS_SECONDS = 3600.0
_EVENTS_BYTES = 64 * 1024 * 1024
_STREAMS_SHARE = 4  # of the places one in so many may be an endless stream's
_LINGER_SECONDS, _LINGER_BYTES = 1.0, 256 * 1024
_SAID_MAX = 300
_STATUS: tuple[tuple[type[AetherError], HTTPStatus], ...] = (
    (BadRequestError, HTTPStatus.BAD_REQUEST),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (DeadlineError, HTTPStatus.GATEWAY_TIMEOUT),
    (OverloadedError, HTTPStatus.SERVICE_UNAVAILABLE),
)

_log = logging.getLogger("aetherlink.socketproxy")


class Door:
    """Hears `connections` callers at a time. `seconds` is what the daemon has for an answer."""

    def __init__(self, daemon: Daemon, making: Making, *, connections: int, seconds: float) -> None:
        self._daemon = daemon
        self._making = making
        self._free = connections
        self._free_streams = max(connections // _STREAMS_SHARE, 1)
        self._seconds = seconds
        self._serving: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Break off what is being served."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        task = asyncio.create_task(self._hear(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._free == 0:
                await _answer(writer, _problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many callers: try again"))
                return
            self._free -= 1
            try:
                await self._serve(reader, writer)
            finally:
                self._free += 1
        except (OSError, asyncio.IncompleteReadError):  # TimeoutError is one: the caller is gone, or as good as gone
            writer.transport.abort()
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said, call = "a request that cannot be read", None
        try:
            async with asyncio.timeout(_CALLER_SECONDS):
                request = await read_request(reader)
            if request is None:
                return
            said = f"{request.method} {request.target}"
            call = rights.match(request)
            if call.kind is Kind.EVENTS:
                await self._stream_until_left(call, request, reader, writer)
                return
            answer = await self._carried_out(call)
        except AetherError as problem:
            answer = _refusal(problem)
            is_refused = isinstance(problem, BadRequestError | ForbiddenError)
            word = "refused" if is_refused else "not done"
            # The agent asks for releases at every look, of what is not opted in as well.
            is_usual = isinstance(problem, ForbiddenError) and call is not None and call.kind is Kind.RELEASES
            level = logging.DEBUG if is_usual else logging.WARNING
            _log.log(level, "%s: %s: %s", word, _bounded(said), _bounded(str(problem)))
        except OSError:
            raise
        except Exception as problem:  # noqa: BLE001 - the named boundary of a call: an answer that nobody foresaw
            _log.error("failed: %s", _bounded(said), exc_info=True)
            answer = _problem(HTTPStatus.BAD_GATEWAY, f"{type(problem).__name__}: see the proxy's log")
        await _answer(writer, answer)
        await _linger(reader, writer)

    async def _carried_out(self, call: Call) -> Answer:
        match call.kind:
            case Kind.READ:
                return await self._daemon.ask("GET", call.target(), seconds=self._seconds)
            case Kind.INSPECT:
                return _without_environment(await self._daemon.ask("GET", call.target(), seconds=self._seconds))
            case Kind.CHANGE:
                return await self._change(call)
            case Kind.RELEASES:
                return _json(HTTPStatus.OK, await self._making.releases(call.parts["name"]))
        made = await self._make(call)
        _log.info("%s: %s", call.target(), json.dumps(made))
        return _json(HTTPStatus.CREATED, made)

    async def _change(self, call: Call) -> Answer:
        """By the full id of what was looked at: a name may mean another container a moment later."""
        container = await self._making.changeable(call.parts["name"])
        target = call.target(f"/containers/{container['Id']}/{call.verb}")
        seconds = self._seconds
        if call.verb in {"restart", "stop"}:
            asked = call.query.get("t")
            seconds += grace_of(container, None if asked is None else int(asked))
        answer = await self._daemon.ask("POST", target, call.body or None, seconds=seconds)
        _log.info("%s of %s: %d", target, _bounded(str(container["Name"])), answer.status)
        return answer

    async def _make(self, call: Call) -> Mapping[str, object]:
        if call.kind is Kind.REPLACE:
            image, grace = call.body.get("image"), call.query.get("t")
            return await self._making.replace(
                call.parts["name"], None if image is None else str(image), None if grace is None else int(grace)
            )
        add, seen = (call.body.get(name) for name in ("add", "seen"))
        assert isinstance(add, int)  # noqa: S101 - the table lets nothing else through
        return await self._making.add_replicas(
            call.parts["project"], call.parts["service"], add, seen if isinstance(seen, int) else None
        )

    async def _stream_until_left(
        self, call: Call, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """A caller who left a quiet stream would otherwise hold its place until something happens."""
        is_endless = "until" not in call.query
        if is_endless and self._free_streams == 0:
            raise OverloadedError("too many streams of events: try again")
        self._free_streams -= is_endless
        streaming = asyncio.create_task(self._stream(call, request, writer))
        leaving = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({streaming, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if streaming.done():
                streaming.result()
        finally:
            self._free_streams += is_endless
            streaming.cancel()
            leaving.cancel()
            await asyncio.gather(streaming, leaving, return_exceptions=True)

    async def _stream(self, call: Call, request: Request, writer: asyncio.StreamWriter) -> None:
        """Events as they come, of containers only, until a bound is reached: who wants more asks again."""
        filters = json.loads(call.query.get("filters", "{}")) | {"type": ["container"]}
        query = {**call.query, "filters": json.dumps(filters)}
        target = Call(call.kind, call.version, call.path, call.parts, query, {}).target()
        sent = 0
        try:
            async with asyncio.timeout(_EVENTS_SECONDS), self._daemon.stream(target) as pieces:
                async for piece in pieces:
                    if sent == 0:
                        writer.write(_head(piece, chunked=request.is_newer))
                    sent += len(piece.body) + 1
                    writer.write(_chunk(piece.body) if request.is_newer else piece.body)
                    async with asyncio.timeout(_CALLER_SECONDS):
                        await writer.drain()
                    if sent > _EVENTS_BYTES:
                        break
        except TimeoutError:
            if sent == 0:
                raise DeadlineError("the daemon did not answer") from None
        except AetherError:
            if sent == 0:
                raise
            writer.transport.abort()  # ended well, it would say that nothing more has happened
            return
        writer.write(b"0\r\n\r\n" if request.is_newer else b"")
        await _drained(writer)


def _without_environment(answer: Answer) -> Answer:
    """The inspected container or image without its variables."""
    if answer.status != HTTPStatus.OK:
        return answer
    found = answer.json()
    for key in ("Config", "ContainerConfig"):
        if isinstance(config := found.get(key), dict) and config.get("Env"):
            config["Env"] = []
    return _json(answer.status, found)


def _refusal(problem: AetherError) -> Answer:
    if isinstance(problem, RejectedError):
        return _problem(problem.status, str(problem))
    status = next((status for kind, status in _STATUS if isinstance(problem, kind)), HTTPStatus.BAD_GATEWAY)
    return _problem(status, str(problem))


def _problem(status: int, message: str) -> Answer:
    """In the daemon's own form, so that its clients show the message."""
    return _json(status, {"message": f"aether socket-proxy: {message}"})


def _json(status: int, content: Any) -> Answer:
    return Answer(status, json.dumps(content).encode())


def _head(answer: Answer, *, length: int | None = None, chunked: bool = False) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_phrase(answer.status)}", f"Content-Type: {answer.content_type}"]
    lines += [f"{name}: {value}" for name, value in answer.versions.items()]
    lines += [] if length is None else [f"Content-Length: {length}"]
    lines += ["Transfer-Encoding: chunked"] if chunked else []
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("ascii")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


async def _answer(writer: asyncio.StreamWriter, answer: Answer) -> None:
    is_empty = answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
    writer.write(_head(answer, length=None if is_empty else len(answer.body)))
    writer.write(b"" if is_empty else answer.body)
    await _drained(writer)


async def _drained(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(_CALLER_SECONDS):
        await writer.drain()


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what a caller still sends, within bounds: closed at once, the connection would lose the answer as well."""
    if writer.can_write_eof():
        writer.write_eof()
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0 and (data := await reader.read(left)):
                left -= len(data)
    except TimeoutError:
        pass  # it has had its time


def _bounded(text: str) -> str:
    return one_line(text[:_SAID_MAX])
