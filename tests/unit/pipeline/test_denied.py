"""What the pipeline does after a no: nothing to the world, and it does not try something else either."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.approval_commands import ApprovalCommands
from aetherlink.model.actions import ActionState
from aetherlink.model.ids import ActionId
from aetherlink.model.incidents import IncidentStatus, Origin, Stage
from aetherlink.model.timeline import EventKind
from rigs.pipeline import Rig


@pytest.fixture
def commands(rig: Rig) -> ApprovalCommands:
    return rig.approvals()


@pytest.mark.parametrize("way", ["deny", "cancel"])
async def test_after_a_no_nothing_is_done_until_the_alert_ends(rig: Rig, commands: ApprovalCommands, way: str) -> None:
    action = await rig.asked()
    if way == "deny":
        await commands.deny(action.id, "not now", by="ann")
    else:
        await commands.cancel(action.id, by="ann")
    await rig.run_for(60)
    await rig.hear("CrmHighErrorRate")  # something new of the same incident
    await rig.run_for(60)

    assert rig.executor.calls == []
    assert [one.state for one in await rig.actions()] == [ActionState.REFUSED]
    incident = await rig.incident()
    assert (incident.stage, incident.hands_off) == (Stage.WATCH, True)
    for name in ("CrmApiDown", "CrmHighErrorRate"):
        await rig.hear(name, firing=False)
    await rig.run()
    assert (await rig.incident()).status is IncidentStatus.RESOLVED
    assert (await rig.kinds()).count(EventKind.DENIED) == 1


async def test_the_incident_of_a_request_that_is_taken_back_closes(rig: Rig, commands: ApprovalCommands) -> None:
    action = await rig.asked()
    incident = replace(
        await rig.incident(),
        id="inc-request",
        key="request:act-request",
        origin=Origin.REQUEST,
        firing=0,
        action_id=ActionId("act-request"),
        stage=Stage.WATCH,
        wake_at=rig.clock.now() + timedelta(days=1),
    )
    request = replace(
        action,
        id=ActionId("act-request"),
        plan=replace(action.plan, playbook=None),
        requested_by="ann",
        incident_id=incident.id,
    )
    await rig.store.write(lambda tx: (tx.incidents.insert(incident, []), tx.actions.put(request)))
    await commands.cancel(request.id, by="ann")
    await rig.run()

    closed = await rig.store.read(lambda tx: tx.incidents.get(incident.id))
    assert closed is not None
    assert closed.status is IncidentStatus.RESOLVED
    assert rig.executor.calls == []
