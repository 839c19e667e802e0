"""An alert that joins the incident of a low score is an alert as any other: planned for, and a person is called."""

from dataclasses import replace

import pytest

from aetherlink.incidents.low_health import LowHealth
from aetherlink.model.actions import ActionState
from aetherlink.model.decisions import Mode
from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import IncidentStatus, Origin
from aetherlink.model.playbooks import Matcher, MatchOperator
from aetherlink.model.timeline import EventKind
from rigs.pipeline import Rig

SYMPTOM = "HealthScoreDegradation"


@pytest.fixture
def score(rig: Rig) -> LowHealth:
    return LowHealth(rig.store, ids=rig.world.ids, source=SourceName("lab"))


def reading(rig: Rig, score: float) -> HealthReading:
    status = HealthStatus.LOW if score < 60 else HealthStatus.OK
    return HealthReading(rig.clock.now(), status, score, 2)


def know_the_symptom(rig: Rig) -> None:
    """The built-in playbook matches it too."""
    known = (Matcher("alertname", MatchOperator.EQUAL, SYMPTOM),)
    rig.change(playbooks=tuple(replace(each, match=known) for each in rig.world.playbooks[:1]))


async def test_a_person_is_called_for_an_alert_that_joins_and_that_no_playbook_knows(
    rig: Rig, score: LowHealth
) -> None:
    await score.low(reading(rig, 12.0))
    await rig.hear(SYMPTOM)
    await rig.run()

    assert (await rig.incident()).origin is Origin.HEALTH
    assert await rig.kinds() == [EventKind.OPENED, EventKind.ALERTS, EventKind.PLANNED, EventKind.ESCALATED]


async def test_a_playbook_for_an_alert_that_joins_is_carried_out_and_a_good_score_closes_it(
    rig: Rig, score: LowHealth
) -> None:
    know_the_symptom(rig)
    await score.low(reading(rig, 12.0))
    await rig.hear(SYMPTOM)
    await rig.run_for(10)
    await rig.hear(SYMPTOM, firing=False)
    await rig.run()
    assert len(rig.executor.calls) == 1
    assert (await rig.incident()).status is IncidentStatus.OPEN

    await score.recovered(reading(rig, 90.0))
    await rig.run()

    assert (await rig.incident()).status is IncidentStatus.RESOLVED


async def test_what_waits_for_a_person_is_withdrawn_when_the_alert_that_joined_is_over(
    rig: Rig, score: LowHealth
) -> None:
    know_the_symptom(rig)
    rig.change(ceiling=Mode.APPROVE)
    await score.low(reading(rig, 12.0))
    await rig.hear(SYMPTOM)
    await rig.run()
    [action] = await rig.actions()
    assert action.state is ActionState.WAITING_APPROVAL

    rig.clock.move(60)
    await rig.hear(SYMPTOM, firing=False)
    await rig.run()

    [action] = await rig.actions()
    assert action.state is ActionState.REFUSED
