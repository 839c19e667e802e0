"""Whom a verified repair gives time to end, and that a person is called for whoever does not: once, by name."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.incident_commands import IncidentCommands
from aetherlink.model.actions import OutcomeStatus, Verb
from aetherlink.model.decisions import EvidenceStatus, Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.incidents import IncidentStatus, Stage
from aetherlink.model.playbooks import Matcher, MatchOperator, ScaleBy
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.options import PipelineOptions
from rigs.pipeline import NoWaker, Rig, with_step

STRANGER = "CrmHighErrorRate"
VERIFIED_AFTER = 3  # seconds, as the playbook of CrmApiDown says
RESOLVE_WITHIN = 15 * 60


async def calls(rig: Rig) -> list[str]:
    """What a person was called with."""
    incident = await rig.incident()
    entries = await rig.store.read(lambda tx: tx.incidents.timeline(incident.id, limit=1000, after=0))
    return [stored.entry.text for stored in entries if stored.entry.kind is EventKind.ESCALATED]


async def repair(rig: Rig, *, while_it_is_repaired: str | None = None) -> None:
    """An alert, its repair, and the verification just now."""
    await rig.hear()
    await rig.run_for(1)
    if while_it_is_repaired is not None:
        await rig.hear(while_it_is_repaired)
    await rig.run_for(VERIFIED_AFTER - 1)
    assert (await rig.kinds()).count(EventKind.VERIFIED) == 1


def other_playbook(rig: Rig, alertname: str, mode: Mode) -> None:
    """One more playbook, for alerts of this name."""
    [first] = rig.world.playbooks
    known = (Matcher("alertname", MatchOperator.EQUAL, alertname),)
    other = replace(with_step(first, verb=Verb.ROLLBACK), name=PlaybookName("other"), match=known)
    rig.change(playbooks=(first, other), modes={**rig.world.modes, other.name: mode})


async def test_a_stranger_that_joined_the_repair_calls_nobody_and_ends_with_it(rig: Rig) -> None:
    await repair(rig, while_it_is_repaired=STRANGER)
    await rig.run_for(60)
    await rig.hear(firing=False)
    await rig.hear(STRANGER, firing=False)
    await rig.run()

    assert (await rig.incident()).status is IncidentStatus.RESOLVED
    assert await calls(rig) == []


@pytest.mark.parametrize(
    ("began", "is_called"),
    [(-2, False), (0, False), (0.001, True), (30, True)],
    ids=["before and heard of late", "as it was verified", "just after", "long after"],
)
@pytest.mark.parametrize("is_by_name", [True, False], ids=["an unknown name", "a known name with other labels"])
async def test_a_person_is_called_at_once_for_strangers_that_begin_after_the_verification(
    rig: Rig, *, began: float, is_called: bool, is_by_name: bool
) -> None:
    if not is_by_name:
        [playbook] = rig.world.playbooks
        also = Matcher("instance", MatchOperator.EQUAL, "crm:8000")
        rig.change(playbooks=(replace(playbook, match=(*playbook.match, also)),))
    name, labels = (STRANGER, {}) if is_by_name else ("CrmApiDown", {"instance": "crm:9"})
    await repair(rig)
    rig.clock.move(60)
    await rig.hear(name, minutes=(began - 60) / 60, **labels)
    await rig.run_for(5)

    assert await calls(rig) == ([f"a person has to look: no playbook matches {name}"] if is_called else [])
    assert (await rig.incident()).stage is Stage.WATCH


async def test_a_stranger_that_fires_on_when_the_time_is_over_calls_a_person_once_by_name(rig: Rig) -> None:
    await repair(rig, while_it_is_repaired=STRANGER)
    await rig.hear(firing=False)
    await rig.run_for(RESOLVE_WITHIN - VERIFIED_AFTER - 1)
    assert await calls(rig) == []

    await rig.run_for(2 * RESOLVE_WITHIN)
    [text] = await calls(rig)
    assert text == f"a person has to look: the repair was verified, but {STRANGER} still fires 15 min later"


async def test_a_stranger_heard_of_when_the_time_is_over_calls_a_person_at_once(rig: Rig) -> None:
    await repair(rig)
    await rig.hear(severity="warning", instance="crm:9")  # keeps it open
    await rig.hear(firing=False)
    rig.change(options=PipelineOptions(resolve_within=timedelta(seconds=30)))
    rig.clock.move(40)
    await rig.hear(STRANGER, minutes=-50 / 60)
    await rig.run_for(1)

    [text] = await calls(rig)
    assert STRANGER in text


async def test_an_alert_that_a_playbook_knows_is_planned_for_at_once_beside_a_stranger_with_time(rig: Rig) -> None:
    other_playbook(rig, "Slow", Mode.AUTO)
    await rig.hear()
    await rig.run_for(1)
    await rig.hear(STRANGER)
    await rig.hear("Slow")
    await rig.hear("AndAnother")
    await rig.run_for(VERIFIED_AFTER)

    assert [action.plan.verb for action in await rig.actions()] == [Verb.RESTART, Verb.ROLLBACK]
    assert await calls(rig) == []


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.APPROVE])
async def test_a_plan_for_another_alert_does_not_make_anybody_forget_the_stranger(rig: Rig, mode: Mode) -> None:
    other_playbook(rig, "Slow", mode)
    await repair(rig, while_it_is_repaired=STRANGER)
    await rig.hear(firing=False)
    await rig.hear("Slow")
    await rig.run_for(60)
    await rig.hear("Slow", firing=False)
    await rig.run_for(RESOLVE_WITHIN - 60 - 1)
    assert await calls(rig) == []

    await rig.run_for(2 * RESOLVE_WITHIN)
    [text] = await calls(rig)
    assert text == f"a person has to look: a repair was verified, but {STRANGER} still fires 15 min later"


async def test_a_plan_that_is_denied_all_the_time_does_not_make_anybody_forget_the_stranger(rig: Rig) -> None:
    other_playbook(rig, "Slow", Mode.AUTO)
    await repair(rig, while_it_is_repaired=STRANGER)
    await rig.hear(firing=False)
    await rig.run_for(10)
    rig.change(options=PipelineOptions(redecide_interval=timedelta(seconds=30)))
    rig.probe.status = EvidenceStatus.NO_DATA
    await rig.hear("Slow")
    await rig.run_for(2 * RESOLVE_WITHIN)

    [text] = await calls(rig)
    assert f"{STRANGER} still fires" in text


async def test_one_repair_after_another_does_not_make_the_time_longer(rig: Rig) -> None:
    await repair(rig, while_it_is_repaired=STRANGER)
    for _ in range(2):
        await rig.hear(firing=False)
        await rig.run_for(RESOLVE_WITHIN / 3)
        await rig.hear()
        await rig.run_for(VERIFIED_AFTER)
    assert (await rig.kinds()).count(EventKind.VERIFIED) == 3
    await rig.run_for(RESOLVE_WITHIN / 3 - 2 * VERIFIED_AFTER - 1)
    assert await calls(rig) == []

    await rig.run_for(2)
    [text] = await calls(rig)
    assert f"{STRANGER} still fires" in text


async def test_a_repair_that_was_not_needed_gives_nobody_time(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.SCALE, scale=ScaleBy(0)),))
    await repair(rig, while_it_is_repaired=STRANGER)
    await rig.run_for(1)

    [action] = await rig.actions()
    assert action.outcome is not None
    assert action.outcome.status is OutcomeStatus.NOT_NEEDED
    assert await calls(rig) == [f"a person has to look: no playbook matches {STRANGER}"]


async def test_what_is_for_information_only_calls_nobody_when_the_time_is_over(rig: Rig) -> None:
    other_playbook(rig, "Slow", Mode.OBSERVE)
    await rig.hear(severity="info")
    await rig.run_for(1)
    await rig.hear(STRANGER, severity="info")
    await rig.run_for(VERIFIED_AFTER)
    await rig.hear(severity="info", firing=False)
    await rig.hear("Slow", severity="info")
    await rig.run_for(2 * RESOLVE_WITHIN)

    assert await calls(rig) == []


async def test_a_verified_action_is_counted_once(rig: Rig) -> None:
    counted: list[str] = []
    rig.metrics.action_stored = lambda action: counted.append(action.state.value)
    await repair(rig)

    assert counted == ["allowed", "finished"]


async def test_nobody_is_called_again_for_what_a_person_has_closed_by_hand(rig: Rig) -> None:
    """The known alert fires anew and brings the incident back; the stranger is as it was when somebody had seen it."""
    await repair(rig, while_it_is_repaired=STRANGER)
    await rig.hear(firing=False)
    await rig.run_for(RESOLVE_WITHIN + 60)
    assert len(await calls(rig)) == 1
    hand = IncidentCommands(rig.store, clock=rig.clock, waker=NoWaker())
    await hand.close((await rig.incident()).id, reason="it is known", by="ann")
    await rig.run_for(60)

    await rig.hear()
    await rig.run_for(2)

    assert (await rig.incident()).reopened == 1
    assert len(await calls(rig)) == 1
