"""Silences against a real Alertmanager: what is set there, what it silences, and that it goes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AetherError, AnswerError, BadRequestError, NotSentError
from aetherlink.model.alerts import Suppression
from rigs.exposition import free_port, wait_for

ODD = 'Zoë\'s "café" \\ .* {}=~ 🚨\n2'


@pytest.fixture
async def client(alertmanager_url: str, options: ClientOptions) -> AsyncIterator[AlertmanagerClient]:
    client = AlertmanagerClient(alertmanager_url, options)
    yield client
    await client.aclose()


async def set_for(client: AlertmanagerClient, seconds: float = 3600, **matchers: str) -> str:
    now = datetime.now(UTC)
    ends_at = now + timedelta(seconds=seconds)
    return await client.set_silence(
        matchers, starts_at=now, ends_at=ends_at, comment="restart crm-api", created_by="aetherlink"
    )


def stored(client: AlertmanagerClient, silence_id: str) -> dict[str, object]:
    return httpx.get(f"{client.address}/api/v2/silence/{silence_id}").raise_for_status().json()


def fire(client: AlertmanagerClient, **labels: str) -> None:
    httpx.post(f"{client.address}/api/v2/alerts", json=[{"labels": labels}]).raise_for_status()


async def suppressions(client: AlertmanagerClient, name: str, *own: str) -> list[Suppression]:
    listed = await client.alerts(own_silences=own)
    return sorted(alert.suppressed for alert in listed.values() if alert.name == name)


async def test_it_says_who_set_it_for_what_and_until_when(client: AlertmanagerClient) -> None:
    silence_id = await set_for(client, alertname="Said", job=ODD)
    said = stored(client, silence_id)

    assert (said["createdBy"], said["comment"], said["status"]) == (
        "aetherlink",
        "restart crm-api",
        {"state": "active"},
    )
    assert sorted(said["matchers"], key=lambda each: each["name"]) == [
        {"name": "alertname", "value": "Said", "isRegex": False, "isEqual": True},
        {"name": "job", "value": ODD, "isRegex": False, "isEqual": True},
    ]


async def test_only_what_has_exactly_these_labels_is_silenced_and_ours_do_not_count(client: AlertmanagerClient) -> None:
    fire(client, alertname="Exact", job="crm")
    fire(client, alertname="Exact", job="crm-2")
    silence_id = await set_for(client, alertname="Exact", job="crm")

    assert await suppressions(client, "Exact") == [Suppression.NONE, Suppression.SILENCED]
    assert await suppressions(client, "Exact", silence_id) == [Suppression.NONE, Suppression.NONE]
    other = await set_for(client, alertname="Exact")
    assert await suppressions(client, "Exact", silence_id) == [Suppression.SILENCED, Suppression.SILENCED]
    assert await suppressions(client, "Exact", silence_id, other) == [Suppression.NONE, Suppression.NONE]


async def test_it_is_ended_and_may_be_ended_again(client: AlertmanagerClient) -> None:
    fire(client, alertname="Ended")
    silence_id = await set_for(client, alertname="Ended")
    for _ in range(3):
        await client.expire_silence(silence_id)

    assert stored(client, silence_id)["status"] == {"state": "expired"}
    assert await suppressions(client, "Ended") == [Suppression.NONE]


async def test_it_ends_by_itself(client: AlertmanagerClient) -> None:
    fire(client, alertname="Short")
    silence_id = await set_for(client, 0.5, alertname="Short")
    wait_for(lambda: stored(client, silence_id)["status"] == {"state": "expired"}, "it is over")

    assert await suppressions(client, "Short") == [Suppression.NONE]


async def test_one_that_nobody_knows_any_more_is_over(client: AlertmanagerClient) -> None:
    await client.expire_silence("00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize("matchers", [{}, {"job": ""}, {f"label_{number}": "x" for number in range(201)}])
async def test_what_would_match_anything_is_never_sent(client: AlertmanagerClient, matchers: dict[str, str]) -> None:
    with pytest.raises(BadRequestError, match="a silence needs"):
        await set_for(client, **matchers)


@pytest.mark.parametrize("silence_id", ["", "../silences", "a b", "x" * 65])
async def test_what_is_no_id_is_never_sent(client: AlertmanagerClient, silence_id: str) -> None:
    with pytest.raises(AnswerError, match="is no id of a silence"):
        await client.expire_silence(silence_id)


async def test_its_refusal_is_an_error_in_its_own_words(client: AlertmanagerClient) -> None:
    with pytest.raises(AetherError, match="answered POST /api/v2/silences with 400"):
        await set_for(client, -60, alertname="Past")


async def test_one_that_is_away_is_unreachable(options: ClientOptions) -> None:
    away = AlertmanagerClient(f"http://127.0.0.1:{free_port()}", options)
    with pytest.raises(NotSentError):
        await set_for(away, alertname="Away")
    with pytest.raises(NotSentError):
        await away.expire_silence("00000000-0000-4000-8000-000000000000")
    await away.aclose()
