"""The executor of requests: what becomes of each answer, and what is sent (the rest is in the contract suite)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.clients.http_target import HttpTarget
from aetherlink.clients.http_target_options import HttpTargetOptions
from aetherlink.errors import NotSentError, SettingsError
from aetherlink.executors.http import HttpExecutor
from aetherlink.executors.options import ExecutorOptions
from aetherlink.executors.registry import open_executors
from aetherlink.model.actions import Outcome, OutcomeStatus, Requested, Target
from aetherlink.model.ids import TargetName
from aetherlink.testing import ManualClock
from rigs.http_service import HttpService, http_service

NAME = TargetName("crm-cache")
DEADLINE = timedelta(seconds=20)
HASTE = timedelta(seconds=1)
TOKEN = "t0p-secret-token"


@pytest.fixture
async def service() -> AsyncIterator[HttpService]:
    async with http_service() as made:
        yield made


def target(options: HttpTargetOptions) -> Target:
    return Target(NAME, executor="http", service="cache", requests=options.declared)


async def sent(options: HttpTargetOptions, request: str = "purge", *, deadline: timedelta = DEADLINE) -> Outcome:
    """What came of one request."""
    client = HttpTarget(NAME, options)
    wish = Requested(request, key="act-0001")
    outcome = await HttpExecutor({NAME: client}).converge(target(options), wish, deadline=deadline)
    await client.aclose()
    return outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, OutcomeStatus.DONE),
        (204, OutcomeStatus.DONE),
        (299, OutcomeStatus.DONE),
        (300, OutcomeStatus.UNKNOWN),
        (303, OutcomeStatus.UNKNOWN),
        (307, OutcomeStatus.UNKNOWN),
        (400, OutcomeStatus.FAILED),
        (404, OutcomeStatus.FAILED),
        (408, OutcomeStatus.UNKNOWN),
        (409, OutcomeStatus.FAILED),
        (429, OutcomeStatus.FAILED),
        (499, OutcomeStatus.FAILED),
        (500, OutcomeStatus.UNKNOWN),
        (503, OutcomeStatus.UNKNOWN),
        (999, OutcomeStatus.UNKNOWN),
    ],
)
async def test_the_status_says_what_came_of_it(service: HttpService, status: int, outcome: OutcomeStatus) -> None:
    service.status = status

    found = await sent(service.options)

    assert found.status is outcome, found
    assert str(status) in found.reason
    assert len(service.asked) == 1


async def test_a_redirect_is_not_followed(service: HttpService) -> None:
    async with http_service() as other:
        service.status, service.more = 307, f"location: {other.url}/purge\r\n"
        service.health = 302

        outcome = await sent(service.options)
        client = HttpTarget(NAME, service.options)
        seen = await HttpExecutor({NAME: client}).observe(target(service.options), deadline=DEADLINE)
        await client.aclose()

    assert outcome.status is OutcomeStatus.UNKNOWN
    assert (seen.ready, seen.wanted) == (0, 1)
    assert (len(service.asked), other.asked, other.looks) == (1, [], [])


async def test_what_is_sent_is_what_the_settings_say_with_the_id_of_the_action(service: HttpService) -> None:
    await sent(service.options)
    await sent(service.options, "drop")

    purge, drop = service.asked
    assert (purge.method, purge.path, purge.body) == ("POST", "/purge?all=1", b'{"all": true}')
    assert (purge.headers["x-shop"], purge.headers["content-type"]) == ("crm", "application/json")
    assert (drop.method, drop.path, drop.body) == ("DELETE", "/cache", b"")
    assert {one.headers["idempotency-key"] for one in service.asked} == {"act-0001"}
    assert {one.headers["host"] for one in service.asked} == {service.url.removeprefix("http://")}


async def test_a_header_of_the_settings_says_what_the_body_is(service: HttpService) -> None:
    request = {"url": f"{service.url}/purge", "body": "all=1", "headers": {"Content-Type": "application/x-www-form"}}
    options = {"observe": {"url": service.url}, "requests": {"purge": request}}

    await sent(HttpTargetOptions.model_validate(options))

    assert service.asked[0].headers["content-type"] == "application/x-www-form"


@pytest.mark.parametrize(("status", "ready"), [(200, 1), (204, 1), (301, 0), (404, 0), (500, 0), (503, 0)])
async def test_a_target_is_well_where_it_answers_2xx(service: HttpService, status: int, ready: int) -> None:
    service.health = status
    client = HttpTarget(NAME, service.options)

    seen = await HttpExecutor({NAME: client}).observe(target(service.options), deadline=DEADLINE)
    await client.aclose()

    assert (seen.ready, seen.wanted, seen.oldest_start) == (ready, 1, None)
    assert (service.looks[0].path, service.asked) == ("/health", [])


async def test_where_nobody_listens_nothing_was_sent_and_nothing_is_seen(service: HttpService) -> None:
    await service.stop()
    client = HttpTarget(NAME, service.options)

    outcome = await sent(service.options)
    with pytest.raises(NotSentError):
        await HttpExecutor({NAME: client}).observe(target(service.options), deadline=DEADLINE)
    await client.aclose()

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.reason.startswith("nothing was sent")


async def test_where_no_connection_comes_about_in_time_nothing_was_sent(service: HttpService) -> None:
    """It waits for the end of a head, and never answers the first words of TLS."""
    https = service.url.replace("http:", "https:")
    options = {"observe": {"url": https}, "requests": {"purge": {"url": f"{https}/purge"}}}

    outcome = await sent(HttpTargetOptions.model_validate(options), deadline=HASTE)

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.reason.startswith("nothing was sent: POST /purge at https://")
    assert service.asked == []


async def test_a_token_is_sent_and_shown_nowhere(
    service: HttpService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The service answers with all that it was sent."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    request = {
        "url": f"{service.url}/purge?k={TOKEN}",
        "body": TOKEN,
        "headers": {"X-Key": TOKEN},
        "bearer_token_file": file,
    }
    options = HttpTargetOptions.model_validate({"observe": {"url": service.url}, "requests": {"purge": request}})
    told = []
    for status in (200, 302, 403, 500):
        service.status = status
        told.append(await sent(options))
    await service.stop()
    told.append(await sent(options))

    assert {one.headers["authorization"] for one in service.asked} == {f"Bearer {TOKEN}"}
    assert [one.status for one in told] == ["done", "unknown", "failed", "unknown", "failed"]
    assert TOKEN not in f"{told} {caplog.text} {target(options)} {options.requests['purge'].headers}"


async def test_a_file_that_holds_no_token_stops_the_start(service: HttpService, tmp_path: Path) -> None:
    request = {"url": service.url, "bearer_token_file": tmp_path / "none"}
    options = HttpTargetOptions.model_validate({"observe": {"url": service.url}, "requests": {"purge": request}})

    with pytest.raises(SettingsError, match=r"bearer_token_file .* cannot be read"):
        open_executors([target(options)], ExecutorOptions(http={NAME: options}), clock=ManualClock())


async def test_a_target_without_its_settings_stops_the_start() -> None:
    bare = Target(NAME, executor="http", service="cache")

    with pytest.raises(SettingsError, match=r"crm-cache .* set targets\.NAME\.http"):
        open_executors([bare], ExecutorOptions(), clock=ManualClock())


async def test_a_dry_run_looks_and_sends_nothing(service: HttpService) -> None:
    options = ExecutorOptions(http={NAME: service.options})
    opened = open_executors([target(service.options)], options, clock=ManualClock(), is_dry_run=True)["http"]

    outcome = await opened.executor.converge(target(service.options), Requested("purge", "act-1"), deadline=DEADLINE)
    await opened.aclose()

    assert outcome.status is OutcomeStatus.DONE
    assert outcome.reason == f"dry run: nothing was changed; POST {service.url}/purge would have been sent to cache"
    assert (service.asked, len(service.looks)) == ([], 1)


async def test_what_the_settings_do_not_know_any_more_is_not_sent(service: HttpService) -> None:
    """A target of the model with more than its client has: nobody can make it, and still nothing is sent."""
    client = HttpTarget(NAME, service.options)
    more = replace(service.options.declared[0], name="reboot")
    odd = replace(target(service.options), requests=(more,))

    outcome = await HttpExecutor({NAME: client}).converge(odd, Requested("reboot", "act-1"), deadline=DEADLINE)
    await client.aclose()

    assert (outcome.status, service.asked) == (OutcomeStatus.FAILED, [])
