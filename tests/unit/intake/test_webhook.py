"""POST /alertmanager: answered after the commit, 503 when it cannot be, quarantined when it cannot be read."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from aetherlink.access.digests import digest_of
from aetherlink.access.gate import Gate
from aetherlink.access.options import AuthOptions
from aetherlink.access.tokens import TokenBook
from aetherlink.errors import OverloadedError, StoreError
from aetherlink.intake import webhook
from aetherlink.intake.decode import Webhook, decode
from aetherlink.intake.options import IntakeOptions
from aetherlink.intake.webhook import IntakeMetrics, WebhookIntake
from aetherlink.model.alerts import Alert
from aetherlink.model.ids import SourceName
from aetherlink.model.principals import Principal, Scope
from aetherlink.ports import Post
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock

WEBHOOK = "w" * 32
READER = "r" * 32
OTHERS = "o" * 32
BODY = json.dumps(
    {"alerts": [{"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-01-01T12:00:00Z"}]}
).encode()


class Sink:
    """Takes alerts, or fails as it is told."""

    def __init__(self) -> None:
        self.taken: list[Alert] = []
        self.incomplete: list[SourceName] = []
        self.problem: Exception | None = None

    async def receive(self, alerts: Sequence[Alert], **_: object) -> None:
        if self.problem is not None:
            raise self.problem
        self.taken.extend(alerts)


@pytest.fixture
def sink() -> Sink:
    return Sink()


def quarantined(folder: Path) -> list[tuple[bytes, str]]:
    """What lies in quarantine, the oldest first: bodies with what is wrong with them."""
    with closing(sqlite3.connect(folder / "aetherlink.db")) as database:
        return database.execute("SELECT body, problem FROM quarantine ORDER BY id").fetchall()


async def elsewhere(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def intake(
    store: SqlStore, clock: ManualClock, ids: CountingIds, sink: Sink, registry: CollectorRegistry
) -> WebhookIntake:
    fixed = {
        digest_of(WEBHOOK): Principal("webhook", frozenset({Scope.WEBHOOK})),
        digest_of(READER): Principal("reader", frozenset({Scope.READ})),
        digest_of(OTHERS): Principal("others", frozenset({Scope.WEBHOOK}), SourceName("other")),
    }
    gate = Gate(TokenBook(store, clock=clock, ids=ids, fixed=fixed), options=AuthOptions(mode="token"))
    options = IntakeOptions(
        max_body_bytes=4096,
        body_deadline=timedelta(seconds=0.2),
        quarantine_rows=3,
        quarantine_bytes=2500,
        quarantine_body_bytes=1024,
    )
    metrics = IntakeMetrics(registry)
    return WebhookIntake(
        elsewhere,
        gate=gate,
        sink=sink,
        store=store,
        sources=[SourceName("lab"), SourceName("other")],
        clock=clock,
        options=options,
        metrics=metrics,
        counted=lambda _: None,
        incomplete=sink.incomplete.append,
    )


class AtTheDoor(httpx.AsyncBaseTransport):
    """Brings whole POSTs to the intake as ports.PostDoor; the rest to the app that it is as well."""

    def __init__(self, intake: WebhookIntake) -> None:
        self._intake = intake
        self._app = httpx.ASGITransport(intake)  # type: ignore[arg-type] - httpx types ASGI messages more narrowly

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_whole = isinstance(request.stream, httpx.ByteStream)
        is_true = is_whole and request.headers.get("content-length") == str(len(await request.aread()))
        if request.method != "POST" or request.url.path not in self._intake.paths or not is_true:
            return await self._app.handle_async_request(request)
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        post = Post(request.url.path, headers, ("127.0.0.1", 123))
        answer = await self._intake.answer(post, await request.aread())
        return httpx.Response(answer.status, headers=list(answer.headers), content=answer.body)


@pytest.fixture(params=["app", "door"])
async def client(intake: WebhookIntake, request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    app = httpx.ASGITransport(intake)  # type: ignore[arg-type] - httpx types ASGI messages more narrowly
    transport = app if request.param == "app" else AtTheDoor(intake)
    headers = {"Authorization": f"Bearer {WEBHOOK}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=headers) as opened:
        yield opened


async def test_an_alert_is_taken_and_answered(client: httpx.AsyncClient, sink: Sink) -> None:
    answer = await client.post("/alertmanager", content=BODY)

    assert (answer.status_code, answer.json()) == (200, {"received": 1, "quarantined": 0})
    assert [alert.name for alert in sink.taken] == ["A"]


@pytest.mark.parametrize(
    ("token", "path", "source"),
    [
        (WEBHOOK, "/alertmanager", "lab"),
        (WEBHOOK, "/alertmanager/other", "other"),
        (OTHERS, "/alertmanager", "other"),
        (OTHERS, "/alertmanager/other", "other"),
    ],
)
async def test_the_source_is_known_by_the_path_or_by_the_token(
    client: httpx.AsyncClient, sink: Sink, token: str, path: str, source: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"}

    assert (await client.post(path, content=BODY, headers=headers)).status_code == 200
    assert [alert.source for alert in sink.taken] == [source]


async def test_a_token_of_one_source_is_not_good_for_another(client: httpx.AsyncClient, sink: Sink) -> None:
    answer = await client.post("/alertmanager/lab", content=BODY, headers={"Authorization": f"Bearer {OTHERS}"})

    assert (answer.status_code, sink.taken) == (403, [])
    assert answer.json()["detail"] == "the token 'others' is for the source other, not lab"


async def test_alerts_that_were_left_out_are_counted_and_logged(
    client: httpx.AsyncClient, sink: Sink, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    short = json.dumps({**json.loads(BODY), "truncatedAlerts": 3})

    await client.post("/alertmanager", content=BODY)
    assert "incomplete" not in caplog.text
    answer = await client.post("/alertmanager", content=short)

    assert (answer.status_code, len(sink.taken)) == (200, 2)
    assert registry.get_sample_value("aether_agent_truncated_alerts_total") == 3
    assert "the list is incomplete: Alertmanager left 3 alerts out" in caplog.text
    assert sink.incomplete == ["lab"]


@pytest.mark.parametrize("problem", [StoreError("disk full"), OverloadedError("10000 wait")], ids=["store", "overload"])
async def test_what_cannot_be_stored_is_answered_503(client: httpx.AsyncClient, sink: Sink, problem: Exception) -> None:
    sink.problem = problem

    answer = await client.post("/alertmanager", content=BODY)

    assert answer.status_code == 503
    assert (answer.headers["content-type"], answer.headers["retry-after"]) == ("application/problem+json", "1")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": str(problem),
        "instance": "/alertmanager",
    }


async def test_a_body_that_cannot_be_read_is_kept_and_answered_200(client: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await client.post("/alertmanager", content=b'{"alerts": 7}')

    assert (answer.status_code, answer.json()["quarantined"]) == (200, 1)
    assert "$.alerts" in answer.json()["detail"]
    assert [bytes_ for bytes_, _ in quarantined(tmp_path)] == [b'{"alerts": 7}']


async def test_the_quarantine_keeps_the_newest_bodies_and_counts_those_it_drops(
    client: httpx.AsyncClient, tmp_path: Path, registry: CollectorRegistry
) -> None:
    for number in range(5):
        await client.post("/alertmanager", content=b"%d" % number)

    assert [body for body, _ in quarantined(tmp_path)] == [b"2", b"3", b"4"]
    assert registry.get_sample_value("aether_agent_quarantine_dropped_total") == 2
    assert registry.get_sample_value("aether_agent_quarantined_total") == 5


async def test_the_quarantine_is_bounded_in_bytes_too(client: httpx.AsyncClient, tmp_path: Path) -> None:
    for letter in (b"a", b"b", b"c"):
        await client.post("/alertmanager", content=letter * 1000)

    assert [body[:1] for body, _ in quarantined(tmp_path)] == [b"b", b"c"]


async def test_of_a_large_body_the_beginning_is_kept_with_a_note(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await client.post("/alertmanager", content=b"x" * 4000)

    [(body, problem)] = quarantined(tmp_path)
    assert body == b"x" * 1024
    assert problem.startswith("not an Alertmanager webhook")
    assert problem.endswith("(kept: the first 1024 of 4000 bytes)")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("", 401), ("Bearer " + "x" * 32, 401), ("Basic abc", 401), (f"Bearer {READER}", 403)],
    ids=["none", "unknown", "not a bearer", "without the scope"],
)
async def test_a_stranger_gets_nothing_stored_not_even_in_quarantine(
    client: httpx.AsyncClient, tmp_path: Path, sink: Sink, authorization: str, status: int
) -> None:
    answer = await client.post("/alertmanager", content=b"garbage", headers={"Authorization": authorization})

    assert answer.status_code == status
    assert answer.json()["instance"] == "/alertmanager"
    assert answer.headers.get("www-authenticate") == ('Bearer realm="aetherlink"' if status == 401 else None)
    assert sink.taken == []
    assert quarantined(tmp_path) == []


async def drip():
    while True:
        yield b" " * 100


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b" " * 5000, {}, 413),
        (BODY, {"Content-Length": "99999999"}, 413),
        (BODY, {"Content-Length": "many"}, 413),
        (BODY, {"Content-Encoding": "gzip"}, 415),
    ],
    ids=["too large", "says it is too large", "says nonsense", "encoded"],
)
async def test_a_body_beyond_the_bounds_is_refused(
    client: httpx.AsyncClient, sink: Sink, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await client.post("/alertmanager", content=content, headers=headers)

    assert answer.status_code == status
    assert sink.taken == []


async def test_a_body_that_is_too_large_is_told_of_unless_a_stranger_sends_it(
    intake: WebhookIntake, client: httpx.AsyncClient
) -> None:
    told: list[tuple[object, ...]] = []

    class Ear:
        def refused(self, source: SourceName, *, length: int | None, sender: str) -> None:
            told.append((source, length, sender))

    intake._oversized = Ear()
    await client.post("/alertmanager/other", content=b" " * 5000)
    await client.post("/alertmanager", content=drip())
    await client.post("/alertmanager", content=b" " * 5000, headers={"Authorization": "Bearer " + "x" * 32})
    await client.post("/alertmanager", content=BODY)

    assert told == [("other", 5000, "127.0.0.1"), ("lab", None, "127.0.0.1")]


async def test_an_endless_body_is_cut(client: httpx.AsyncClient) -> None:
    answer = await client.post("/alertmanager", content=drip())

    assert answer.status_code == 413


async def test_a_sender_who_does_not_go_on_is_cut_off_in_time(intake: WebhookIntake) -> None:
    sent: list[int] = []

    async def silent():
        await asyncio.Event().wait()

    async def send(message) -> None:
        sent.append(message.get("status", 0))

    headers = [(b"authorization", f"Bearer {WEBHOOK}".encode())]
    scope = {"type": "http", "path": "/alertmanager", "method": "POST", "headers": headers, "client": ("127.0.0.1", 1)}
    await intake(scope, silent, send)

    assert sent[0] == 408


async def test_others_are_served_while_a_large_body_is_read(
    client: httpx.AsyncClient, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = json.dumps({"alerts": [{**json.loads(BODY)["alerts"][0], "labels": {"x": "y" * 2000}}]}).encode()
    other_is_answered = threading.Event()

    def slow_decode(body: bytes, source: SourceName) -> Webhook:
        if len(body) > len(BODY):
            assert other_is_answered.wait(10)
        return decode(body, source)

    monkeypatch.setattr(webhook, "_LARGE", len(BODY) + 1)
    monkeypatch.setattr(webhook, "decode", slow_decode)
    waiting = asyncio.create_task(client.post("/alertmanager", content=large))
    assert (await client.post("/alertmanager", content=BODY)).status_code == 200
    other_is_answered.set()

    assert (await waiting).status_code == 200
    assert len(sink.taken) == 2


async def test_everything_else_goes_on_to_the_api(client: httpx.AsyncClient) -> None:
    assert (await client.get("/alertmanager")).status_code == 418
    assert (await client.post("/act")).status_code == 418
