"""The Prometheus client against a server that answers well, badly, slowly, or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aetherlink.clients.connection import Connection, with_bearer
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.errors import (
    AetherError,
    AnswerError,
    DeadlineError,
    NotSentError,
    RejectedError,
    SettingsError,
    UnreachableError,
)

OPTIONS = ClientOptions(deadline=timedelta(seconds=5), max_bytes=4096, in_flight=2)
HASTY = ClientOptions(deadline=timedelta(milliseconds=200), in_flight=1)


@pytest.fixture
async def client(wire: Any) -> AsyncIterator[PrometheusClient]:
    client = PrometheusClient(wire.url, OPTIONS)
    yield client
    await client.aclose()


@pytest.fixture
async def hasty(wire: Any) -> AsyncIterator[PrometheusClient]:
    client = PrometheusClient(wire.url, HASTY)
    yield client
    await client.aclose()


def vector(*values: str) -> bytes:
    samples = [{"metric": {"n": str(place)}, "value": [1700000000.5, value]} for place, value in enumerate(values)]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": samples}}).encode()


def result(kind: str, content: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": content}}).encode()


async def test_the_result_comes_back_as_prometheus_wrote_it(wire: Any, client: PrometheusClient) -> None:
    wire.say("200 OK", vector("85.5", "3"))

    answer = await client.instant("aether:health_score:15m")

    assert answer.kind == "vector"
    assert answer.result == json.loads(vector("85.5", "3"))["data"]["result"]
    assert answer.value == 85.5


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (vector(), None),
        (vector("NaN"), None),
        (vector("+Inf"), None),
        (vector("-Inf"), None),
        (vector("0"), 0.0),
        (result("scalar", [1, "2.5"]), 2.5),
        (result("scalar", [1, "NaN"]), None),
        (result("string", [1, "12"]), None),
        (result("matrix", [{"metric": {}, "values": [[1, "2"]]}]), None),
        (result("vector", [{"metric": {}, "histogram": [1, {"count": "3"}]}]), None),
    ],
)
async def test_the_value_is_a_finite_number_or_none(
    wire: Any, client: PrometheusClient, body: bytes, value: float | None
) -> None:
    wire.say("200 OK", body)

    assert (await client.instant("x")).value == value


async def test_the_query_travels_in_the_body_with_its_time_and_a_deadline(wire: Any, client: PrometheusClient) -> None:
    wire.say("200 OK", vector())

    await client.instant('up{job="a&b"} == 0', at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC))

    head, _, body = wire.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/query HTTP/1.1")
    assert body == b"query=up%7Bjob%3D%22a%26b%22%7D+%3D%3D+0&timeout=5.000&time=1767323045.678"


async def test_a_path_prefix_a_token_and_headers_are_sent(wire: Any) -> None:
    wire.say("200 OK", vector())
    connection = Connection({"X-Scope-OrgID": "acme", **with_bearer("s3cret")})
    client = PrometheusClient(f"{wire.url}/prom/", OPTIONS, connection)

    await client.instant("x")
    await client.aclose()

    request = wire.requests[0].lower()
    assert request.startswith(b"post /prom/api/v1/query http/1.1")
    assert b"x-scope-orgid: acme\r\n" in request
    assert b"authorization: bearer s3cret\r\n" in request


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity", "503 Service Unavailable"])
async def test_prometheus_own_words_are_passed_on(wire: Any, client: PrometheusClient, status: str) -> None:
    wire.say(status, b'{"status":"error","errorType":"bad_data","error":"1:4: parse error: unexpected <EOF>"}')

    with pytest.raises(RejectedError) as caught:
        await client.instant("sum(")

    assert caught.value.status == int(status[:3])
    assert caught.value.kind == "bad_data"
    assert str(caught.value).startswith("1:4: parse error: unexpected <EOF> (Prometheus at http://127.0.0.1:")


async def test_a_query_that_prometheus_gave_up_is_a_deadline(wire: Any, client: PrometheusClient) -> None:
    wire.say("503 x", b'{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}')

    with pytest.raises(DeadlineError, match="query timed out in expression evaluation"):
        await client.instant("x")


@dataclass(frozen=True)
class Nonsense:
    status: str
    body: bytes
    kind: type[AetherError]
    words: str


NONSENSE = {
    "nothing": Nonsense("200 OK", b"", AnswerError, "not Prometheus' JSON"),
    "an HTML page": Nonsense("200 OK", b"<html><h1>Welcome</h1>", AnswerError, "<h1>Welcome</h1>"),
    "no such path": Nonsense("404 Not Found", b"<html>404</html>", AnswerError, "its path prefix included"),
    "nested without end": Nonsense("200 OK", b"[" * 3000, AnswerError, "not Prometheus' JSON"),
    "not UTF-8": Nonsense("200 OK", b'{"status":"\xff"}', AnswerError, "not Prometheus' JSON"),
    "no data": Nonsense("200 OK", b'{"status":"success"}', AnswerError, "not the answer to a query"),
    "an unknown kind": Nonsense("200 OK", result("tensor", []), AnswerError, "not the answer to a query"),
    "a wrong shape": Nonsense("200 OK", result("vector", {"a": 1}), AnswerError, "is not a vector"),
    "wrong samples": Nonsense("200 OK", result("vector", [[1, "2"]]), AnswerError, "is not a vector"),
    "half a scalar": Nonsense("200 OK", result("scalar", [1]), AnswerError, "is not a scalar"),
    "a result with a 500": Nonsense("500 Oops", vector("1"), AnswerError, "not the answer to a query"),
    "no credentials": Nonsense(
        "401 Unauthorized", b"go away", RejectedError, "set bearer_token_file, basic_auth or headers of this source"
    ),
    "a gateway's error": Nonsense("502 Bad Gateway", b"<html>nginx</html>", UnreachableError, "502"),
    "starting up": Nonsense("503 x", b"Service Unavailable", UnreachableError, "Service Unavailable"),
    "too large": Nonsense("200 OK", b" " * 5000, AnswerError, "larger than 4096 bytes"),
}


@pytest.mark.parametrize("case", NONSENSE.values(), ids=NONSENSE.keys())
async def test_nonsense_gets_a_clear_error(wire: Any, client: PrometheusClient, case: Nonsense) -> None:
    wire.say(case.status, case.body, content_type="text/html")

    with pytest.raises(case.kind) as caught:
        await client.instant("x")

    assert case.words in str(caught.value)
    assert wire.url in str(caught.value)


async def test_an_endless_answer_is_cut_at_the_bound(wire: Any, client: PrometheusClient) -> None:
    async def pour(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()

    wire.handler = pour

    with pytest.raises(AnswerError, match="larger than 4096 bytes"):
        await client.instant("x")


async def test_a_redirect_is_refused_and_its_aim_named(wire: Any, client: PrometheusClient) -> None:
    wire.say("302 Found", b"", headers="Location: https://user:pw@login.example/start?token=abc\r\n")

    with pytest.raises(AnswerError, match=r"redirects to https://login\.example/start: set the URL") as caught:
        await client.instant("x")

    assert "pw" not in str(caught.value)
    assert len(wire.requests) == 1


async def test_a_compressed_answer_is_refused(wire: Any, client: PrometheusClient) -> None:
    wire.say("200 OK", b"\x1f\x8b", headers="Content-Encoding: gzip\r\n")

    with pytest.raises(AnswerError, match="gzip"):
        await client.instant("x")

    assert b"accept-encoding: identity\r\n" in wire.requests[0].lower()


async def test_what_is_not_http_is_named_so(wire: Any, client: PrometheusClient) -> None:
    wire.answer = b"SSH-2.0-OpenSSH_9.2\r\n\r\n"

    with pytest.raises(AnswerError, match="not HTTP"):
        await client.instant("x")


async def test_a_connection_that_breaks_in_mid_answer_is_unreachable(wire: Any, client: PrometheusClient) -> None:
    async def hang_up(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        writer.close()

    wire.handler = hang_up

    with pytest.raises(UnreachableError, match="the connection broke"):
        await client.instant("x")


async def test_a_reset_is_unreachable_and_may_have_arrived(wire: Any, client: PrometheusClient) -> None:
    async def reset(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    wire.handler = reset

    with pytest.raises(UnreachableError) as caught:
        await client.instant("x")

    assert not isinstance(caught.value, NotSentError)


async def test_a_drip_of_bytes_does_not_stretch_the_deadline(wire: Any, hasty: PrometheusClient) -> None:
    """The deadline is for the whole answer, not for each read."""

    async def drip(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    wire.handler = drip

    with pytest.raises(DeadlineError, match=r"no complete answer within 0\.2 s"):
        await hasty.instant("x")


async def test_requests_beyond_the_bound_wait_and_their_deadline_runs(wire: Any, hasty: PrometheusClient) -> None:
    async def silence(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    wire.handler = silence

    outcomes = await asyncio.gather(*(hasty.instant("x") for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [DeadlineError] * 3
    assert wire.connections < 3  # the second may begin in the very moment in which the first is over


async def test_one_connection_serves_request_after_request(wire: Any, client: PrometheusClient) -> None:
    wire.say("200 OK", vector("1"))

    for _ in range(5):
        await client.instant("x")

    assert wire.connections == 1


async def test_a_refused_connection_says_so_without_the_credentials(unused_tcp_port: int) -> None:
    client = PrometheusClient(f"http://admin:hunter2@127.0.0.1:{unused_tcp_port}", OPTIONS)

    with pytest.raises(NotSentError) as caught:
        await client.instant("x")
    await client.aclose()

    message = str(caught.value)
    assert message == (
        f"POST /api/v1/query at http://127.0.0.1:{unused_tcp_port}: no connection: Connection refused. "
        "Is Prometheus running, and is this its address?"
    )


async def test_a_name_that_does_not_exist_is_unreachable() -> None:
    client = PrometheusClient("http://prometheus.invalid:9090", OPTIONS)

    with pytest.raises(NotSentError, match=r"prometheus\.invalid:9090: no connection"):
        await client.ready()
    await client.aclose()


@pytest.mark.parametrize(
    "url", ["", "prometheus:9090", "ftp://host", "http://", "http://h:99999", "http://h/?x=1", "http://a b"]
)
def test_a_url_that_cannot_be_one_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="the URL of Prometheus"):
        PrometheusClient(url, OPTIONS)


def test_a_token_with_a_line_break_is_refused_without_showing_it() -> None:
    with pytest.raises(SettingsError, match="authorization") as caught:
        PrometheusClient("http://h", OPTIONS, Connection(with_bearer("abc\r\nX-Evil: 1")))

    assert "abc" not in str(caught.value)


async def test_ready_is_silent_when_it_is(wire: Any, client: PrometheusClient) -> None:
    wire.say("200 OK", b"Prometheus Server is Ready.\n", content_type="text/plain")

    await client.ready()

    assert wire.requests[0].startswith(b"GET /-/ready ")


async def test_not_ready_is_unreachable_with_its_words(wire: Any, client: PrometheusClient) -> None:
    wire.say("503 Service Unavailable", b"Service Unavailable", content_type="text/plain")

    with pytest.raises(UnreachableError, match="is not ready: 503 Service Unavailable"):
        await client.ready()
