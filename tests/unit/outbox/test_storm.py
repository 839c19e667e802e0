"""A storm of incidents: one message a second at most, and a digest that tells of the rest."""

from datetime import timedelta

from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import DeliveryState, Failure
from aetherlink.model.incidents import Severity, Stage
from aetherlink.model.timeline import EventKind
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
