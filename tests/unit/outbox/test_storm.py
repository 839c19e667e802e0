"""A storm of incidents: one message a second at most, and a digest that tells of the rest."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import LOWEST_PRIORITY, Delivery, DeliveryState, Failure
from aetherlink.model.incidents import IncidentStatus, Severity, Stage
from aetherlink.model.timeline import EventKind
from aetherlink.testing import START
from rigs.outbox import CHAT, Rig


async def test_a_thousand_incidents_are_one_digest_that_is_kept_up_to_date(rig: Rig) -> None:
    notifier = rig.notifiers[CHAT]
    for number in range(1, 1001):
        await rig.opened(number)
    await rig.pass_time(60)
    assert notifier.letters == []
    assert (notifier.digests[0].incidents, notifier.digests[0].open) == (1000, 1000)
    for number in range(1, 1001):
        await rig.resolved(number)
    await rig.pass_time(90)

    last = notifier.digests[-1]
    assert (last.incidents, last.open, last.reference) == (1000, 0, {"id": last.id})
    assert len({digest.id for digest in notifier.digests}) == 1
    assert len(notifier.digests) <= 5


async def test_what_is_critical_for_a_vip_is_told_alone_in_a_storm(rig: Rig) -> None:
    for number in range(1, 101):
        await rig.opened(number)
    await rig.opened(101, severity=Severity.CRITICAL, vip=True)
    await rig.pass_time(5)

    assert [letter.incident.id for letter in rig.notifiers[CHAT].letters] == ["inc-0101"]


async def test_who_is_asked_is_asked_alone_although_a_digest_told_of_the_incident(rig: Rig) -> None:
    for number in range(1, 21):
        await rig.opened(number)
    await rig.pass_time(5)
    await rig.happens(7, EventKind.APPROVAL_ASKED, stage=Stage.APPROVE)
    await rig.pass_time(2)

    [letter] = rig.notifiers[CHAT].letters
    assert letter.incident.id == "inc-0007"
    assert [one.entry.kind for one in letter.entries] == [EventKind.APPROVAL_ASKED]
    stored = await rig.delivery(7)
    assert stored is not None
    assert stored.state is DeliveryState.TOLD


async def test_ten_at_once_are_no_storm(rig: Rig) -> None:
    for number in range(1, 11):
        await rig.opened(number)
    await rig.pass_time(15)

    assert rig.notifiers[CHAT].digests == []
    assert len(rig.notifiers[CHAT].letters) == 10


async def test_another_storm_later_is_another_digest(rig: Rig) -> None:
    for number in range(1, 21):
        await rig.opened(number)
    await rig.pass_time(timedelta(minutes=15).total_seconds())
    for number in range(21, 41):
        await rig.opened(number)
    await rig.pass_time(5)

    assert [digest.incidents for digest in rig.notifiers[CHAT].digests] == [20, 20]
    assert len({digest.id for digest in rig.notifiers[CHAT].digests}) == 2


async def test_what_was_perhaps_heard_alone_is_not_left_to_a_digest(rig: Rig) -> None:
    """Else a page that was opened so is never closed: of its end the digest would be told."""
    doubtful = UndeliveredError("reset", failure=Failure.UNREACHABLE, is_unsure=True)
    rig.notifiers[CHAT].problems = [doubtful, UndeliveredError("no", failure=Failure.REFUSED)]
    await rig.opened(1)
    await rig.pass_time(60)
    dead = await rig.delivery(1)
    assert dead is not None
    assert dead.state is DeliveryState.DEAD
    for number in range(2, 22):
        await rig.opened(number)
    await rig.resolved(1)
    await rig.pass_time(30)

    assert [letter.incident.id for letter in rig.notifiers[CHAT].letters if letter.is_unsure] == ["inc-0001"]


async def test_a_digest_knows_the_end_of_those_that_were_told_alone_meanwhile(rig: Rig) -> None:
    for number in range(1, 21):
        await rig.opened(number)
    await rig.pass_time(5)
    await rig.happens(7, EventKind.ESCALATED)
    await rig.pass_time(5)
    for number in [*range(1, 7), *range(8, 21)]:
        await rig.resolved(number)
    await rig.pass_time(90)
    await rig.resolved(7)
    await rig.pass_time(90)

    assert rig.notifiers[CHAT].digests[-1].open == 0


async def test_what_comes_back_after_its_storm_is_told_anew(rig: Rig) -> None:
    """An old message that is edited in silence calls nobody."""
    for number in range(1, 21):
        await rig.opened(number)
    await rig.pass_time(5)
    for number in range(1, 21):
        await rig.resolved(number)
    await rig.pass_time(300)
    told = len(rig.notifiers[CHAT].digests)
    await rig.happens(7, EventKind.REOPENED, status=IncidentStatus.OPEN, resolved_at=None)
    await rig.pass_time(90)

    [letter] = rig.notifiers[CHAT].letters
    assert (letter.incident.id, [one.entry.kind for one in letter.entries][-1]) == ("inc-0007", EventKind.REOPENED)
    assert rig.notifiers[CHAT].digests[told:] == []


async def test_a_storm_that_comes_back_is_a_digest_again(rig: Rig) -> None:
    for number in range(1, 21):
        await rig.opened(number)
    await rig.pass_time(5)
    for number in range(1, 21):
        await rig.resolved(number)
    await rig.pass_time(700)
    for number in range(1, 21):
        await rig.happens(number, EventKind.REOPENED, status=IncidentStatus.OPEN, resolved_at=None)
    await rig.pass_time(90)

    assert rig.notifiers[CHAT].letters == []
    assert len({digest.id for digest in rig.notifiers[CHAT].digests}) == 2
    assert rig.notifiers[CHAT].digests[-1].open == 20


async def test_a_digest_that_nobody_heard_and_all_have_left_says_nothing(rig: Rig) -> None:
    empty = Delivery("dig-0001", CHAT, LOWEST_PRIORITY, DeliveryState.WAITING, wanted=2, since=START, began_at=START)
    due = replace(empty, due_at=START)
    await rig.store.write(lambda rows: rows.deliveries.put(due))
    await rig.pass_time(10)
    settled = await rig.store.read(lambda rows: rows.deliveries.get("dig-0001", CHAT))
    await rig.store.write(lambda rows: rows.deliveries.put(replace(due, reference={"id": "dig-0001"})))
    await rig.pass_time(10)

    assert settled == replace(due, state=DeliveryState.TOLD, told=2, due_at=None)
    assert [one.incidents for one in rig.notifiers[CHAT].digests] == [0], "who heard of it hears that it is empty"


@pytest.mark.parametrize("later", [60, 900])
async def test_a_storm_that_calls_people_is_a_digest_too(rig: Rig, later: float) -> None:
    """As when all that is only observed is handed to people, a quarter of an hour after a storm."""
    for number in range(1, 301):
        await rig.opened(number)
    await rig.pass_time(later)
    for number in range(1, 301):
        await rig.happens(number, EventKind.ESCALATED)
    told = len(rig.notifiers[CHAT].digests)
    await rig.pass_time(60)

    first, *_ = rig.notifiers[CHAT].digests[told:]
    assert (rig.notifiers[CHAT].letters, first.reference, first.incidents) == ([], {}, 300)
