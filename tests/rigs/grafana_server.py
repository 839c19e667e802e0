"""A Grafana by its HTTP API, as far as annotations go: organisation, permissions, dashboards, annotations.

It answers as the published API of 8 to 12 does, and as its source says of tags: ids that count, AND over tags that are
pairs of key and value, ends before beginnings swapped, 401, 403 and 404 in its own words. What is to go wrong is put in
line before: see Trouble.
"""

import asyncio
import base64
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from rigs.accepted import Accepting

TOKEN = "glsa_ThisIsTheTokenOfAServiceAccount_4f9c1d2e"
USER, PASSWORD = "admin", "correct horse: battery"
VIEWER = frozenset({"orgs:read", "annotations:read", "dashboards:read"})
EDITOR = VIEWER | {"annotations:create", "annotations:write", "annotations:delete"}
MOST_TAG_BYTES = 500
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_NEEDS = {"GET": "read", "POST": "create", "PATCH": "write", "PUT": "write", "DELETE": "delete"}


class Trouble(StrEnum):
    """What becomes of a request. Those that end in `after` do what was asked before."""

    TOO_MANY = "429 with Retry-After, and nothing is done"
    SERVER_ERROR = "500, and nothing is done"
    SERVER_ERROR_AFTER = "500 after it was done"
    HANG = "it is never answered, nor done"
    HANG_AFTER = "it is done and never answered"
    LATE = "it is never answered, and done once `late` is called"
    RESET = "the connection is reset before anything is done"
    RESET_AFTER = "it is done, and the connection is reset"
    REFUSED = "400, and nothing is done"
    NO_JSON = "it is done, and answered 200 with a page for people"


_DONE_ALL_THE_SAME = frozenset({Trouble.SERVER_ERROR_AFTER, Trouble.HANG_AFTER, Trouble.RESET_AFTER, Trouble.NO_JSON})


@dataclass(frozen=True)
class Heard:
    """A request as it arrived; `body` is its JSON, None where there was none."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: Any


@dataclass
class GrafanaServer(Accepting):
    """`annotations` are those that anybody sees, by id. `dashboards` are ids by uid.

    `rights` are those of every account, those to annotations with their `scope`.

    `knows_uids` False is Grafana 8: annotations have no dashboardUID, and nobody tells what an account may do.
    """

    port: int = 0
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[str, int] = field(default_factory=lambda: {"aether-crm": 7, "aether-agent": 8})
    rights: frozenset[str] = EDITOR
    scope: str = "annotations:*"
    knows_uids: bool = True
    retry_after: int = 2
    heard: list[Heard] = field(default_factory=list)
    _troubles: deque[tuple[Trouble, frozenset[str]]] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _held: list[Heard] = field(default_factory=list)
    _last_id: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spoil(self, *troubles: Trouble, methods: Iterable[str] = _WRITES) -> None:
        """What becomes of the next requests about annotations by these methods, one after another."""
        self._troubles.extend((trouble, frozenset(methods)) for trouble in troubles)

    def late(self) -> None:
        """Do now what was held back."""
        for heard in self._held:
            self._annotations(heard)
        self._held.clear()

    def tagged(self, *tags: str) -> list[dict[str, Any]]:
        """The annotations that have all of these tags, the oldest first, as they are now."""
        return [dict(one) for one in self.annotations.values() if set(tags) <= set(one["tags"])]

    def asked(self, method: str, path: str = "/api/annotations") -> list[Heard]:
        """What was asked by this method, below this path."""
        return [one for one in self.heard if one.method == method and one.path.startswith(path)]

    async def until(self, method: str) -> None:
        """Wait until a request by this method has arrived."""
        while not self.asked(method):
            self._news.clear()
            await self._news.wait()

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                heard = await _request(reader)
                self.heard.append(heard)
                self._news.set()
                trouble = self._trouble_for(heard)
                if trouble is not None:
                    await self._spoiled(trouble, heard, writer)
                    return
                await _answer(writer, *self.answer_to(heard))

    def _trouble_for(self, heard: Heard) -> Trouble | None:
        if not self._troubles or not heard.path.startswith("/api/annotations"):
            return None
        trouble, methods = self._troubles[0]
        if heard.method not in methods:
            return None
        self._troubles.popleft()
        return trouble

    async def _spoiled(self, trouble: Trouble, heard: Heard, writer: asyncio.StreamWriter) -> None:
        if trouble in _DONE_ALL_THE_SAME:
            self.answer_to(heard)
        match trouble:
            case Trouble.TOO_MANY:
                await _answer(writer, 429, {"message": "Too many requests"}, f"Retry-After: {self.retry_after}\r\n")
            case Trouble.SERVER_ERROR | Trouble.SERVER_ERROR_AFTER:
                await _answer(writer, 500, {"message": "Failed to save annotation", "traceID": ""})
            case Trouble.REFUSED:
                await _answer(writer, 400, {"message": "Failed to save annotation", "traceID": ""})
            case Trouble.HANG | Trouble.HANG_AFTER:
                await asyncio.Event().wait()
            case Trouble.LATE:
                self._held.append(heard)
                await asyncio.Event().wait()
            case Trouble.RESET | Trouble.RESET_AFTER:
                writer.transport.abort()
            case Trouble.NO_JSON:
                await _answer(writer, 200, "<html>Sign in</html>")

    def answer_to(self, heard: Heard) -> tuple[int, Any]:
        """The status and the JSON that Grafana answers with."""
        if heard.path == "/api/health":
            return 200, {"commit": "x", "database": "ok", "version": "11.6.0" if self.knows_uids else "8.2.7"}
        if (refused := _refusal(heard.headers.get("authorization", ""))) is not None:
            return 401, {"message": refused, "messageId": "x", "statusCode": 401, "traceID": ""}
        routes: Mapping[str, Callable[[Heard], tuple[int, Any]]] = {
            "/api/org": self._org,
            "/api/access-control/": self._permissions,
            "/api/dashboards/uid/": self._dashboard,
            "/api/annotations": self._annotations,
        }
        found = (answered for start, answered in routes.items() if heard.path.startswith(start))
        return next(found, _absent)(heard)

    def _permissions(self, heard: Heard) -> tuple[int, Any]:
        if not self.knows_uids:
            return _absent(heard)
        return 200, {right: [self.scope] if right.startswith("annotations") else [] for right in self.rights}

    def _org(self, heard: Heard) -> tuple[int, Any]:
        if "orgs:read" not in self.rights:
            return _forbidden("orgs:read")
        number = int(heard.headers.get("x-grafana-org-id", 1))
        return 200, {"id": number, "name": "Main Org." if number == 1 else f"Org {number}", "address": {}}

    def _dashboard(self, heard: Heard) -> tuple[int, Any]:
        if "dashboards:read" not in self.rights:
            return _forbidden("dashboards:read")
        uid = unquote(heard.path.rpartition("/")[2])
        if uid not in self.dashboards:
            return 404, {"message": "Dashboard not found"}
        return 200, {"dashboard": {"id": self.dashboards[uid], "uid": uid, "title": uid}, "meta": {"slug": uid}}

    def _annotations(self, heard: Heard) -> tuple[int, Any]:
        right = f"annotations:{_NEEDS[heard.method]}"
        if right not in self.rights:
            return _forbidden(right)
        if heard.path == "/api/annotations":
            return self._created(heard.body) if heard.method == "POST" else (200, self._found(heard.query))
        number = int(heard.path.rpartition("/")[2])
        if number not in self.annotations:
            return 404, {"message": "Annotation not found", "traceID": ""}
        if heard.method == "DELETE":
            del self.annotations[number]
            return 200, {"message": "Annotation deleted"}
        return self._patched(self.annotations[number], heard.body)

    def _created(self, body: Any) -> tuple[int, Any]:
        if not isinstance(body, dict) or not body.get("text"):
            return 400, {"message": "Failed to save annotation", "traceID": ""}
        tags = _pairs(body.get("tags", ()))
        if _tags_bytes(tags) > MOST_TAG_BYTES:
            return 400, {"message": "tags length exceeds the maximum allowed"}
        self._last_id += 1
        dashboard = body.get("dashboardId", 0)
        uid = body.get("dashboardUID") if self.knows_uids else None
        began, ended = _in_order(body["time"], body.get("timeEnd", body["time"]))
        self.annotations[self._last_id] = {
            "id": self._last_id,
            "alertId": 0,
            "dashboardId": self.dashboards.get(uid, 0) if uid else dashboard,
            **({"dashboardUID": uid} if uid else {}),
            "panelId": body.get("panelId", 0),
            "time": began,
            "timeEnd": ended,
            "text": body["text"],
            "tags": tags,
            "data": {},
        }
        return 200, {"message": "Annotation added", "id": self._last_id}

    def _patched(self, stored: dict[str, Any], body: Any) -> tuple[int, Any]:
        stored["time"], stored["timeEnd"] = _in_order(
            body.get("time") or stored["time"], body.get("timeEnd") or stored["timeEnd"]
        )
        stored["text"] = body.get("text") or stored["text"]
        if body.get("tags") is not None:
            stored["tags"] = _pairs(body["tags"])
        return 200, {"message": "Annotation patched"}

    def _found(self, query: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
        wanted = _pairs(query.get("tags", ()))
        limit = int(query.get("limit", ["100"])[0])
        uid = query.get("dashboardUID", [""])[0] if self.knows_uids else ""
        found = [
            one
            for one in self.annotations.values()
            if all(_has(one["tags"], tag) for tag in wanted) and (not uid or one.get("dashboardUID") == uid)
        ]
        return sorted(found, key=lambda one: (one["timeEnd"], one["time"]), reverse=True)[:limit]


def _has(tags: Sequence[str], wanted: str) -> bool:
    """A tag without a value stands for its key with any value."""
    return wanted in tags if ":" in wanted else any(tag.partition(":")[0] == wanted for tag in tags)


def _pairs(tags: Sequence[str]) -> list[str]:
    """As Grafana keeps them: key and value without the space around them, each pair once."""
    cleaned = (":".join(part.strip() for part in tag.split(":", 1)) for tag in tags)
    return list(dict.fromkeys(tag for tag in cleaned if tag))


def _tags_bytes(tags: Sequence[str]) -> int:
    return 2 + sum(len(tag.encode()) + 3 for tag in tags) - bool(tags)


def _in_order(began: int, ended: int) -> tuple[int, int]:
    return (began, ended) if ended >= began else (ended, began)


def _absent(_: Heard) -> tuple[int, Any]:
    return 404, {"message": "Not found"}


def _forbidden(right: str) -> tuple[int, Any]:
    words = f"You'll need additional permissions to perform this action. Permissions needed: {right}"
    return 403, {"accessErrorId": "ACE0000000001", "message": words, "title": "Access denied"}


def _refusal(authorization: str) -> str | None:
    kind, _, secret = authorization.partition(" ")
    if kind == "Bearer":
        return None if secret == TOKEN else "Invalid API key"
    if kind == "Basic":
        is_right = base64.b64decode(secret).decode() == f"{USER}:{PASSWORD}"
        return None if is_right else "Invalid username or password"
    return "Unauthorized"


async def _request(reader: asyncio.StreamReader) -> Heard:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Heard(method, parts.path, parse_qs(parts.query), headers, json.loads(body) if body else None)


async def _answer(writer: asyncio.StreamWriter, status: int, body: Any, more: str = "") -> None:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} So\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n{more}"
    writer.write(head.encode() + b"\r\n" + content)
    await writer.drain()


@contextlib.asynccontextmanager
async def grafana_server() -> AsyncIterator[GrafanaServer]:
    """One that listens until the block ends."""
    server = GrafanaServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
