"""One channel: each incident told once, in order, whatever fails."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import DeliveryState, Failure
from aetherlink.model.incidents import Severity
from aetherlink.model.timeline import EventKind
from aetherlink.model.windows import WeeklyWindow
from aetherlink.testing import RecordingNotifier
from rigs.outbox import CHAT, Rig


def down(failure: Failure = Failure.UNREACHABLE, **more: object) -> UndeliveredError:
    return UndeliveredError("it is away", failure=failure, **more)  # type: ignore[arg-type]  # a test's own words


def told(rig: Rig) -> list[list[str]]:
    return [[one.entry.kind.value for one in letter.entries] for letter in rig.notifiers[CHAT].letters]


async def test_what_belongs_together_is_one_letter_and_the_next_one_knows_the_first(rig: Rig) -> None:
    await rig.opened()
    await rig.happens(1, EventKind.DECIDED)
    await rig.pass_time(3)
    await rig.resolved()
    await rig.pass_time(3)

    first, second = rig.notifiers[CHAT].letters
    assert told(rig) == [["opened", "decided"], ["resolved"]]
    assert (first.is_first, second.reference) == (True, {"id": "inc-0001"})
    assert first.link == "https://aether.example.org/incidents/inc-0001"


async def test_what_was_stored_before_the_channel_was_there_is_not_told(rig: Rig) -> None:
    rig.channels.clear()
    other = Rig(rig.store, rig.clock, rig.plans)
    await rig.opened()
    rig.numbers = other.numbers = 1
    late = replace(rig.plans[CHAT], name=CHAT + "-2")
    other.plans = {late.name: late}
    await other.start()
    await other.pass_time(5, [late.name])

    assert other.notifiers[late.name].letters == []


async def test_an_outage_of_a_day_loses_nothing_and_keeps_the_order(rig: Rig) -> None:
    notifier = rig.notifiers[CHAT]
    notifier.problems = [down()] * 100_000
    for number in (1, 2, 3):
        await rig.opened(number)
        await rig.pass_time(3600, step=5)
        await rig.resolved(number)
    await rig.pass_time(20 * 3600, step=5)
    attempts = 100_000 - len(notifier.problems)
    assert notifier.letters == []
    notifier.problems.clear()
    await rig.pass_time(600)

    assert {letter.incident.id for letter in notifier.letters} == {"inc-0001", "inc-0002", "inc-0003"}
    assert told(rig) == [["opened", "resolved"]] * 3
    assert attempts < 23 * 3600 / 20  # it backs off to half a minute


async def test_the_other_side_says_when_it_wants_the_next_message(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [down(Failure.RATE_LIMITED, wait=120)]
    await rig.opened()
    await rig.pass_time(119)
    assert rig.notifiers[CHAT].letters == []
    await rig.pass_time(10)

    assert len(rig.notifiers[CHAT].letters) == 1


async def test_what_is_refused_is_given_up_and_holds_up_no_other(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [down(Failure.REFUSED)]
    await rig.opened(1)
    await rig.pass_time(2)
    await rig.opened(2)
    await rig.pass_time(3)

    dead = await rig.delivery(1)
    assert dead is not None
    assert (dead.state, dead.failure, dead.problem) == (DeliveryState.DEAD, "refused", "it is away")
    assert [letter.incident.id for letter in rig.notifiers[CHAT].letters] == ["inc-0002"]


async def test_what_cannot_be_told_for_a_week_is_given_up_and_says_so(rig: Rig) -> None:
    rig.notifiers[CHAT].problems = [down()] * 100_000
    await rig.opened()
    await rig.pass_time(timedelta(days=7, minutes=10).total_seconds(), step=60)

    dead = await rig.delivery()
    assert dead is not None
    assert (dead.state, dead.failure) == (DeliveryState.DEAD, "expired")


async def test_a_letter_that_always_fails_lets_others_through(rig: Rig) -> None:
    class Poisoned(RecordingNotifier):
        async def tell(self, letter, *, deadline):  # type: ignore[no-untyped-def]  # as the port says
            if letter.incident.id == "inc-0001":
                raise down(Failure.SERVER)
            return await super().tell(letter, deadline=deadline)

    rig.notifiers[CHAT] = Poisoned()
    await rig.start()
    await rig.opened(1)
    await rig.pass_time(30)
    await rig.opened(2)
    await rig.pass_time(120)

    assert [letter.incident.id for letter in rig.notifiers[CHAT].letters] == ["inc-0002"]


@pytest.mark.parametrize("news", [False, True])
async def test_after_a_crash_in_the_middle_of_telling_it_is_said_that_nobody_knows(rig: Rig, news: bool) -> None:
    class Hanging(RecordingNotifier):
        async def tell(self, letter, *, deadline):  # type: ignore[no-untyped-def]  # as the port says  # noqa: ARG002 - hangs whatever it is told
            await asyncio.Event().wait()

    hanging, well = Hanging(), rig.notifiers[CHAT]
    rig.notifiers[CHAT] = hanging
    await rig.start()
    await rig.opened()
    await rig.channels[CHAT].look()
    rig.clock.move(2)
    killed = asyncio.create_task(rig.channels[CHAT].look())
    await asyncio.sleep(0.01)
    killed.cancel()
    if news:
        await rig.happens(1, EventKind.DECIDED)
    rig.notifiers[CHAT] = well
    await rig.start()
    await rig.pass_time(2)

    [letter] = well.letters
    assert letter.is_unsure


async def test_a_notifier_that_breaks_is_a_failure_like_any_other(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.notifiers[CHAT].problems = [ZeroDivisionError("secret")]
    await rig.opened()
    await rig.pass_time(1.5)
    failed = await rig.delivery()
    await rig.pass_time(10)

    assert failed is not None
    assert (failed.failure, failed.problem) == ("broken", "the notifier is broken: ZeroDivisionError")
    assert len(rig.notifiers[CHAT].letters) == 1
    assert "is broken" in caplog.text


async def test_messages_keep_their_distance(rig: Rig) -> None:
    for number in range(1, 6):
        await rig.opened(number)
    await rig.pass_time(4.9)

    times = [letter.at for letter in rig.notifiers[CHAT].letters]
    assert len(times) == 4
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(times))


async def test_the_most_urgent_is_told_first(rig: Rig) -> None:
    await rig.opened(1, severity=Severity.INFO)
    await rig.opened(2, severity=Severity.CRITICAL)
    await rig.opened(3, severity=Severity.WARNING, vip=True)
    await rig.pass_time(5)

    assert [letter.incident.id for letter in rig.notifiers[CHAT].letters] == ["inc-0003", "inc-0002", "inc-0001"]


async def test_what_is_given_up_is_still_not_known_to_be_unheard(rig: Rig) -> None:
    """Who tells it again has to look for it first."""
    rig.notifiers[CHAT].problems = [down(Failure.DEADLINE, is_unsure=True), down(Failure.REFUSED)]
    await rig.opened()
    await rig.pass_time(30)

    dead = await rig.delivery()
    assert dead is not None
    assert (dead.state, dead.is_unsure) == (DeliveryState.DEAD, True)


async def test_a_channel_that_failed_last_before_its_quiet_hours_is_not_held_to_be_away(rig: Rig) -> None:
    begins = rig.clock.now() + timedelta(minutes=1)
    ends = begins + timedelta(hours=8)
    night = WeeklyWindow("", frozenset(range(7)), begins.time(), ends.time(), ZoneInfo("UTC"))
    rig.plans[CHAT] = replace(rig.plans[CHAT], quiet=(night,))
    await rig.start()
    rig.notifiers[CHAT].problems = [down()] * 100
    await rig.opened()
    await rig.pass_time(60)
    evening = rig.channels[CHAT].problem
    await rig.pass_time(3600)
    night_long = rig.channels[CHAT].problem
    await rig.opened(2, severity=Severity.CRITICAL, vip=True)
    await rig.pass_time(60)

    assert (evening, night_long, rig.channels[CHAT].problem) == ("it is away", "", "it is away")
