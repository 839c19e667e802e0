"""T22: whatever becomes of a channel, nothing is lost, nothing knowable is said twice, and nobody waits for it.

The outbox and the store are the agent's own, the servers listen and answer as the real services do; the clock is moved.
"""

import asyncio
import re
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.webhook_options import WebhookOptions
from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import Failure
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers.registry import BUILTIN
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock
from rigs.agent_process import wait_until
from rigs.letters import letter
from rigs.notifiers import RIGS, HookServer
from rigs.outbox_on_servers import OUT, OutboxOnServer, outbox_of, outbox_on_server
from rigs.pipeline import build_rig
from rigs.scripted_http import Lapse, Spoil
from rigs.storm import calm_prometheus, storm

DAY = 24 * 3600.0
CERTIFICATES = Path(__file__).parents[1] / "rigs/certificates"
WITHIN = timedelta(seconds=10)  # from the webhook to the action; one that waited for a channel takes 30 at least

every = pytest.mark.parametrize("kind", sorted(RIGS))


@pytest.fixture
async def rig(kind: str, tmp_path: Path) -> AsyncIterator[OutboxOnServer]:
    async with outbox_on_server(kind, tmp_path) as made:
        yield made


@every
async def test_t22_an_outage_of_a_day_loses_nothing(rig: OutboxOnServer) -> None:
    await rig.opened(1)
    await rig.let(5)
    await rig.service.server.stop()
    for number in (2, 3, 4):
        await rig.opened(number)
    await rig.happens(1, EventKind.ACTION_STARTED, "restarting crm-api")
    await rig.let(DAY / 2, step=300)
    await rig.resolved(1)
    await rig.opened(5)
    await rig.let(DAY / 2, step=300)
    assert [len(rig.seen(number)) for number in (2, 3, 4, 5)] == [0, 0, 0, 0]
    await rig.service.server.start()
    await rig.let(900)

    assert [len(rig.seen(number)) for number in (2, 3, 4, 5)] == [1, 1, 1, 1]
    assert len(rig.seen(1)) == (1 if rig.service.can_change else 2)
    assert all([await rig.is_settled(number) for number in range(1, 6)])


@every
async def test_t22_after_any_trouble_each_incident_is_seen_once(rig: OutboxOnServer) -> None:
    """Those after which nobody knows: once where the service knows what it was told, and else at least once."""
    service = rig.service
    tried_again = [one.lapse for one in service.refusals.values() if one.failure != Failure.REFUSED]
    doubtful = [service.reset_after_accept]
    for number, lapse in enumerate([*tried_again, service.hang, *doubtful], start=1):
        service.server.lapses.append(lapse)
        await rig.opened(number)
        await rig.let(3)
        assert not service.server.lapses
        await rig.let(3600, step=60)
        assert await rig.is_settled(number), lapse
        assert len(rig.seen(number)) == (2 if lapse in doubtful and not service.knows_again else 1), lapse
        await rig.resolved(number)
        await rig.let(120)
        assert await rig.is_settled(number)
    last = len(tried_again) + 1
    if service.can_change:
        assert [len(rig.seen(number)) for number in range(1, last)] == [1] * (last - 1)
    else:
        assert all("resolved" in rig.seen(number)[-1] for number in range(1, last))


@pytest.mark.parametrize(
    "kind", [kind for kind in sorted(RIGS) if "429 with Retry-After" in RIGS[kind](Path()).refusals]
)
async def test_t22_who_wants_to_be_left_alone_for_120_seconds_is(rig: OutboxOnServer) -> None:
    rig.service.server.lapses.append(rig.service.refusals["429 with Retry-After"].lapse)
    await rig.opened(1)
    await rig.let(2)
    before = rig.service.attempts
    await rig.opened(2)
    await rig.let(116)
    assert rig.service.attempts == before
    await rig.let(20)

    assert [len(rig.seen(number)) for number in (1, 2)] == [1, 1]


@every
async def test_t22_what_happened_is_told_in_its_order(rig: OutboxOnServer) -> None:
    """Also where in the middle of it nobody can be told."""
    steps = (EventKind.ACTION_STARTED, EventKind.ACTION_FINISHED, EventKind.VERIFIED)
    await rig.opened(1)
    await rig.let(5)
    for number, kind in enumerate(steps):
        rig.service.server.lapses.append(rig.service.refusals[_retried(rig)].lapse)
        await rig.happens(1, kind, f"step {number}")
        await rig.let(200, step=1)
    await rig.resolved(1)
    await rig.let(60)

    told = re.findall(r"step \d", "\n".join(rig.seen(1)))
    assert told == ([] if rig.service.can_change else ["step 0", "step 1", "step 2"])
    assert await rig.is_settled(1)


def _retried(rig: OutboxOnServer) -> str:
    return next(name for name, one in rig.service.refusals.items() if one.failure == Failure.SERVER)


async def storm_of(rig: OutboxOnServer, count: int) -> None:
    """All at once; then, at the clock's pace, what arrives at the service."""
    arrivals: list[float] = []
    heard = rig.service.server.heard

    def noted(request: object) -> object:
        arrivals.append(rig.clock.monotonic())
        return heard(request)

    rig.service.server.heard = noted
    for number in range(1, count + 1):
        await rig.opened(number)
    await rig.let(120, step=0.5)
    assert 1 <= len(arrivals) <= 10
    assert all(later - earlier >= 1 for earlier, later in pairwise(arrivals))
    [digest] = [text for text in rig.service.messages() if f"{count} incidents" in text]
    assert "storm" in digest
    for number in range(1, count + 1):
        await rig.resolved(number)
    await rig.let(120, step=0.5)
    assert len(arrivals) <= 20
    assert all(later - earlier >= 1 for earlier, later in pairwise(arrivals))


@pytest.mark.parametrize("kind", ["pagerduty", "webhook"])
async def test_t22_a_storm_is_a_digest_and_a_message_a_second_at_most(rig: OutboxOnServer) -> None:
    await storm_of(rig, 50)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["pagerduty", "webhook"])
async def test_t22_a_storm_of_1000_is_a_digest_and_a_message_a_second_at_most(rig: OutboxOnServer) -> None:
    await storm_of(rig, 1000)


@pytest.mark.parametrize("kind", ["pagerduty"])
async def test_t22_pagerduty_opens_and_closes_each_incident_once(rig: OutboxOnServer) -> None:
    for number in (1, 2, 3):
        await rig.opened(number)
    await rig.let(10)
    await rig.happens(1, EventKind.ACKNOWLEDGED, acknowledged_by="ann")
    for kind in (EventKind.ACTION_STARTED, EventKind.NOT_RECOVERED, EventKind.ESCALATED):
        await rig.happens(2, kind)
        await rig.let(10)
    for number in (1, 2):
        await rig.resolved(number)
    await rig.let(40)

    events = rig.service.server.events
    assert [one for one in events if one.endswith("0001")] == [
        f"{action} inc-0001" for action in ("trigger", "acknowledge", "resolve")
    ]
    assert [one for one in events if one.endswith("0002")] == ["trigger inc-0002", "resolve inc-0002"]
    assert [one.state for one in rig.service.server.shown] == ["resolved", "resolved", "triggered"]


def tls(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.pem", CERTIFICATES / f"{name}.key")
    return context


async def test_t22_a_certificate_that_has_expired_is_not_told_and_a_new_one_is(tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_text("".join((CERTIFICATES / f"{name}.pem").read_text() for name in ("ca", "expired")))
    server = HookServer(tls=tls("expired"))
    await server.start()
    options = WebhookOptions.model_validate({"url": server.url, "tls": {"ca_file": trusted}})
    opened = BUILTIN["webhook"](options, ClientOptions())
    with pytest.raises(UndeliveredError, match="certificate has expired") as caught:
        await opened.notifier.tell(letter(), deadline=timedelta(seconds=10))
    await server.stop()
    server.tls = tls("server")
    await server.start()
    await opened.notifier.tell(letter(), deadline=timedelta(seconds=10))
    await opened.aclose()
    await server.stop()

    assert (caught.value.failure, caught.value.is_unsure) == (Failure.UNREACHABLE, False)
    assert len(server.taken) == 1


async def test_t22_a_name_that_does_not_exist_is_not_told() -> None:
    options = WebhookOptions.model_validate({"url": "http://aether.invalid/hook"})
    opened = BUILTIN["webhook"](options, ClientOptions())
    with pytest.raises(UndeliveredError) as caught:
        await opened.notifier.tell(letter(), deadline=timedelta(seconds=10))
    await opened.aclose()

    assert caught.value.failure in {Failure.UNREACHABLE, Failure.DEADLINE}  # as the resolver here says so, or is silent


@pytest.mark.parametrize("kind", ["email", "pagerduty", "webhook"])
async def test_t22_a_channel_that_hangs_delays_no_action(
    kind: str, tmp_path: Path, store: SqlStore, clock: ManualClock, ids: CountingIds
) -> None:
    """It hangs for half a minute; the pipeline's own stages run while it does."""
    pipeline = build_rig(store, clock, ids, database=tmp_path / "aetherlink.db")
    service = RIGS[kind](tmp_path)
    await service.server.start()
    service.server.standing = service.hang
    opened = service.open()
    outbox = outbox_of(opened.notifier, store, clock, timedelta(seconds=30))
    await outbox.begin()
    outbox.start()
    await pipeline.hear("NothingThatAnyPlaybookKnows")
    async with asyncio.timeout(20):
        while not service.attempts:
            clock.move(1)
            outbox.wake(OUT)
            await asyncio.sleep(0.05)

    async with asyncio.timeout(WITHIN.total_seconds()):
        await pipeline.hear()
        await pipeline.run()
    acted = len(pipeline.executor.calls)
    await outbox.stop()
    await opened.aclose()
    await service.server.stop()

    assert acted == 1
    assert service.messages() == []


@pytest.fixture
def hanging() -> Iterator[HookServer]:
    """A service on a thread of its own that takes every webhook, and never answers."""
    server = HookServer(standing=Lapse(spoil=Spoil.HANG))
    is_up, is_over = threading.Event(), threading.Event()

    async def run() -> None:
        await server.start()
        is_up.set()
        await asyncio.to_thread(is_over.wait)
        await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert is_up.wait(30)
    yield server
    is_over.set()
    thread.join()


@pytest.mark.long
def test_t22_channels_that_hang_delay_no_action_of_an_agent(tmp_path: Path, hanging: HookServer) -> None:
    (tmp_path / "prometheus").mkdir()
    with calm_prometheus(tmp_path) as prometheus, storm(tmp_path, prometheus) as world:
        file = Path(world.settings["AETHER_CONFIG"])
        channels = {f"dead-{number}": {"deadline": "30s", "webhook": {"url": hanging.url}} for number in range(5)}
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "notify": {"channels": channels}}))
        with world.serving():
            world.blow(1)
            world.wait_for_starts(1)
            wait_until(lambda: bool(hanging.requests), "the channels are stuck")
            begun = world.sent
            for _ in range(5):
                sent_at = datetime.now(UTC)
                world.blow(1)
                world.wait_for_starts(world.sent)
                assert max(world.starts()) - sent_at < WITHIN
    assert world.sent == begun + 5
    assert hanging.taken == {}
