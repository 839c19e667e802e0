"""Whoever writes into an unblocked stream never waits, whatever the reader does."""

import logging
import os
from collections.abc import Iterator

import pytest

from aetherlink.lib.unblocked import UnblockedStream

LINE = "a" * 999 + "\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends: to read, and to write."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)
    os.close(reading)


def read(descriptor: int, length: int) -> str:
    taken = b""
    while len(taken) < length:
        taken += os.read(descriptor, length - len(taken))
    return taken.decode()


def test_what_is_written_arrives_in_its_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    stream = UnblockedStream(writing)
    lines = [f"{number}\n" for number in range(1000)]
    for line in lines:
        stream.write(line)
    stream.drain(10)

    assert read(reading, len("".join(lines))) == "".join(lines)


def test_nobody_reads_and_nobody_waits_and_what_was_dropped_is_told(
    pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    reading, writing = pipe
    stream = UnblockedStream(writing, most=300 * len(LINE))
    for _ in range(500):
        stream.write(LINE)
    with caplog.at_level(logging.WARNING):
        arrived = read(reading, 300 * len(LINE))
        stream.drain(10)  # what is read may be held a moment longer
        stream.write("more\n")
        more = read(reading, len("more\n"))
        stream.drain(10)

    assert (arrived, more) == (LINE * 300, "more\n")
    assert caplog.messages == ["200 lines of this log were dropped: they were not taken in time"]


def test_a_disk_that_is_full_does_no_harm() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    stream = UnblockedStream(descriptor)
    for _ in range(10):
        stream.write(LINE)

    stream.drain(10)
    os.close(descriptor)
