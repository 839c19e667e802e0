"""Lines of a descriptor: whole, in order, bounded, until their end."""

import asyncio
import os
import threading

import pytest

from aetherlink.mcp.lines import Lines


def read(written: bytes, *, longest: int = 1000) -> list[str]:
    out, into = os.pipe()

    def write() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(written)

    async def lines() -> list[str]:
        return [line async for line in Lines(out, longest=longest)]

    writer = threading.Thread(target=write)
    writer.start()
    try:
        return asyncio.run(lines())
    finally:
        writer.join()
        os.close(out)


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (b"", []),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\n\nwithout an end", ["one", "", "without an end"]),
        (b"\xff\xc3\xa9\r\n", ["\ufffd\u00e9\r"]),
        (b"x" * 200_000 + b"\nafter\n", ["after"]),
        (b"x" * 500_000, []),
        (b"before\n" + b"x" * 200_000 + b"\n" + b"y" * 200_000 + b"\nafter", ["before", "after"]),
    ],
)
def test_lines_are(written: bytes, lines: list[str]) -> None:
    assert read(written) == lines


def test_a_descriptor_that_is_closed_has_come_to_its_end() -> None:
    nobodys = 1_000_000  # more than a process may have

    async def lines() -> list[str]:
        return [line async for line in Lines(nobodys)]

    assert asyncio.run(lines()) == []
