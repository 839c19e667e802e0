"""Webhooks that nobody would send in good faith, on every store: filed or kept, answered, and in nobody else's way."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry

from aetherlink.access.digests import digest_of
from aetherlink.access.gate import Gate
from aetherlink.access.options import AuthOptions
from aetherlink.access.tokens import TokenBook
from aetherlink.incidents.reception import Reception
from aetherlink.intake.options import IntakeOptions
from aetherlink.intake.webhook import IntakeMetrics, WebhookIntake
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident
from aetherlink.model.principals import Principal, Scope
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock
from rigs.pipeline import NoWaker
from rigs.reception import build_reception

TOKEN = "w" * 32
NAME = {"alertname": "CrmApiDown"}
BEGAN = "2026-01-01T11:59:00Z"
SPOILT = "\N{REPLACEMENT CHARACTER}"


async def nowhere(scope: object, receive: object, send: object) -> None:
    raise AssertionError("only the webhook is called")


@pytest.fixture
def reception(store: SqlStore) -> Reception:
    return build_reception(store, clock=ManualClock(), ids=CountingIds(), waker=NoWaker())


@pytest.fixture
async def client(store: SqlStore, reception: Reception) -> AsyncIterator[httpx.AsyncClient]:
    fixed = {digest_of(TOKEN): Principal("webhook", frozenset({Scope.WEBHOOK}))}
    tokens = TokenBook(store, clock=ManualClock(), ids=CountingIds(), fixed=fixed)
    intake = WebhookIntake(
        nowhere,
        gate=Gate(tokens, options=AuthOptions(mode="token")),
        sink=reception,
        store=store,
        sources=[SourceName("eu"), SourceName("us")],
        clock=ManualClock(),
        options=IntakeOptions(),
        metrics=IntakeMetrics(CollectorRegistry()),
        counted=lambda _: None,
    )
    transport = httpx.ASGITransport(intake)  # type: ignore[arg-type] - httpx types ASGI messages more narrowly
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=headers) as opened:
        yield opened


def alert(labels: dict[str, object] | None = None, **keys: object) -> dict[str, object]:
    return {"status": "firing", "labels": NAME | (labels or {}), "startsAt": BEGAN, **keys}


async def post(client: httpx.AsyncClient, *alerts: object, to: str = "/alertmanager") -> dict[str, object]:
    answer = await client.post(to, content=json.dumps({"alerts": alerts}))
    assert answer.status_code == 200, answer.text
    said: dict[str, object] = answer.json()
    return said


async def alerts(store: SqlStore) -> list[StoredAlert]:
    return (await store.read(lambda tx: tx.alerts.page(limit=100, before=None)))[0][::-1]


async def incidents(store: SqlStore) -> list[Incident]:
    return (await store.read(lambda tx: tx.incidents.page(limit=100, before=None)))[0][::-1]


@pytest.mark.parametrize(
    "odd",
    [
        alert({"alertname": "Crm\0Down"}),
        alert({"service": "c\0rm", "tenant": "ac\0me", "severity": "\0"}),
        alert({"na\0me": "x"}),
        alert(annotations={"summary": "it\0is"}),
        alert(fingerprint="ab\0cd"),
        alert(annotations=None),
        alert({"alertname": "x" * 1_000_000}),
        alert({"service": "\U0001f525" * 5000, "tenant": "y" * 5000}),
        alert({f"label_{number}": "v" for number in range(100_000)}),
        alert(annotations={"summary": "z" * 1_000_000}),
        alert(fingerprint="f" * 1_000_000),
        alert(startsAt="9999-12-31T23:59:59.999999Z"),
        alert(startsAt="0001-01-01T00:00:00Z"),
        alert(endsAt="9999-12-31T23:59:59Z", status="resolved"),
    ],
    ids=[
        "name",
        "tenant",
        "label",
        "annotation",
        "fingerprint",
        "null",
        "long-name",
        "long-words",
        "many",
        "summary",
        "print",
        "9999",
        "0001",
        "end",
    ],
)
async def test_an_odd_alert_is_filed_with_the_rest_of_its_webhook(
    client: httpx.AsyncClient, store: SqlStore, odd: dict[str, object]
) -> None:
    assert await post(client, alert({"service": "one"}), odd, alert({"service": "two"})) == {
        "received": 3,
        "quarantined": 0,
    }

    assert len(await alerts(store)) == 3
    for incident in await incidents(store):
        entries = await store.read(lambda tx, one=incident.id: tx.incidents.timeline(one, limit=10, after=0))
        assert "\0" not in incident.title + incident.tenant + incident.service
        assert max(len(incident.title), len(incident.tenant), len(incident.service), len(incident.key)) <= 500
        assert all(len(stored.entry.text) < 3000 and "\0" not in stored.entry.text for stored in entries)


@pytest.mark.parametrize(
    "body",
    [
        b'{"alerts": [{"status": "firing", "labels": {"a": "\\ud800"}, "startsAt": "2026-01-01T12:00:00Z"}]}',
        json.dumps({"alerts": [alert({"count": 7})]}).encode(),
        json.dumps({"alerts": [alert(status="fi\0ring")]}).encode(),
        json.dumps({"alerts": [alert(startsAt="\0")]}).encode(),
        b'{"alerts": [], "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\x00" * 1000,
    ],
    ids=["surrogate", "number", "nul in status", "nul in time", "deep", "no text"],
)
async def test_what_cannot_be_read_is_kept_and_answered(
    client: httpx.AsyncClient, reception: Reception, body: bytes
) -> None:
    answer = await client.post("/alertmanager", content=body)

    assert (answer.status_code, answer.json()["quarantined"]) == (200, 1)
    ledger = await reception.ledger()
    assert ledger.received == 1


async def test_of_a_key_that_is_there_twice_the_last_counts(client: httpx.AsyncClient, store: SqlStore) -> None:
    one, two = json.dumps(alert({"service": "one"})), json.dumps(alert({"service": "two"}))
    answer = await client.post("/alertmanager", content=f'{{"alerts": [{one}], "alerts": [{two}]}}')

    assert answer.json() == {"received": 1, "quarantined": 0}
    assert [stored.alert.labels["service"] for stored in await alerts(store)] == ["two"]


async def test_a_webhook_without_alerts_is_one(client: httpx.AsyncClient, reception: Reception) -> None:
    assert await post(client) == {"received": 0, "quarantined": 0}
    assert (await reception.ledger()).received == 0


async def test_long_fingerprints_that_begin_alike_are_two_alerts(client: httpx.AsyncClient, store: SqlStore) -> None:
    await post(client, alert({"pod": "a"}, fingerprint="f" * 99 + "a"), alert({"pod": "b"}, fingerprint="f" * 99 + "b"))

    assert len(await alerts(store)) == 2


async def test_long_services_that_begin_alike_are_two_incidents(client: httpx.AsyncClient, store: SqlStore) -> None:
    await post(client, alert({"service": "s" * 9000 + "a"}), alert({"service": "s" * 9000 + "b"}))
    await post(client, alert({"service": "s" * 9000 + "a", "pod": "another"}))

    assert len(await incidents(store)) == 2


async def test_two_sources_share_nothing_but_the_store(client: httpx.AsyncClient, store: SqlStore) -> None:
    await asyncio.gather(*(post(client, alert(), to=f"/alertmanager/{source}") for source in ("eu", "us")))
    await post(client, alert(status="resolved"), to="/alertmanager/us")

    assert {(one.source, one.firing) for one in await incidents(store)} == {("eu", 1), ("us", 0)}
    assert {(one.alert.source, one.alert.status) for one in await alerts(store)} == {
        ("eu", "firing"),
        ("us", "resolved"),
    }


async def test_a_sender_who_goes_away_takes_no_other_along(store: SqlStore, client: httpx.AsyncClient) -> None:
    gone = asyncio.create_task(post(client, alert({"service": "gone"})))
    stays = asyncio.create_task(post(client, alert({"service": "stays"})))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, stays, return_exceptions=True)

    assert stays.result() == {"received": 1, "quarantined": 0}
