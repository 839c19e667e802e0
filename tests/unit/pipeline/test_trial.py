"""A playbook tried on an incident says what the stages would do, and leaves everything as it is."""

from dataclasses import replace

import pytest

from aetherlink.errors import NotFoundError
from aetherlink.model.decisions import Effect, EvidenceStatus, Mode
from aetherlink.model.ids import IncidentId, PlaybookName
from aetherlink.model.playbooks import Playbook, TargetChoice
from aetherlink.model.trials import Trial
from aetherlink.pipeline.trial import Trials
from aetherlink.playbooks.book import Book
from rigs.pipeline import API, Rig, with_step


async def tried(rig: Rig, playbook: Playbook | None = None) -> Trial:
    """The playbook on the only incident; by default the only one that there is."""
    book = Book(rig.world.playbooks, ceiling=rig.world.ceiling, modes=rig.world.modes)
    return await Trials(rig.world, book).tried(playbook or rig.world.playbooks[0], (await rig.incident()).id)


async def test_it_tells_the_plan_with_bound_queries_and_the_decision_of_the_stages(rig: Rig) -> None:
    await rig.hear()
    trial = await tried(rig)
    assert trial.plan is not None
    assert trial.decision is not None
    await rig.run()

    [action] = await rig.actions()
    assert trial.plan == action.plan
    assert trial.plan.target == API
    assert trial.plan.when == 'up{instance="crm:8000",job="peakpro_crm"} == 0'
    assert trial.decision == action.decision
    assert (trial.decision.effect, trial.mode, trial.problem) == (Effect.ALLOW, Mode.AUTO, "")
    assert trial.evidence is not None
    assert trial.evidence.status is EvidenceStatus.HOLDS


async def test_nothing_is_stored_and_nothing_is_done(rig: Rig) -> None:
    await rig.hear()
    before, kinds = await rig.incident(), await rig.kinds()

    await tried(rig)

    assert (await rig.incident(), await rig.kinds(), await rig.actions()) == (before, kinds, [])
    assert rig.executor.calls == []


async def test_every_objection_is_told(rig: Rig) -> None:
    rig.change(modes={PlaybookName("restart-crm-api"): Mode.OBSERVE})
    rig.probe.status = EvidenceStatus.DOES_NOT_HOLD
    await rig.hear()

    decision = (await tried(rig)).decision

    assert decision is not None
    assert decision.effect is Effect.DENY
    assert {one.effect for one in decision.objections} == {Effect.DENY, Effect.OBSERVE}


async def test_an_alert_that_does_not_match_says_which_matcher_does_not_fit(rig: Rig) -> None:
    await rig.hear("CrmSlow")

    trial = await tried(rig)

    [alert] = trial.alerts
    assert not alert.is_match
    assert alert.missed == ("alertname=\"CrmApiDown\": the alert says 'CrmSlow'",)
    assert (trial.problem, trial.plan, trial.decision) == ("no alert of the incident matches", None, None)


async def test_a_playbook_that_is_asked_before_it_is_named(rig: Rig) -> None:
    [first] = rig.world.playbooks
    second = replace(first, name=PlaybookName("second"))
    rig.change(playbooks=(first, second))
    await rig.hear()

    [alert] = (await tried(rig, second)).alerts

    assert (alert.is_match, alert.asked_before) == (True, first.name)


async def test_an_alert_that_is_over_is_said_to_be_no_reason_to_act(rig: Rig) -> None:
    await rig.hear()
    await rig.hear(firing=False)

    trial = await tried(rig)

    assert [one.is_actionable for one in trial.alerts] == [False]
    assert trial.plan is not None


async def test_why_there_is_no_plan_is_told(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    await rig.hear()

    unbound = await tried(rig, replace(playbook, bind=("pod",)))
    nowhere = await tried(rig, with_step(playbook, target=TargetChoice(executor="docker")))
    observing = await tried(rig, replace(playbook, steps=()))

    assert "the alert has no label pod to bind" in unbound.problem
    assert "no target under `targets`" in nowhere.problem
    assert observing.problem == "it only observes: a person is called"
    assert {one.plan for one in (unbound, nowhere, observing)} == {None}


async def test_an_incident_that_is_not_there_is_told(rig: Rig) -> None:
    book = Book(rig.world.playbooks, ceiling=Mode.AUTO, modes={})

    with pytest.raises(NotFoundError, match="there is no incident 'inc-none'"):
        await Trials(rig.world, book).tried(rig.world.playbooks[0], IncidentId("inc-none"))
