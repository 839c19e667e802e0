"""The bounds on connections, on a real server: who sends too much or too slowly, or does not read, is cut off."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from aetherlink.web.connections import ConnectionBounds
from aetherlink.web.server import BoundedServer

SOON = timedelta(seconds=0.2)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
DEADLINE = 5.0


async def app(scope, receive, send) -> None:
    """Reads the whole body unless the path says otherwise, and answers with its length."""
    length = 0
    if scope["path"] == "/early":
        answer = b"early"
    elif scope["path"] == "/long":
        answer = b"a" * 20_000_000
    else:
        while True:
            message = await receive()
            length += len(message.get("body", b""))
            if not message.get("more_body", False):
                break
        answer = str(length).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@dataclass
class Peer:
    """One connection to the server, seen from outside."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    count: Callable[[], int]  # of the connections that the server has

    async def answer(self, request: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the next answer."""
        self.writer.write(request)
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return int(head.split()[1]), await self.reader.readexactly(length)

    async def is_cut_off(self) -> bool:
        """Waits until it is."""
        async with asyncio.timeout(DEADLINE):
            try:
                while await self.reader.read(1 << 16):
                    pass
            except ConnectionError:
                pass
            return True


Connect = Callable[[], Awaitable[Peer]]


@asynccontextmanager
async def served(bounds: ConnectionBounds) -> AsyncIterator[Connect]:
    """The server, and a way to connect to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = BoundedServer(app, grace=timedelta(seconds=1), bounds=bounds)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    peers: list[Peer] = []

    async def connect() -> Peer:
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        peers.append(Peer(reader, writer, lambda: len(server.server_state.connections)))
        return peers[-1]

    try:
        yield connect
    finally:
        for peer in peers:
            peer.writer.transport.abort()
        server.should_exit = True
        await task
        listener.close()


async def test_requests_one_after_the_other_are_served_on_one_connection() -> None:
    async with served(ConnectionBounds(largest_head=1000)) as connect:
        peer = await connect()

        for length in (0, 5, 300_000, 1):
            assert await peer.answer(POST % length + b"a" * length) == (200, str(length).encode())


async def test_a_head_that_is_too_large_is_answered_431() -> None:
    async with served(ConnectionBounds(largest_head=1000)) as connect:
        peer = await connect()

        status, _ = await peer.answer(b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 1000)

        assert status == 431
        assert await peer.is_cut_off()


async def test_a_head_that_grows_bit_by_bit_is_answered_431_as_well() -> None:
    async with served(ConnectionBounds(largest_head=1000)) as connect:
        peer = await connect()
        await peer.answer(GET)
        for piece in (b"GET / HTTP/1.1\r\n", *(b"X-%d: %s\r\n" % (n, b"a" * 90) for n in range(11))):
            peer.writer.write(piece)
            await peer.writer.drain()

        status, _ = await peer.answer()

        assert status == 431


@pytest.mark.parametrize("beginning", [b"", b"GET / HT"], ids=["silence", "half a line"])
async def test_who_does_not_finish_a_head_is_cut_off(beginning: bytes) -> None:
    async with served(ConnectionBounds(longest_head=SOON)) as connect:
        peer = await connect()
        peer.writer.write(beginning)

        assert await peer.is_cut_off()


async def test_who_is_slow_with_a_body_is_not_taken_for_one_slow_with_a_head() -> None:
    async with served(ConnectionBounds(longest_head=SOON)) as connect:
        slow, silent = await connect(), await connect()
        slow.writer.write(POST % 2 + b"a")
        assert await silent.is_cut_off()  # by the sweep that would have cut off the slow one too

        assert await slow.answer(b"b") == (200, b"2")


async def test_beyond_the_most_the_one_goes_that_has_been_sending_for_longest() -> None:
    async with served(ConnectionBounds(most=2)) as connect:
        oldest, other = await connect(), await connect()
        await oldest.answer(GET)
        await other.answer(GET)
        oldest.writer.write(POST % 2 + b"a")

        newest = await connect()

        assert await newest.answer(GET) == (200, b"0")
        assert await oldest.is_cut_off()
        assert await other.answer(GET) == (200, b"0")


async def test_a_request_before_the_answer_to_the_one_before_is_refused() -> None:
    async with served(ConnectionBounds()) as connect:
        peer = await connect()

        status, _ = await peer.answer(GET * 50)

        assert status == 400
        assert await peer.is_cut_off()


async def test_who_does_not_read_an_answer_is_cut_off() -> None:
    async with served(ConnectionBounds(longest_answer=SOON)) as connect:
        peer = await connect()
        await peer.answer(GET)
        peer.writer.write(GET.replace(b"/", b"/long", 1))

        async with asyncio.timeout(DEADLINE):
            while peer.count() > 0:  # noqa: ASYNC110 - it is looked at from outside, and not read meanwhile
                await asyncio.sleep(0.01)

        assert await peer.is_cut_off()


async def test_an_answer_before_the_end_of_the_body_can_be_read_and_the_rest_is_ignored() -> None:
    async with served(ConnectionBounds()) as connect:
        peer = await connect()

        answer = await peer.answer(POST.replace(b"/", b"/early", 1) % 20_000_000 + b"a" * 10_000_000)
        peer.writer.write(b"a" * 10_000_000 + GET)
        await peer.writer.drain()

        assert answer == (200, b"early")


async def test_an_answer_before_the_end_of_the_body_says_that_no_other_request_is_read_after_it() -> None:
    """Else a client that keeps the connection sends its next request there, and waits for nothing."""
    async with served(ConnectionBounds()) as connect:
        early, whole = await connect(), await connect()

        early.writer.write(POST.replace(b"/", b"/early", 1) % 10)
        whole.writer.write(POST.replace(b"/", b"/early", 1) % 10 + b"a" * 10)

        assert b"connection: close" in await early.reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" not in await whole.reader.readuntil(b"\r\n\r\n")


async def test_a_body_without_an_end_is_not_ignored_without_an_end() -> None:
    async with served(ConnectionBounds(most_ignored=1000)) as connect:
        peer = await connect()
        await peer.answer(POST.replace(b"/", b"/early", 1) % 20_000_000)
        peer.writer.write(b"a" * 2000)

        assert await peer.is_cut_off()
