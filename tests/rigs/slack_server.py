"""A server that answers as Slack's published API does: forms, error words, bounds, Retry-After, metadata, Socket Mode.

It can be made to fail in every way, before or after it has taken a message.
"""

import asyncio
import base64
import hashlib
import json
import ssl
import struct
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

BOT_TOKEN = "xoxb-secret-bot-token"
APP_TOKEN = "xapp-secret-app-token"
CHANNEL = "C0123456789"
BOT = "B0AETHER"
TICKET = "ticket=secret-ticket"
SCOPES = "chat:write,channels:history,groups:history"
PROBLEMS = (
    "429",
    "500",
    "hang",
    "hang after accept",
    "reset",
    "reset after accept",
    "garbage",
    "garbage after accept",
    "huge",
    "drip",
    "redirect",
)
_READS = frozenset({"auth.test", "conversations.history", "conversations.replies"})
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class SlackServer:
    """`start` and `stop` bound its life. `messages` are those that people see in the channel, the oldest first.

    `lapses` are for the next calls, one each, `standing` for all of them while it is set: words as for `script`.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.authorizations: set[str] = set()
        self.ephemerals: list[dict[str, Any]] = []
        self.acks: list[dict[str, Any]] = []
        self.sockets = 0
        self._pings = 0
        self.is_member = True
        self.scopes = SCOPES
        self.page = 1000
        self.retry_after = "2"
        self.answers_pings = True
        self._all: list[dict[str, Any]] = []
        self.lapses: deque[str | tuple[str, str]] = deque()
        self.standing: str | None = None
        self.elsewhere = 0
        self._port = 0
        self._count = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._links: list[asyncio.StreamWriter] = []
        self._acked = asyncio.Event()
        self._linked = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self, tls: ssl.SSLContext | None = None) -> "SlackServer":
        """Listen, on the port of before where it had one."""
        self._scheme = "ws" if tls is None else "wss"
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=tls)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._port}/api"
        return self

    async def stop(self) -> None:
        """End every connection."""
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await self._server.wait_closed()
        await asyncio.sleep(0)

    def script(self, *problems: str, method: str = "") -> None:
        """The next calls (of this method) go so: one of PROBLEMS, a word of Slack's for an error, or `well`."""
        self.lapses.extend((problem, method) for problem in problems)

    def forget(self) -> None:
        """All that was said."""
        self._all.clear()

    @property
    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """Every call so far."""
        return self.calls

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Those of the channel itself, without replies."""
        return [one for one in self._all if "thread_ts" not in one]

    def replies(self, ts: str) -> list[dict[str, Any]]:
        """Those of a thread."""
        return [one for one in self._all if one.get("thread_ts") == ts]

    def said(self, method: str) -> list[dict[str, Any]]:
        """The bodies of the calls of this method."""
        return [body for name, body in self.calls if name == method]

    def delete(self, ts: str) -> None:
        """As a person does it."""
        self._all = [one for one in self._all if one["ts"] != ts]

    def foreign(self, metadata: Mapping[str, Any], bot: str = "B0EVIL") -> dict[str, Any]:
        """A message of another app."""
        return self._keep({"text": "?", "blocks": [], "metadata": metadata}, bot=bot)

    # --- HTTP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._one(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        target = lines[0].split(" ")[1]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        if headers.get("upgrade") == "websocket":
            await self._socket(headers, reader, writer)
            return
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method = urlsplit(target).path.removeprefix("/api/")
        asked = _asked(method, headers, body)
        self.calls.append((method, asked))
        self.authorizations.add(headers.get("authorization", ""))
        await self._answer(writer, method, headers, asked)

    async def _answer(  # noqa: C901 - a table of what can go wrong
        self, writer: asyncio.StreamWriter, method: str, headers: dict[str, str], asked: Any
    ) -> None:
        problem = self._problem(method)
        if problem == "well" or problem.endswith("after accept"):
            answer = self._done(method, headers, asked)
        match problem:
            case "well":
                await _send(writer, 200, json.dumps(answer), {"X-OAuth-Scopes": self.scopes})
            case "429":
                text = json.dumps({"ok": False, "error": "ratelimited"})
                await _send(writer, 429, text, {"Retry-After": self.retry_after})
            case "500":
                await _send(writer, 500, "<html>oh no</html>", {"Content-Type": "text/html"})
            case "hang" | "hang after accept":
                await asyncio.Event().wait()
            case "reset" | "reset after accept":
                _reset(writer)
            case "garbage" | "garbage after accept":
                await _send(writer, 200, '{"ok": tr')
            case "huge":
                await _send(writer, 200, json.dumps({"ok": True, "x": "x" * 5_000_000}))
            case "drip":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            case "redirect":
                await _send(writer, 302, "", {"Location": f"{self.url}/elsewhere"})
            case word:
                await _send(writer, 200, json.dumps({"ok": False, "error": word}))

    def _problem(self, method: str) -> str:
        self.elsewhere += method == "elsewhere"
        if self.lapses:
            problem, wanted = one if isinstance(one := self.lapses[0], tuple) else (one, "")
            if wanted in ("", method):
                self.lapses.popleft()
                return problem
        return self.standing or "well"

    def _done(self, method: str, headers: dict[str, str], asked: Any) -> dict[str, Any]:
        token = headers.get("authorization", "")
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if token != f"Bearer {wanted}":
            return _no("invalid_auth")
        if not isinstance(asked, dict):
            return _no("invalid_arguments")
        made = getattr(self, f"_{method.replace('.', '_')}", None)
        return _no("unknown_method") if made is None else made(asked)

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "team": "Acme", "user": "aether", "user_id": "U0AETHER", "bot_id": BOT}

    def _apps_connections_open(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "url": f"{self._scheme}://127.0.0.1:{self._port}/link/?{TICKET}&app_id=A1"}

    def _chat_postMessage(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        if problem := self._refusal(asked):
            return _no(problem)
        thread = asked.get("thread_ts")
        if thread and not any(one["ts"] == thread for one in self.messages):
            return _no("thread_not_found")
        kept = self._keep(asked)
        return {"ok": True, "channel": CHANNEL, "ts": kept["ts"], "message": kept}

    def _chat_update(self, asked: dict[str, Any]) -> dict[str, Any]:
        if problem := self._refusal(asked):
            return _no(problem)
        for one in self._all:
            if one["ts"] == asked.get("ts"):
                if one["bot_id"] != BOT:
                    return _no("cant_update_message")
                one.update({key: asked[key] for key in ("text", "blocks", "metadata") if key in asked})
                return {"ok": True, "channel": CHANNEL, "ts": one["ts"], "text": one["text"]}
        return _no("message_not_found")

    def _chat_postEphemeral(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        if problem := self._refusal(asked):
            return _no(problem)
        self.ephemerals.append(asked)
        return {"ok": True, "message_ts": self._ts()}

    def _conversations_history(self, asked: dict[str, Any]) -> dict[str, Any]:
        if problem := self._unreadable(asked):
            return _no(problem)
        newest_first = [one for one in reversed(self._all) if "thread_ts" not in one or one["reply_broadcast"]]
        return self._paged(newest_first, asked)

    def _conversations_replies(self, asked: dict[str, Any]) -> dict[str, Any]:
        if problem := self._unreadable(asked):
            return _no(problem)
        found = [one for one in self._all if asked.get("ts") in (one["ts"], one.get("thread_ts"))]
        return self._paged(found, asked) if found else _no("thread_not_found")

    def _paged(self, found: list[dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
        oldest = float(asked.get("oldest", 0))
        found = [one for one in found if float(one["ts"]) >= oldest or "thread_ts" not in one]
        start, size = int(asked.get("cursor") or 0), min(int(asked.get("limit", 100)), self.page)
        page = found[start : start + size]
        if asked.get("include_all_metadata") != "1":
            page = [{key: value for key, value in one.items() if key != "metadata"} for one in page]
        more = start + size < len(found)
        meta = {"next_cursor": str(start + size) if more else ""}
        return {"ok": True, "messages": page, "has_more": more, "response_metadata": meta}

    def _unreadable(self, asked: dict[str, Any]) -> str:
        if "history" not in self.scopes:
            return "missing_scope"
        if asked.get("channel") != CHANNEL:
            return "channel_not_found"
        return "" if self.is_member else "not_in_channel"

    def _refusal(self, asked: dict[str, Any]) -> str:
        if asked.get("channel") != CHANNEL:
            return "channel_not_found"
        if not self.is_member:
            return "not_in_channel"
        if len(asked.get("text", "")) > 40_000:
            return "msg_too_long"
        return check_blocks(asked.get("blocks", []))

    def _keep(self, asked: dict[str, Any], bot: str = BOT) -> dict[str, Any]:
        names = ("text", "blocks", "metadata", "thread_ts")
        kept = {key: asked[key] for key in names if asked.get(key)}
        kept |= {"ts": self._ts(), "type": "message", "bot_id": bot}
        kept["reply_broadcast"] = bool(asked.get("reply_broadcast"))
        self._all.append(kept)
        return kept

    def _ts(self) -> str:
        self._count += 1
        return f"{1_767_268_800 + self._count}.{self._count:06d}"

    # --- Socket Mode

    async def _socket(
        self, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + _GUID).digest())  # noqa: S324 - RFC 6455 asks for it
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.sockets += 1
        self._links.append(writer)
        self._linked.set()
        hello = {"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}
        writer.write(frame(1, json.dumps(hello).encode()))
        try:
            while True:
                await self._frame(reader, writer)
        finally:
            self._links.remove(writer)

    async def _frame(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", await reader.readexactly(2))[0]
        assert second & 0x80, "a client has to mask"
        mask = await reader.readexactly(4)
        data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(await reader.readexactly(size)))
        match first & 0x0F:
            case 1:
                self.acks.append(json.loads(data))
                self._acked.set()
            case 8:
                raise ConnectionResetError
            case 9 if self.answers_pings:
                self._pings += 1
                self._linked.set()
                writer.write(frame(10, data))

    def send(self, message: object) -> None:
        """To every open socket, as text; bytes as they are."""
        data = message if isinstance(message, bytes) else frame(1, json.dumps(message).encode())
        for writer in self._links:
            writer.write(data)

    def drop(self) -> None:
        """Break every socket without a word."""
        for writer in tuple(self._links):
            _reset(writer)

    async def click(self, payload: Mapping[str, Any], envelope: str = "e-1") -> None:
        """Deliver an interaction and wait until it is acknowledged."""
        self._acked.clear()
        self.send(
            {"type": "interactive", "envelope_id": envelope, "payload": payload, "accepts_response_payload": True}
        )
        async with asyncio.timeout(5):
            while not any(one.get("envelope_id") == envelope for one in self.acks):
                await self._acked.wait()
                self._acked.clear()

    async def connected(self, times: int = 1) -> None:
        """Wait until a socket was opened so many times."""
        async with asyncio.timeout(10):
            while self.sockets < times or not self._links:
                self._linked.clear()
                await self._linked.wait()

    async def pinged(self, times: int) -> None:
        """Wait until so many pings were answered."""
        async with asyncio.timeout(10):
            while self._pings < times:
                self._linked.clear()
                await self._linked.wait()


def frame(opcode: int, data: bytes, *, is_last: bool = True) -> bytes:
    """A frame of a server, which does not mask."""
    size = len(data)
    length = (
        bytes([size])
        if size < 126
        else b"\x7e" + struct.pack("!H", size)
        if size < 65536
        else b"\x7f" + struct.pack("!Q", size)
    )
    return bytes([(0x80 if is_last else 0) | opcode]) + length + data


def check_blocks(blocks: list[dict[str, Any]]) -> str:
    """Slack's word for what it does not take; empty where it does."""
    if len(blocks) > 50:
        return "invalid_blocks"
    texts = [text for block in blocks for text in _texts(block)]
    if any(not text or len(text) > most for text, most in texts):
        return "invalid_blocks"
    return "msg_blocks_too_long" if sum(len(text) for text, _ in texts) > 13_200 else ""


def _texts(block: dict[str, Any]) -> list[tuple[str, int]]:
    """Each text of the block with Slack's bound for it."""
    kind, text = block["type"], block.get("text", {}).get("text")
    found = [] if text is None else [(text, 150 if kind == "header" else 3000)]
    found += [(one["text"], 2000) for one in block.get("fields", [])[:10]]
    found += [("", 0)] * max(len(block.get("fields", [])) - 10, 0)
    for one in block.get("elements", []):
        if one["type"] == "button":
            found += [(one["text"]["text"], 75), (one["value"], 2000)]
            confirm = one.get("confirm", {})
            found += [(confirm[key]["text"], most) for key, most in (("title", 100), ("text", 300)) if key in confirm]
        else:
            found.append((one["text"], 3000))
    return found


def _asked(method: str, headers: dict[str, str], body: bytes) -> Any:
    """Slack reads JSON for what changes something, and forms only for what reads."""
    if headers.get("content-type", "").startswith("application/json"):
        return None if method in _READS else json.loads(body)
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def _no(word: str) -> dict[str, Any]:
    return {"ok": False, "error": word}


def _reset(writer: asyncio.StreamWriter) -> None:
    made = writer.get_extra_info("socket")
    made.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER with 0 seconds: RST in place of FIN
    writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
    body = text.encode()
    lines = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)
    await writer.drain()
