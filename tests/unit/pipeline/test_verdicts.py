"""What is made of a repair: it helped, it did not, or nobody can tell, which is neither."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.actions import Verb, Verdict
from aetherlink.model.decisions import EvidenceStatus
from aetherlink.model.incidents import Stage
from aetherlink.model.playbooks import ScaleBy
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.runner import advance
from aetherlink.testing import START
from rigs.pipeline import API, Rig
from rigs.repairs import FAILS, HOLDS, NO_DATA, Signal, braked, playbook_of, release, said, signal_of, wishes

ERROR = EvidenceStatus.ERROR
SECOND = timedelta(seconds=1)
VERDICTS = (EventKind.VERIFIED, EventKind.NOT_RECOVERED, EventKind.CANNOT_TELL, EventKind.UNDONE)


async def verdicts(rig: Rig) -> list[EventKind]:
    return [entry.kind for entry in await said(rig, *VERDICTS)]


def after(rig: Rig, seconds: float, then: EvidenceStatus, before: EvidenceStatus = FAILS):
    """A signal that changes so long after the start."""
    return lambda: then if rig.clock.now() >= START + timedelta(seconds=seconds) else before


async def test_a_repair_that_helped_is_recovered(rig: Rig) -> None:
    signal_of(rig)
    await rig.hear()
    await rig.run_for(10)

    [action] = await rig.actions()
    assert (action.verdict, await verdicts(rig)) == (Verdict.RECOVERED, [EventKind.VERIFIED])
    assert await braked(rig) == []


async def test_a_repair_that_did_not_help_is_not_recovered_when_its_time_is_over(rig: Rig) -> None:
    signal_of(rig, FAILS)
    await rig.hear()
    await rig.run_for(59)
    assert await verdicts(rig) == []

    await rig.run_for(2)
    [action] = await rig.actions()
    assert (action.verdict, await verdicts(rig)) == (Verdict.NOT_RECOVERED, [EventKind.NOT_RECOVERED])
    assert await braked(rig) == ["target:crm-api"]
    incident = await rig.incident()
    assert (incident.stage, incident.hands_off, incident.escalated) == (Stage.WATCH, True, True)


@pytest.mark.parametrize("status", [NO_DATA, ERROR])
async def test_without_data_nobody_can_tell_and_nothing_is_undone(rig: Rig, status: EvidenceStatus) -> None:
    playbook_of(rig, verb=Verb.SCALE, scale=ScaleBy(2))
    signal_of(rig, status)
    await rig.hear()
    await rig.run_for(300)

    [action] = await rig.actions()
    assert (action.verdict, await verdicts(rig)) == (Verdict.CANNOT_TELL, [EventKind.CANNOT_TELL])
    assert rig.executor.world[API].wanted == 3
    assert await braked(rig) == ["target:crm-api"]
    assert len(await said(rig, EventKind.ESCALATED)) == 1


@pytest.mark.parametrize("last", [NO_DATA, ERROR])
async def test_data_that_ends_with_the_time_is_no_failure_and_no_success(rig: Rig, last: EvidenceStatus) -> None:
    playbook_of(rig, verb=Verb.SCALE, scale=ScaleBy(1))
    signal = signal_of(rig)
    signal.verify = after(rig, 59, last)
    await rig.hear()
    await rig.run_for(200)

    assert await verdicts(rig) == [EventKind.CANNOT_TELL]
    assert rig.executor.world[API].wanted == 2


async def test_seven_minutes_of_errors_before_a_good_repair_do_not_undo_it(rig: Rig) -> None:
    """The signal is asked on samples newer than the action: what went wrong before has no say."""
    playbook_of(rig, verb=Verb.SCALE, scale=ScaleBy(1))
    signal = signal_of(rig)
    signal.when = FAILS
    await rig.hear()
    await rig.run_for(7 * 60)
    assert wishes(rig) == []

    acted_at = rig.clock.now()
    signal.when = HOLDS
    signal.verify = lambda: HOLDS if rig.clock.now() >= acted_at + timedelta(seconds=45) else FAILS
    await rig.run_for(300)

    assert await verdicts(rig) == [EventKind.VERIFIED]
    assert rig.executor.world[API].wanted == 2
    assert await braked(rig) == []


async def test_what_recovers_while_we_look_gets_the_time_to_hold(rig: Rig) -> None:
    """It began to hold just before the end: that is no failure."""
    signal = signal_of(rig)
    signal.verify = after(rig, 59, HOLDS)
    await rig.hear()
    await rig.run_for(70)

    assert await verdicts(rig) == [EventKind.VERIFIED]


async def test_a_signal_that_flickers_past_the_end_has_failed(rig: Rig) -> None:
    signal = signal_of(rig)
    signal.verify = lambda: HOLDS if rig.clock.now().second % 3 else FAILS
    await rig.hear()
    await rig.run_for(120)

    assert await verdicts(rig) == [EventKind.NOT_RECOVERED]


async def coming_up(rig: Rig, signal: Signal) -> None:
    """The executor has done its part, and the replica is still on its way."""
    signal.verify = FAILS
    await rig.hear()
    await rig.run_for(1)
    rig.executor.world[API] = replace(rig.executor.world[API], ready=0)


async def test_a_target_that_is_still_coming_up_gets_as_much_time_once_more(rig: Rig) -> None:
    signal = signal_of(rig)
    await coming_up(rig, signal)
    await rig.run_for(100)
    assert await verdicts(rig) == []

    rig.executor.world[API] = replace(rig.executor.world[API], ready=1)
    signal.verify = HOLDS
    await rig.run_for(10)
    assert await verdicts(rig) == [EventKind.VERIFIED]


async def test_a_target_that_never_comes_up_has_failed_after_twice_the_time(rig: Rig) -> None:
    signal = signal_of(rig)
    await coming_up(rig, signal)
    await rig.run_for(118)
    assert await verdicts(rig) == []

    await rig.run_for(3)
    assert await verdicts(rig) == [EventKind.NOT_RECOVERED]


async def test_a_target_that_cannot_be_looked_at_gets_no_more_time(rig: Rig) -> None:
    signal = signal_of(rig)
    await coming_up(rig, signal)
    rig.executor.world.clear()
    await rig.run_for(62)

    assert await verdicts(rig) == [EventKind.NOT_RECOVERED]


async def test_an_alert_that_resolves_during_verification_does_not_count_as_proof(rig: Rig) -> None:
    """No alert is no news: a target that is gone has none either."""
    signal_of(rig, NO_DATA)
    await rig.hear()
    await rig.run_for(5)
    await rig.hear(firing=False)
    await rig.run_for(120)

    assert EventKind.VERIFIED not in await verdicts(rig)
    assert await braked(rig) == ["target:crm-api"]


async def test_each_verdict_is_counted_once(rig: Rig) -> None:
    signal_of(rig, FAILS)
    await rig.hear()
    await rig.run_for(120)
    await release(rig, "target:crm-api")

    value = rig.metrics._verdicts.labels(verdict="not_recovered")._value.get()
    assert value == 1


async def test_a_clock_set_back_by_hours_while_it_is_verified_leaves_nobody_waiting_for_them(rig: Rig) -> None:
    await rig.hear()
    await rig.run()
    rig.probe.status = NO_DATA
    rig.clock.move(-6 * 3600)
    await advance(rig.world, (await rig.incident()).id, rig.metrics)

    [action] = await rig.actions()
    assert action.verdict is Verdict.CANNOT_TELL
    assert (await rig.incident()).escalated


@pytest.mark.parametrize(
    ("given", "spacing", "needed"),
    [(0, 15, 15), (3, 15, 3), (3, None, 3), (0, 300, 30)],
    ids=["as far as samples are apart", "the playbook says so", "nobody knows how far", "half of its time at most"],
)
async def test_it_has_to_hold_as_the_playbook_says_or_as_far_as_samples_are_apart(
    rig: Rig, given: int, spacing: int | None, needed: int
) -> None:
    playbook_of(rig, verify_for=timedelta(seconds=given))
    signal_of(rig).spacing = None if spacing is None else timedelta(seconds=spacing)
    await rig.hear()
    await rig.run_for(needed - 1)
    assert await verdicts(rig) == []
    await rig.run_for(2)

    assert await verdicts(rig) == [EventKind.VERIFIED]


@pytest.mark.parametrize(
    ("every", "needed"), [(20, 20), (50, 30)], ids=["a second sample comes", "none within half of its time"]
)
async def test_where_nobody_knows_how_far_samples_are_apart_a_second_one_has_to_show_it(
    rig: Rig, every: int, needed: int
) -> None:
    """The series of a replaced replica has one sample, and no distance."""
    playbook_of(rig, verify_for=timedelta(0))
    signal_of(rig).scraped = lambda: START + (rig.clock.now() - START) // timedelta(seconds=every) * every * SECOND
    await rig.hear()
    await rig.run_for(needed - 1)
    assert await verdicts(rig) == []
    await rig.run_for(2)

    assert await verdicts(rig) == [EventKind.VERIFIED]
    [verifying] = await said(rig, EventKind.VERIFYING)
    assert verifying.text.endswith("until a newer sample shows it, 30 s at most")


async def test_one_sample_that_no_second_one_confirms_is_no_recovery(rig: Rig) -> None:
    playbook_of(rig, verify_for=timedelta(0))
    signal_of(rig, lambda: HOLDS if rig.clock.now() < START + 20 * SECOND else FAILS).scraped = lambda: START
    await rig.hear()
    await rig.run_for(61)

    assert await verdicts(rig) == [EventKind.NOT_RECOVERED]


async def test_a_signal_that_comes_and_goes_between_two_samples_is_no_recovery(rig: Rig) -> None:
    playbook_of(rig, verify_for=timedelta(0))
    signal = signal_of(rig, lambda: HOLDS if rig.clock.now().second == 10 else FAILS)
    signal.spacing = timedelta(seconds=15)
    await rig.hear()
    await rig.run_for(61)

    assert await verdicts(rig) == [EventKind.NOT_RECOVERED]


@pytest.mark.parametrize(
    ("status", "spacing", "seconds"), [(NO_DATA, 45, 90), (NO_DATA, 15, 60), (NO_DATA, 300, 120), (FAILS, 45, 60)]
)
async def test_without_data_nobody_gives_up_before_two_samples_could_have_come(
    rig: Rig, status: EvidenceStatus, spacing: int, seconds: int
) -> None:
    signal_of(rig, status).spacing = timedelta(seconds=spacing)
    await rig.hear()
    await rig.run_for(seconds - 1)
    assert await verdicts(rig) == []

    await rig.run_for(2)
    assert len(await verdicts(rig)) == 1
