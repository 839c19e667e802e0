"""The head of an answer waits for its body, and never for ever."""

import asyncio

from aetherlink.web.connections import WholeAnswers

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Written:
    """A transport that notes what is written, and that it was closed."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.is_gone = False

    def write(self, data: bytes) -> None:
        if self.is_gone:
            raise RuntimeError("the handler is closed")
        self.calls.append(data)

    def close(self) -> None:
        self.calls.append(b"closed")

    def is_closing(self) -> bool:
        return self.is_gone


def answers(written: Written) -> WholeAnswers:
    return WholeAnswers(written, is_early=lambda: False)  # type: ignore[arg-type]  # as much of a transport as is needed


async def test_head_and_body_are_one_write() -> None:
    written = Written()
    transport = answers(written)
    transport.write(HEAD)
    transport.write(b"ok")
    await asyncio.sleep(0)

    assert written.calls == [HEAD + b"ok"]


async def test_a_head_whose_body_takes_its_time_goes_first() -> None:
    written = Written()
    transport = answers(written)
    transport.write(HEAD)
    await asyncio.sleep(0)
    transport.write(b"o")
    transport.write(b"k")

    assert written.calls == [HEAD, b"o", b"k"]


async def test_what_was_said_before_the_end_is_written() -> None:
    written = Written()
    transport = answers(written)
    transport.write(HEAD)
    transport.close()
    await asyncio.sleep(0)

    assert written.calls == [HEAD, b"closed"]
    assert not transport.is_closing()


async def test_a_head_that_waits_goes_with_its_connection() -> None:
    """The other side may be gone before the body is there; uvloop raises for whoever writes then."""
    written = Written()
    transport = answers(written)
    transport.write(HEAD)
    written.is_gone = True
    transport.close()

    assert written.calls == [b"closed"]
