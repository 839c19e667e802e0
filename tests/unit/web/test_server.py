"""POSTs for a door of their own, on real sockets: whole ones past the app, everything else through it as ever."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from aetherlink.ports import Answer, Post
from aetherlink.web.server import BoundedServer
from rigs.patience import eventually

DEADLINE = 10
HEAD = b"POST /door HTTP/1.1\r\nhost: a\r\nX-Who: me\r\ncontent-length: 4\r\n"
CHUNKED = b"POST /door HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"\r\nbody"


@dataclass
class App:
    """Answers with the body, and its own name."""

    calls: int = 0

    async def __call__(self, _scope, receive, send) -> None:
        self.calls += 1
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        answer = b"app: " + body
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@dataclass
class Door:
    """Answers with the body and its own name, once it may."""

    paths: frozenset[str] = frozenset({"/door"})
    posts: list[Post] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    size: int = 0  # of the answers, beside their words

    async def answer(self, post: Post, body: bytes) -> Answer:
        self.posts.append(post)
        await self.opened.wait()
        if body == b"evil":
            raise LookupError("a bug")
        return Answer(202, [(b"x-by", b"door")], b"door: " + body + b" " * self.size)


@dataclass
class Peer:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self, *pieces: bytes) -> tuple[bytes, bytes]:
        """Head and body of the answer to a request that is sent in these pieces."""
        for piece in pieces:
            self.writer.write(piece)
            await asyncio.sleep(0.05 if len(pieces) > 1 else 0)
        async with asyncio.timeout(DEADLINE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            return head, await self.reader.readexactly(length)

    async def is_closed(self) -> bool:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read() == b""


@dataclass
class Served:
    server: BoundedServer
    app: App
    door: Door
    address: tuple[str, int]
    peers: list[Peer] = field(default_factory=list)

    async def connect(self) -> Peer:
        self.peers.append(Peer(*await asyncio.open_connection(*self.address)))
        return self.peers[-1]


@asynccontextmanager
async def serving(grace: timedelta = timedelta(seconds=5)) -> AsyncIterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    app, door = App(), Door()
    door.opened.set()
    server = BoundedServer(app, door=door, grace=grace)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    served = Served(server, app, door, listener.getsockname())
    try:
        yield served
    finally:
        for peer in served.peers:
            peer.writer.transport.abort()
        server.should_exit = True
        door.opened.set()
        await task
        listener.close()


async def test_a_whole_post_is_the_doors_and_so_is_the_next_one_on_that_connection() -> None:
    async with serving() as served:
        peer = await served.connect()

        for _ in range(2):
            head, body = await peer.answer(WHOLE)
            assert body == b"door: body"
            assert head.startswith(b"http/1.1 202 accepted\r\n")
            assert b"x-by: door\r\n" in head
            assert b"date: " in head
            assert b"connection" not in head
        assert (await peer.answer(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"))[1] == b"app: "

        first = served.door.posts[0]
        assert (first.path, first.client) == ("/door", peer.writer.get_extra_info("sockname"))
        assert list(first.headers) == [(b"host", b"a"), (b"x-who", b"me"), (b"content-length", b"4")]


async def test_a_chunked_post_in_one_piece_is_the_doors_as_well() -> None:
    async with serving() as served:
        peer = await served.connect()

        assert (await peer.answer(CHUNKED + b"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"))[1] == b"door: body"


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        pytest.param([HEAD + b"\r\n", b"body"], b"app: body", id="what comes in pieces: head, body"),
        pytest.param([HEAD + b"\r\nbo", b"dy"], b"app: body", id="what comes in pieces: half a body"),
        pytest.param([HEAD[:30], HEAD[30:] + b"\r\nbody"], b"door: body", id="but the head may"),
        pytest.param([WHOLE.replace(b"POST", b"PUT")], b"app: body", id="another method"),
        pytest.param([WHOLE.replace(b"/door", b"/other")], b"app: body", id="another path"),
        pytest.param([WHOLE.replace(b"/door", b"/door?x=1")], b"app: body", id="a query"),
        pytest.param([HEAD + b"Expect: 100-continue\r\n\r\nbody"], b"app: body", id="who wants to be asked first"),
    ],
)
async def test_everything_else_is_the_apps(pieces: list[bytes], body: bytes) -> None:
    async with serving() as served:
        peer = await served.connect()
        peer.writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if b"Expect" in pieces[0]:
            peer.writer.write(pieces[0])
            await peer.reader.readuntil(b"100 Continue\r\n\r\n")
            pieces = []

        assert (await peer.answer(*pieces))[1] == body
        assert (await peer.answer(WHOLE))[1] == b"door: body"


async def test_a_body_that_breaks_the_rules_is_nobodys() -> None:
    async with serving() as served:
        peer = await served.connect()
        peer.writer.write(
            b"POST /door HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbo\r\nno length\r\n"
        )

        async with asyncio.timeout(DEADLINE):
            answer = await peer.reader.read()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request")
        assert answer.count(b"HTTP/1.1") == 1
        assert (served.app.calls, served.door.posts) == (0, [])


@pytest.mark.parametrize("path", [b"/door", b"/other"])
async def test_a_body_of_a_request_for_another_protocol_never_becomes_a_request(path: bytes) -> None:
    async with serving() as served:
        peer = await served.connect()
        length = str(len(WHOLE)).encode()
        wish = b"connection: Upgrade\r\nupgrade: h2c\r\ncontent-length: " + length + b"\r\n\r\n"

        peer.writer.write(b"POST " + path + b" HTTP/1.1\r\nhost: a\r\n" + wish)
        await asyncio.sleep(0.05)
        peer.writer.write(WHOLE)

        async with asyncio.timeout(DEADLINE):
            answer = await peer.reader.read()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request")
        assert (served.app.calls, served.door.posts) == (0, [])


async def test_what_follows_a_body_is_no_header() -> None:
    async with serving() as served:
        peer = await served.connect()

        await peer.answer(CHUNKED + b"4\r\nbody\r\n0\r\nauthorization: Bearer x\r\n\r\n")

        assert [name for name, _ in served.door.posts[0].headers] == [b"host", b"transfer-encoding"]


async def test_who_is_told_to_go_on_is_not_told_that_the_connection_ends() -> None:
    async with serving() as served:
        peer = await served.connect()
        peer.writer.write(HEAD + b"Expect: 100-continue\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"

        head, body = await peer.answer(b"body")

        assert (b"connection: close" in head, body) == (False, b"app: body")


async def test_who_reads_no_answer_gets_no_more_of_them() -> None:
    async with serving() as served:
        served.door.size = 1_000_000
        peer = await served.connect()
        peer.reader._transport.pause_reading()
        [connection] = await connections(served)

        sent = 0

        def send() -> bool:
            nonlocal sent
            if not connection._is_busy and len(served.door.posts) == sent:  # one at a time: two at once are cut off
                peer.writer.write(WHOLE)
                sent += 1
            return connection.flow.write_paused and connection._is_busy

        await eventually(send, seconds=DEADLINE)
        await asyncio.sleep(0.1)

        asked = len(served.door.posts)
        assert connection._is_busy
        assert connection._plain.get_write_buffer_size() < 64 * 1024 + 2 * served.door.size
        peer.reader._transport.resume_reading()
        async with asyncio.timeout(DEADLINE):
            while connection._is_busy:  # a reader that nobody reads from stops reading by itself
                await peer.reader.read(1_000_000)
        assert len(served.door.posts) == asked


async def test_at_the_end_of_the_grace_who_is_still_at_the_door_is_cut_off() -> None:
    async with serving(grace=timedelta(seconds=1)) as served:
        served.door.opened.clear()
        peer = await served.connect()
        peer.writer.write(WHOLE)
        await eventually(lambda: len(served.door.posts) == 1)

        served.server.should_exit = True

        with suppress(ConnectionError):
            assert await peer.is_closed()


async def connections(served: Served) -> list:
    await eventually(lambda: len(served.server.server_state.connections) == 1)
    return list(served.server.server_state.connections)


async def test_a_bug_at_the_door_is_a_500_that_tells_nothing_and_the_connection_goes_on() -> None:
    async with serving() as served:
        peer = await served.connect()

        head, body = await peer.answer(WHOLE.replace(b"body", b"evil"))

        assert (head.split()[1], body) == (b"500", b"Internal Server Error")
        assert (await peer.answer(WHOLE))[1] == b"door: body"


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_who_wants_the_connection_closed_has_it_closed(version: bytes) -> None:
    async with serving() as served:
        peer = await served.connect()

        head, _ = await peer.answer(HEAD.replace(b"1.1", version) + b"Connection: close\r\n\r\nbody")

        assert b"connection: close" in head
        assert await peer.is_closed()


async def test_a_second_post_before_the_answer_to_the_first_is_refused() -> None:
    async with serving() as served:
        served.door.opened.clear()
        peer = await served.connect()
        peer.writer.write(WHOLE)
        await eventually(lambda: len(served.door.posts) == 1)

        peer.writer.write(WHOLE)

        async with asyncio.timeout(DEADLINE):
            assert b"400 Bad Request" in await peer.reader.readuntil(b"\r\n\r\n")
        served.door.opened.set()
        assert len(served.door.posts) == 1


async def test_who_goes_away_before_the_answer_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as served:
        served.door.opened.clear()
        peer = await served.connect()
        peer.writer.write(WHOLE)
        await eventually(lambda: len(served.door.posts) == 1)
        peer.writer.transport.abort()
        await eventually(lambda: not served.server.server_state.connections)

        served.door.opened.set()

        await eventually(lambda: not served.server.server_state.tasks)
    assert not caplog.records


async def test_at_the_end_of_the_server_who_is_at_the_door_has_his_answer_first() -> None:
    async with serving() as served:
        served.door.opened.clear()
        peer, idle = await served.connect(), await served.connect()
        await idle.answer(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        peer.writer.write(WHOLE)
        await eventually(lambda: len(served.door.posts) == 1)

        served.server.should_exit = True
        assert await idle.is_closed()
        served.door.opened.set()

        head, body = await peer.answer()
        assert (b"connection: close" in head, body) == (True, b"door: body")
        assert await peer.is_closed()
