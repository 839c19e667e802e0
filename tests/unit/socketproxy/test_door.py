"""What reaches the daemon, byte by byte: the table of forbidden calls, what is let through, and what is made of it."""

import asyncio
import json
import logging
import stat

import pytest

from rigs.forbidden_calls import REFUSALS, forbidden
from rigs.patience import eventually
from rigs.raw_http import ask, say
from rigs.recording_daemon import MANAGED_ID, OTHER_ID

FORBIDDEN = forbidden("api", MANAGED_ID, f"sha256:{'1' * 64}")


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_nothing_forbidden_reaches_the_daemon(stage, what: str) -> None:
    reply = await say(stage.socket, FORBIDDEN[what])

    assert reply.status in REFUSALS
    assert stage.daemon.changes == []


@pytest.mark.parametrize(
    ("target", "passed_on"),
    [
        ("/_ping", "/_ping"),
        ("/v1.41/version", "/v1.41/version"),
        ("/containers/json?all=1&limit=-1&size=0&trunc_cmd=0", "/containers/json?all=1&limit=-1&size=0&trunc_cmd=0"),
        (
            "/v1.43/containers/json?filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D",
            "/v1.43/containers/json?filters=%7B%22label%22%3A+%5B%22a%3Db%22%5D%7D",
        ),
        ("/containers/other/json", "/containers/other/json"),
        (f"/images/sha256:{'1' * 64}/json", f"/images/sha256:{'1' * 64}/json"),
    ],
)
async def test_reads_go_through_as_they_are_understood(stage, target: str, passed_on: str) -> None:
    reply = await ask(stage.socket, "GET", target)

    assert reply.status == 200
    assert [(one.method, one.target) for one in stage.daemon.asked] == [("GET", passed_on)]


@pytest.mark.parametrize(
    ("path", "query"), [("restart", "?t=3"), ("stop", "?t=0"), ("stop", ""), ("start", ""), ("restart", "")]
)
@pytest.mark.parametrize("name", ["api", MANAGED_ID])
async def test_a_change_goes_on_under_the_full_id_of_what_was_looked_at(
    stage, name: str, path: str, query: str
) -> None:
    reply = await ask(stage.socket, "POST", f"/v1.41/containers/{name}/{path}{query}", None, "X-Registry-Auth: secret")

    assert reply.status == 204
    [change] = stage.daemon.changes
    assert change.target == f"/v1.41/containers/{MANAGED_ID}/{path}{query}"
    assert (change.body, change.headers["host"]) == (b"", "docker")
    assert change.headers.keys() <= {"host", "connection", "user-agent", "content-type", "content-length"}


async def test_limits_go_on_as_a_body_of_the_proxys_own(stage) -> None:
    reply = await ask(stage.socket, "POST", "/containers/api/update", {"NanoCpus": 5 * 10**8, "Memory": 2**28})

    assert reply.status == 204
    assert json.loads(stage.daemon.changes[0].body) == {"NanoCpus": 5 * 10**8, "Memory": 2**28}


@pytest.mark.parametrize("path", ["restart", "stop", "start", "update"])
async def test_what_is_not_opted_in_is_not_changed(stage, path: str) -> None:
    body = {"Memory": 2**28} if path == "update" else None
    reply = await ask(stage.socket, "POST", f"/containers/other/{path}", body)

    assert reply.status == 403
    assert "not opted in" in reply.json["message"]
    assert stage.daemon.changes == []


async def test_what_is_not_opted_in_is_not_made_anew(stage) -> None:
    assert (await ask(stage.socket, "POST", f"/aether/v1/containers/{OTHER_ID}/replace")).status == 403
    assert stage.daemon.changes == []


async def test_an_unknown_container_is_not_found(stage) -> None:
    assert (await ask(stage.socket, "POST", "/containers/nobody/restart")).status == 404
    assert stage.daemon.changes == []


async def test_passwords_in_the_environment_stay_with_the_daemon(stage) -> None:
    reply = await ask(stage.socket, "GET", "/containers/api/json")

    assert reply.json["Id"] == MANAGED_ID
    assert reply.json["Config"]["Env"] == []
    assert b"hunter2" not in reply.body


async def test_of_the_daemons_headers_only_versions_come_back(stage) -> None:
    head = (await ask(stage.socket, "GET", "/_ping")).head.lower()

    assert "api-version: 1.41" in head
    assert "x-secret" not in head


async def test_events_are_of_containers_only_whatever_is_asked(stage) -> None:
    await ask(stage.socket, "GET", "/events?since=1&filters=%7B%22event%22%3A%5B%22die%22%5D%7D")

    assert stage.daemon.asked[0].target == (
        "/events?since=1&filters=%7B%22event%22%3A+%5B%22die%22%5D%2C+%22type%22%3A+%5B%22container%22%5D%7D"
    )


async def test_events_go_on_as_they_come_and_end_as_badly_as_they_did(stage) -> None:
    """An answer that ended well would say that nothing more has happened."""
    told = b'{"Action": "die"}'
    stage.daemon.raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n" + told + b"\r\n"
    broken = await ask(stage.socket, "GET", "/events?since=1&until=2")
    stage.daemon.raw += b"0\r\n\r\n"
    whole = await ask(stage.socket, "GET", "/events?since=1&until=2")

    assert whole.body == b"11\r\n" + told + b"\r\n0\r\n\r\n"
    assert not broken.body.endswith(b"0\r\n\r\n")


async def test_streams_of_events_leave_places_for_the_others(stage) -> None:
    """Of the four places one."""
    stage.daemon.raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    stage.daemon.answering.clear()
    reader, writer = await asyncio.open_unix_connection(stage.socket)
    writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    await eventually(lambda: bool(stage.daemon.asked))
    second = await ask(stage.socket, "GET", "/events")
    writer.close()
    stage.daemon.answering.set()
    await reader.read()

    assert (second.status, second.json["message"]) == (
        503,
        "aether socket-proxy: too many streams of events: try again",
    )
    for _ in range(1000):
        third = await ask(stage.socket, "GET", "/events?since=1")
        if third.status != 503:
            break
    assert third.status == 200


async def test_a_second_request_on_the_connection_is_never_heard(stage) -> None:
    both = b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nPOST /containers/api/restart HTTP/1.1\r\nHost: x\r\n\r\n"
    reply = await say(stage.socket, both)

    assert (reply.status, reply.body.count(b"HTTP/1.1")) == (200, 0)
    assert [one.target for one in stage.daemon.asked] == ["/_ping"]


async def test_a_refusal_is_one_line_in_the_log_whatever_it_holds(stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await say(stage.socket, b'GET /events?until=%0aforged%1b[2J"\xc2\x85 HTTP/1.1\r\nHost: x\r\n\r\n')
        await ask(stage.socket, "GET", "/events?until=%0aforged%1b%5b2J")
        await ask(stage.socket, "POST", f"/containers/{'x' * 5000}/kill")

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert all(line.isprintable() and len(line) < 700 for line in lines)
    assert all(line.startswith("refused: ") for line in lines)


async def test_a_daemon_that_hangs_delays_nobody_for_longer_than_its_time(stage) -> None:
    stage.daemon.answering.clear()
    stuck = [asyncio.create_task(ask(stage.socket, "GET", "/version")) for _ in range(3)]
    change = await ask(stage.socket, "POST", "/containers/api/restart?t=0")

    assert change.status == 504
    assert [(await one).status for one in stuck] == [504] * 3
    assert stage.daemon.changes == []  # it hung when it was looked at

    stage.daemon.answering.set()
    assert (await ask(stage.socket, "GET", "/version")).status == 200


async def test_a_caller_too_many_is_turned_away(stage) -> None:
    stage.daemon.answering.clear()
    stuck = [asyncio.create_task(ask(stage.socket, "GET", "/version")) for _ in range(4)]
    await eventually(lambda: len(stage.daemon.asked) == 4)

    assert (await ask(stage.socket, "GET", "/version")).status == 503

    stage.daemon.answering.set()
    assert [(await one).status for one in stuck] == [200] * 4


async def test_who_leaves_a_quiet_stream_of_events_gives_the_place_free(stage) -> None:
    stage.daemon.answering.clear()
    for _ in range(4):
        _, writer = await asyncio.open_unix_connection(stage.socket)
        writer.write(b"GET /events?until=9999999999 HTTP/1.1\r\nHost: x\r\n\r\n")
        before = len(stage.daemon.asked)
        await eventually(lambda before=before: len(stage.daemon.asked) > before)
        writer.close()

    for _ in range(1000):
        status = (await ask(stage.socket, "POST", "/containers/api/kill")).status
        if status != 503:
            break
    assert status == 403


async def test_an_id_that_is_only_a_name_by_now_is_not_made_anew(stage) -> None:
    stage.daemon.containers[0]["Name"] = f"/{'c' * 64}"

    assert (await ask(stage.socket, "POST", f"/aether/v1/containers/{'c' * 64}/replace")).status == 404
    assert stage.daemon.changes == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"Id":"ab"',
        b'HTTP/1.1 500 Oops\r\nContent-Length: 17\r\n\r\n{"message":"oops"}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 17 * 1024 * 1024,
    ],
    ids=["nothing", "no HTTP", "cut off", "a list", "null", "half an object", "500", "too much"],
)
async def test_a_daemon_that_lies_leads_to_no_change(stage, raw: bytes) -> None:
    stage.daemon.raw = raw
    reply = await ask(stage.socket, "POST", "/containers/api/restart")

    assert reply.status in {500, 502}
    assert stage.daemon.changes == []


async def test_a_daemon_that_is_away_is_said(stage) -> None:
    (stage.socket.parent / "daemon.sock").unlink()

    reply = await ask(stage.socket, "GET", "/version")
    assert reply.status == 502
    assert "not reached" in reply.json["message"]


async def test_the_socket_is_for_its_owner_and_the_group(stage) -> None:
    assert stat.S_IMODE(stage.socket.stat().st_mode) == 0o660
