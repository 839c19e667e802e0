"""The clients against a real Prometheus and a real Alertmanager."""

from collections.abc import AsyncIterator

import pytest

from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.errors import AnswerError, RejectedError


@pytest.fixture
async def client(prometheus_url: str, options: ClientOptions) -> AsyncIterator[PrometheusClient]:
    client = PrometheusClient(prometheus_url, options)
    yield client
    await client.aclose()


async def test_a_vector_and_its_first_number_come_back(client: PrometheusClient) -> None:
    answer = await client.instant("vector(41) + 1")

    assert (answer.kind, answer.value, len(answer.result)) == ("vector", 42.0, 1)


@pytest.mark.parametrize(("query", "value"), [("vector(0/0)", None), ("vector(1/0)", None), ("1 + 1", 2.0)])
async def test_nan_and_infinity_are_no_value(client: PrometheusClient, query: str, value: float | None) -> None:
    assert (await client.instant(query)).value == value


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [("sum(", 400, "bad_data"), ("up + on() count(up) by (job)", 422, "execution"), ("", 400, "bad_data")],
)
async def test_prometheus_refuses_in_its_own_words(
    client: PrometheusClient, query: str, status: int, kind: str
) -> None:
    with pytest.raises(RejectedError) as caught:
        await client.instant(query)

    assert (caught.value.status, caught.value.kind) in [(status, kind), (400, "bad_data")]
    assert client.address in str(caught.value)


async def test_both_say_that_they_are_ready(
    client: PrometheusClient, alertmanager_url: str, options: ClientOptions
) -> None:
    alertmanager = AlertmanagerClient(alertmanager_url, options)

    await client.ready()
    await alertmanager.ready()
    await alertmanager.aclose()


async def test_alertmanager_is_not_taken_for_prometheus(alertmanager_url: str, options: ClientOptions) -> None:
    client = PrometheusClient(alertmanager_url, options)

    with pytest.raises(AnswerError, match="Is this the address of a Prometheus"):
        await client.instant("up")
    await client.aclose()
