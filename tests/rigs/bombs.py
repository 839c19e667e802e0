"""Senders that want to use the agent up, as a process of their own: `python bombs.py NAME PORT SENDERS`.

Each begins again when it is cut off. They run beside the test, so that their own labour slows nobody whom it measures.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count

HEAD = b"POST /alertmanager HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ANNOUNCED = HEAD + b"Content-Length: %d\r\n\r\n"
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
DRIP = 0.05  # seconds between two pieces of a slow sender
PAUSE = 0.2  # seconds until one that was cut off comes again
LIMIT = 32 * 1024 * 1024

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """A connection that never says anything."""
    await reader.read()


async def slow_head(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A head that never ends, byte by byte."""
    await _write(writer, HEAD + b"X-Slow: ")
    while True:
        await _write(writer, b"a")
        await asyncio.sleep(DRIP)


async def endless_head(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A head that never ends, as fast as it is taken."""
    await _write(writer, HEAD)
    for number in count():
        await _write(writer, b"X-%d: %s\r\n" % (number, b"a" * 8000))


async def slow_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body that never ends, byte by byte."""
    await _write(writer, ANNOUNCED % LIMIT)
    while True:
        await _write(writer, b" ")
        await asyncio.sleep(DRIP)


async def endless_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body that never ends, as fast as it is taken."""
    await _write(writer, CHUNKED)
    while True:
        await _write(writer, CHUNK)


async def almost_too_large(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body of the largest size that lacks its last byte."""
    await _write(writer, ANNOUNCED % LIMIT)
    await _write(writer, b" " * (LIMIT - 1))
    await asyncio.Event().wait()


async def too_large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body of one byte more than is allowed."""
    await _post(reader, writer, b" " * (LIMIT + 1))


async def unread_answers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Questions with long answers that nobody reads."""
    while True:
        await _write(writer, b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100)


def deep(levels: int) -> Attack:
    """JSON that is nested far too deeply, at every place of a webhook."""
    nested = "[" * levels + "]" * levels
    alert = '{"status":"firing","labels":{"alertname":"Deep"},"startsAt":"2026-01-01T12:00:00Z"'
    bodies = (
        nested,
        f'{{"alerts":{nested}}}',
        f'{{"unknown":{nested},"alerts":[]}}',
        f'{{"alerts":[{alert},"a":{nested}}}]}}',
    )

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in bodies:
            await _post(reader, writer, body.encode())

    return attack


def many_labels(labels: int) -> Attack:
    """Labels whose names, values and alert names are all different, so many a POST, and new ones in each."""
    numbers = count()

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _post(reader, writer, _label_bomb(next(numbers), labels))

    return attack


def big_group(alerts: int) -> Attack:
    """One webhook with very many alerts, new ones each time."""
    numbers = count()

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _post(reader, writer, _group(next(numbers), alerts))

    return attack


def _label_bomb(number: int, labels: int, each: int = 100) -> bytes:
    def alert(place: int) -> dict[str, object]:
        many = {f"label_{number}_{place}_{n}": f"value-{number}-{place}-{n}" for n in range(each)}
        named = {"alertname": f"Name{number}x{place}", "severity": f"severity-{number}-{place}", **many}
        return _alert(named)

    return json.dumps({"alerts": [alert(place) for place in range(labels // each)]}).encode()


def _group(number: int, alerts: int) -> bytes:
    filler = "what a person has to know about this alert before he begins to look for its cause " * 3
    told = [
        _alert({"alertname": "Grouped", "service": f"service-{n % 50}", "instance": f"{number}-{n}"}, summary=filler)
        for n in range(alerts)
    ]
    return json.dumps({"alerts": told}).encode()


def _alert(labels: Mapping[str, str], **annotations: str) -> dict[str, object]:
    return {"status": "firing", "labels": labels, "annotations": annotations, "startsAt": "2026-01-01T12:00:00Z"}


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
    """Post it whole, and take the answer's head."""
    await _write(writer, ANNOUNCED % len(body))
    await _write(writer, body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.lower().splitlines() if b"content-length" in line), 0)
    await reader.readexactly(length)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


ATTACKS: Mapping[str, Attack] = {
    "silent connections": silence,
    "heads byte by byte": slow_head,
    "endless heads": endless_head,
    "bodies byte by byte": slow_body,
    "endless bodies": endless_body,
    "bodies that lack a byte": almost_too_large,
    "bodies of one byte too much": too_large,
    "answers that nobody reads": unread_answers,
    "deep nesting": deep(1_000_000),
    "many labels": many_labels(10_000),
    "big groups": big_group(10_000),
}


@contextmanager
def under_attack(port: int, name: str, *, senders: int) -> Iterator[None]:
    """So many senders attack at the same time, until the block ends."""
    process = subprocess.Popen([sys.executable, __file__, name, str(port), str(senders)])
    try:
        yield
        assert process.poll() is None, f"the attack ended by itself: {name}"
    finally:
        process.kill()
        process.wait()


async def _attack(name: str, port: int, senders: int) -> None:
    await asyncio.gather(*(_again_and_again(port, ATTACKS[name]) for _ in range(senders)))


async def _again_and_again(port: int, attack: Attack) -> None:
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await attack(reader, writer)
            finally:
                writer.transport.abort()
        await asyncio.sleep(PAUSE)


if __name__ == "__main__":
    asyncio.run(_attack(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
