"""Docker's events followed: what is remembered of them, what never is, and that no stream keeps anybody waiting."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aetherlink.clients import docker_events
from aetherlink.clients.docker_containers import Bounds, Container, ContainerStatus, Ending, RestartPolicy
from aetherlink.clients.docker_events import DockerEvents, Happening
from aetherlink.executors import docker_following
from aetherlink.executors.docker_ends import Ends
from aetherlink.executors.docker_following import Following
from rigs.event_stream import END, HEAD, EventStream, Play, chunk, event_stream, left, line
from rigs.patience import eventually

ONE, OTHER = "1" * 64, "2" * 64
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIED = BEGAN + timedelta(hours=1)
LATER = timedelta(milliseconds=40)
ENDED = DIED - timedelta(milliseconds=30)  # the daemon tells of an end a moment after it


def container(identity: str = ONE, *, began: datetime | None = BEGAN, ended: datetime | None = ENDED) -> Container:
    """One that has ended with 137."""
    return Container(
        id=identity,
        name="crm",
        image="sha256:" + "1" * 64,
        names=("crm",),
        labels={},
        status=ContainerStatus.EXITED,
        health="",
        started_at=began,
        ending=Ending(ended, 137, is_out_of_memory=False, error=""),
        policy=RestartPolicy.NO,
        restarts=0,
        most_restarts=0,
        stop_seconds=None,
        bounds=Bounds(),
    )


@dataclass
class Heard:
    """A following of the server's stream."""

    server: EventStream
    ends: Ends = field(default_factory=Ends)
    says: list[bool] = field(default_factory=list)

    @property
    def told(self) -> tuple[str, ...]:
        return self.ends.told(container())

    async def open(self) -> None:
        """Until the daemon has somebody who listens."""
        await eventually(lambda: bool(self.server.streams))


@pytest.fixture
async def server() -> AsyncIterator[EventStream]:
    async with event_stream() as made:
        yield made


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in less time."""
    monkeypatch.setattr(docker_following, "_BREATH", timedelta(milliseconds=5))
    monkeypatch.setattr(docker_following, "_SETTLES_EVERY", timedelta(milliseconds=5))


@asynccontextmanager
async def following(server: EventStream) -> AsyncIterator[Heard]:
    heard = Heard(server)
    events = DockerEvents(f"unix://{server.socket}")
    made = Following(events, heard.ends, heard.says.append)
    made.start()
    try:
        yield heard
    finally:
        await made.stop()
        await events.aclose()


async def test_a_kill_is_known_after_docker_has_forgotten_it(server: EventStream) -> None:
    async with following(server) as heard:
        await heard.open()
        server.tell("kill", ONE, DIED - LATER)
        server.tell("die", ONE, DIED)
        await eventually(lambda: bool(heard.told))
        server.forget()

        assert heard.told == ("kill", "die")


async def test_a_crash_is_one_that_nobody_killed(server: EventStream) -> None:
    async with following(server) as heard:
        await heard.open()
        server.tell("die", ONE, DIED)
        await eventually(lambda: bool(heard.told))

        assert heard.told == ("die",)


async def test_a_stop_is_known_at_once(server: EventStream) -> None:
    server.past = left
    async with following(server) as heard:
        await heard.open()
        for action, at in (("kill", DIED - LATER), ("die", DIED), ("stop", DIED + LATER)):
            server.tell(action, ONE, at)
        await eventually(lambda: bool(heard.told))

        assert heard.told == ("stop",)


async def test_a_stop_that_was_not_delivered_is_found_by_asking(server: EventStream) -> None:
    async with following(server) as heard:
        await heard.open()
        server.tell("stop", ONE, DIED + LATER, is_delivered=False)
        server.tell("die", ONE, DIED)
        await eventually(lambda: bool(heard.told))

        assert heard.told == ("stop",)


async def test_a_stop_of_an_earlier_run_is_none_of_the_last(server: EventStream) -> None:
    """Another one's earlier end has the daemon tell of it once more."""
    again = DIED - timedelta(seconds=2)
    for action, name, at in (("die", OTHER, again - LATER), ("die", ONE, again), ("stop", ONE, again + LATER)):
        server.tell(action, name, at)
    server.tell("kill", ONE, DIED - LATER)
    server.tell("die", ONE, DIED)
    async with following(server) as heard:
        await eventually(lambda: any("until" in one for one in server.asked) and not heard.ends.open)

        assert heard.ends.told(container(began=again + 2 * LATER)) == ("kill", "die")


async def test_an_end_that_docker_has_forgotten_before_it_was_asked_stays_unknown(server: EventStream) -> None:
    async with following(server) as heard:
        await heard.open()
        server.tell("die", ONE, DIED, is_kept=False)
        await eventually(lambda: any("until" in one for one in server.asked) and not heard.ends.open)

        assert heard.told == ()


TRUNCATED = chunk(line("die", ONE, DIED))
_LIES: Mapping[str, bytes] = {
    "an end of the connection before the answer's end": HEAD + TRUNCATED,
    "a no": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "a line that cannot be read after it": HEAD + TRUNCATED + chunk(b'{"Action": "st\n') + END,
    "half of a line after it": HEAD + TRUNCATED + chunk(b'{"Action": "st') + END,
    "an id that is none": HEAD + TRUNCATED + chunk(line("stop", "crm", DIED)) + END,
    "an instant that cannot be": HEAD + TRUNCATED + chunk(line("stop", ONE, DIED).replace(b"789", b"9" * 40)) + END,
}


@pytest.mark.parametrize("lie", _LIES)
async def test_what_followed_an_end_is_taken_from_whole_answers_only(server: EventStream, lie: str) -> None:
    async def lying(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_LIES[lie])

    server.past = lying
    async with following(server) as heard:
        await heard.open()
        server.tell("die", ONE, DIED)
        await eventually(lambda: sum("until" in one for one in server.asked) == 3 and not heard.ends.open)

        assert heard.told == ()


async def test_what_docker_remembers_is_heard_at_the_start(server: EventStream) -> None:
    server.tell("die", ONE, DIED)
    async with following(server) as heard:
        await eventually(lambda: heard.told == ("die",))

    assert [one["since"] for one in server.followed] == ["1"]


async def test_after_a_break_it_asks_for_what_happened_since(
    server: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_following, "_STEADY", timedelta(0))
    async with following(server) as heard:
        await heard.open()
        server.tell("die", OTHER, DIED)
        await eventually(lambda: bool(heard.ends.told(container(OTHER))))
        server.cut()
        server.tell("die", ONE, DIED + timedelta(seconds=1))
        await eventually(lambda: heard.ends.told(container(ONE)) == ("die",))

    assert float(server.followed[1]["since"]) == DIED.timestamp()
    assert json.loads(server.followed[1]["filters"]) == {"event": ["kill", "die", "stop", "destroy"]}


async def test_an_earlier_run_says_nothing_of_the_last(server: EventStream) -> None:
    async with following(server) as heard:
        await heard.open()
        server.tell("stop", ONE, BEGAN - LATER)
        server.tell("die", OTHER, DIED)
        await eventually(lambda: bool(heard.ends.told(container(OTHER))))

        assert heard.told == ()
        assert heard.ends.told(container(began=None, ended=BEGAN - 2 * LATER)) == ("stop",)


async def test_what_is_gone_is_forgotten_and_no_more_than_2000_are_kept() -> None:
    ends = Ends()
    every = [f"{number:064x}" for number in range(2001)]
    for each in every:
        ends.hear(Happening(each, "stop", DIED))
    ends.hear(Happening(every[5], "destroy", DIED))

    known = [each for each in every if ends.told(container(each))]
    assert known == [each for each in every if each not in (every[0], every[5])]


async def test_lines_that_cannot_be_read_or_are_of_others_are_passed_over(server: EventStream) -> None:
    bad = [b"{\n", b"[1]\n", b"\xff\n", b"[" * 20000 + b"\n", b"x" * 300_000 + b"\n", line("stop", "crm", DIED)]
    bad += [line("stop", ONE, DIED, kind="network"), line("start", ONE, DIED), b"\n"]
    async with following(server) as heard:
        await heard.open()
        for each in bad:
            server.streams[0].write(chunk(each))
        server.tell("die", OTHER, DIED)
        await eventually(lambda: bool(heard.ends.told(container(OTHER))))

        assert heard.told == ()


def _said(piece: bytes) -> Play:
    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(piece)

    return play


def _flood(piece: bytes) -> Play:
    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(chunk(piece))
            await writer.drain()

    return play


BAD: Mapping[str, Play] = {
    "it closes at once": _said(b""),
    "it ends at once": _said(HEAD + END),
    "it breaks off after one event": _said(HEAD + chunk(line("destroy", OTHER, DIED))),
    "it speaks no HTTP": _said(b"SSH-2.0-nonsense\r\n\r\n"),
    "it answers 503": _said(b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"),
    "it redirects": _said(b"HTTP/1.1 307 There\r\nLocation: /images/prune\r\nContent-Length: 0\r\n\r\n"),
    "it never ends a line, and says much": _flood(b" " * 0x10000),
    "it says very much": _flood(line("destroy", OTHER, DIED) * 300),
}


@pytest.mark.parametrize("how", BAD)
async def test_a_bad_stream_is_asked_for_ever_more_seldom_and_said_once(
    server: EventStream, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The pauses are told, not waited for."""
    server.stream = BAD[how]
    events = DockerEvents(f"unix://{server.socket}")
    made = Following(events, Ends(), lambda _: None)
    with caplog.at_level(logging.INFO, logger="aetherlink"):
        pauses = [(await made._follow()).total_seconds() for _ in range(4)]
    await events.aclose()

    assert pauses == sorted(pauses)
    assert pauses[0] * 8 == pytest.approx(pauses[3])
    assert [one.message[:33] for one in caplog.records if one.name.startswith("aetherlink")] == [
        "Docker's events are not followed:"
    ]


async def test_the_longest_pause_is_a_minute(server: EventStream) -> None:
    server.stream = _said(b"")
    events = DockerEvents(f"unix://{server.socket}")
    made = Following(events, Ends(), lambda _: None)
    pauses = [await made._follow() for _ in range(16)]
    await events.aclose()

    assert pauses[-1] == timedelta(minutes=1)


async def test_where_a_proxy_lets_no_events_through_it_says_so_once_and_asks_again_in_ten_minutes(
    server: EventStream, caplog: pytest.LogCaptureFixture
) -> None:
    server.stream = _said(b"HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    events = DockerEvents(f"unix://{server.socket}")
    made = Following(events, Ends(), lambda _: None)
    pauses = [await made._follow() for _ in range(3)]
    await events.aclose()

    assert pauses == [timedelta(minutes=10)] * 3
    assert len(caplog.records) == 1
    assert "they are not let through: the answer is 403" in caplog.text


async def test_where_nobody_listens_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    events = DockerEvents("unix:///nowhere/docker.sock")
    await Following(events, Ends(), lambda _: None)._follow()
    await events.aclose()

    assert "are not followed: GET /events at the Unix socket /nowhere/docker.sock: no connection" in caplog.text


async def test_a_silent_stream_is_asked_for_anew_and_that_is_no_trouble(
    server: EventStream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(docker_events, "SILENCE", timedelta(milliseconds=30))
    monkeypatch.setattr(docker_following, "_STEADY", timedelta(milliseconds=20))
    async with following(server) as heard:
        await eventually(lambda: len(server.followed) >= 3)

    assert heard.says == [False, *[True] * (len(heard.says) - 2), False]
    assert caplog.records == []


async def test_who_takes_the_request_and_never_answers_is_given_up(
    server: EventStream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(docker_events, "SILENCE", timedelta(milliseconds=30))
    monkeypatch.setattr(docker_following, "_STEADY", timedelta(milliseconds=20))
    server.stream = left
    async with following(server) as heard:
        await eventually(lambda: len(server.followed) >= 3)

    assert True not in heard.says
    assert "it was taken, and not answered in time" in caplog.text


async def test_a_line_that_comes_byte_by_byte_and_never_ends_is_given_up(
    server: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_events, "SILENCE", timedelta(milliseconds=100))

    async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while not writer.is_closing():
            writer.write(chunk(b" "))
            await asyncio.sleep(0.01)

    server.stream = dripping
    async with following(server):
        await eventually(lambda: len(server.followed) >= 2)


async def test_it_says_when_all_is_well_again(
    server: EventStream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(docker_following, "_STEADY", timedelta(milliseconds=20))
    server.stream = _said(b"")
    with caplog.at_level(logging.INFO, logger="aetherlink"):
        async with following(server) as heard:
            await eventually(lambda: len(server.followed) >= 2)
            server.stream = None
            await heard.open()
            await asyncio.sleep(0.03)
            server.cut()
            await eventually(lambda: "followed again" in caplog.text)

    assert [one.levelname for one in caplog.records if one.name.startswith("aetherlink")] == ["WARNING", "INFO"]


@pytest.mark.parametrize("how", ["quiet", "hung", "flood"])
async def test_it_stops_at_once_and_leaves_nothing_behind(server: EventStream, how: str) -> None:
    plays = {"quiet": None, "hung": left, "flood": _flood(b" " * 0x10000)}
    server.stream = plays[how]
    files, threads = _open_files(), threading.active_count()
    before = asyncio.all_tasks()
    async with following(server):
        await eventually(lambda: bool(server.followed))
        async with asyncio.timeout(2):
            await asyncio.sleep(0.05)
    await eventually(lambda: asyncio.all_tasks() == before)

    await eventually(lambda: _open_files() == files)
    assert threading.active_count() == threads


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
