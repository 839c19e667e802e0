"""The people of the demo: they take messages of the webhook's form, refuse anything else, and know the end."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from aetherlink.lab import demo
from aetherlink.lab.options import LabOptions
from aetherlink.lab.sink import listening

OPEN = {"headline": "critical: CrmApiDown", "incident": {"status": "open", "opened_at": "2026-01-01T12:00:00Z"}}


async def post(url: str, raw: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(raw)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n")[0]


def request(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def test_messages_are_shown_as_they_come_and_the_end_is_known() -> None:
    shown: list[Mapping[str, Any]] = []
    async with listening(lambda message: shown.append(message) is None) as sink:
        first = await post(sink.url, request(OPEN))
        before = await sink.has_ended(0.01)
        await post(sink.url, request({"headline": "over", "incident": {"status": "resolved"}}))
        after = await sink.has_ended(5)

    assert first == b"HTTP/1.1 200 OK"
    assert [message["headline"] for message in shown] == ["critical: CrmApiDown", "over"]
    assert (before, after) == (False, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]",
        b"x" * 100_000,
        b"",
    ],
)
async def test_what_is_no_message_is_refused(raw: bytes) -> None:
    shown: list[Mapping[str, Any]] = []
    async with listening(lambda message: shown.append(message) is None) as sink:
        assert await post(sink.url, raw) == b"HTTP/1.1 400 Bad Request"

    assert shown == []


def test_only_this_demo_s_incidents_are_shown_and_in_few_lines() -> None:
    lines: list[str] = []
    entries = [{"kind": "note", "text": f"entry {number}"} for number in range(9)]
    entries.append({"kind": "alerts", "text": "in passing"})
    began = datetime(2026, 1, 1, 12, tzinfo=UTC)
    demo._show({**OPEN, "entries": entries}, tell=lines.append, since=began)
    shown = list(lines)
    demo._show({**OPEN, "entries": entries}, tell=lines.append, since=datetime(2026, 1, 1, 13, tzinfo=UTC))
    demo._show({"headline": "storm", "digest": {}}, tell=lines.append, since=began)

    assert [line.strip() for line in shown] == ["people hear   critical: CrmApiDown", "entry 6", "entry 7", "entry 8"]
    assert lines == shown


async def test_the_channels_of_the_caller_stay_beside_the_demo_s() -> None:
    mine = {"notify": {"channels": {"ops": {"webhook": {"url": "https://hooks.example.org"}}}}}
    async with listening(lambda _: True) as sink:
        made = demo._with_people(LabOptions(agent_settings=mine), sink)

    assert set(made.agent_settings["notify"]["channels"]) == {"ops", "people"}
