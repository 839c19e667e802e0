"""Stages that wait for nothing follow one another, and are stored together with the intent."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from aetherlink.errors import ConflictError, StoreError
from aetherlink.model.actions import Action, ActionState, Outcome, OutcomeStatus
from aetherlink.model.decisions import Evidence
from aetherlink.model.ids import ActionId
from aetherlink.model.incidents import IncidentStatus, Stage
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.runner import advance
from rigs.pipeline import Rig
from rigs.repairs import said, wishes


@dataclass(frozen=True)
class Meanwhile:
    """A probe while which something else happens."""

    rig: Rig
    happen: object

    async def check(self, *asked: object, **how: object) -> Evidence:
        await self.happen()
        return await self.rig.probe.check(*asked, **how)


def count_writes(rig: Rig, patch: pytest.MonkeyPatch) -> list[object]:
    real, writes = rig.store.write, []

    async def write(work):
        writes.append(work)
        return await real(work)

    patch.setattr(rig.store, "write", write)
    return writes


async def test_one_transaction_holds_everything_up_to_the_call(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.hear()
    writes = count_writes(rig, monkeypatch)
    before: list[int] = []
    rig.executor.before = lambda: before.append(len(writes))
    await rig.run()

    assert before == [1]
    kinds = await rig.kinds()
    told = [EventKind.PLANNED, EventKind.DECIDED, EventKind.ACTION_STARTED]
    assert [kind for kind in kinds if kind in told] == told


async def test_what_cannot_be_stored_has_not_happened(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.hear()
    incident, counted = await rig.incident(), []

    async def full(_work):
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "write", full)
        patch.setattr(rig.metrics, "action_stored", counted.append)
        with pytest.raises(StoreError):
            await rig.run()

    assert (await rig.incident(), await rig.actions(), wishes(rig), counted) == (incident, [], [], [])
    await rig.run_for(1)
    assert len(wishes(rig)) == 1


@pytest.mark.parametrize("other", ["CrmApiDown", "SomethingElse"])
async def test_beside_another_alert_each_stage_is_stored_alone(rig: Rig, other: str) -> None:
    """What else there is to plan for, or to call a person for, is looked up anew."""
    await rig.hear()
    await rig.hear(other, instance="crm:9000")
    await rig.run()

    assert len(wishes(rig)) == 1
    is_stranger = other == "SomethingElse"
    assert len(await said(rig, EventKind.ESCALATED)) == is_stranger


async def test_what_was_asked_too_long_ago_is_asked_again(rig: Rig) -> None:
    async def take_long() -> None:
        rig.clock.move(0.6)

    rig.change(probe=Meanwhile(rig, take_long))
    await rig.hear()
    await rig.run()

    asked = [query for query, _ in rig.probe.asked if query.endswith("== 0")]
    assert len(asked) == 2
    assert len(wishes(rig)) == 1


async def test_evidence_from_before_somebody_elses_action_is_none(rig: Rig) -> None:
    """Another incident's action on the target has ended while the condition was asked: the samples may be older."""
    await rig.hear()
    await rig.run_for(10)
    await rig.hear(firing=False)
    await rig.run()
    [earlier] = await rig.actions()

    async def end_another() -> None:
        await rig.store.write(lambda tx: tx.actions.put(ended(earlier, rig)))

    rig.clock.move(7200)
    rig.change(probe=Meanwhile(rig, end_another))
    await rig.hear(minutes=120)
    await rig.run()

    assert len(wishes(rig)) == 1
    assert any("since its condition was asked" in entry.text for entry in await said(rig, EventKind.ACTION_FINISHED))


def ended(action: Action, rig: Rig) -> Action:
    return replace(
        action,
        id=ActionId("act-other"),
        state=ActionState.FINISHED,
        started_at=rig.clock.now() - timedelta(seconds=2),
        finished_at=rig.clock.now(),
        outcome=Outcome(OutcomeStatus.DONE, ""),
    )


async def test_whoever_closes_the_incident_while_it_looks_is_quicker(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.hear()
    incident = await rig.incident()
    closed = replace(
        incident, status=IncidentStatus.RESOLVED, stage=Stage.DONE, resolved_at=rig.clock.now(), closed_by="ann"
    )

    async def close() -> None:
        await rig.store.write(lambda tx: tx.incidents.update(closed, []))

    rig.change(probe=Meanwhile(rig, close))
    counted: list[object] = []
    monkeypatch.setattr(rig.metrics, "action_stored", counted.append)
    await advance(rig.world, incident.id, rig.metrics)

    assert (wishes(rig), await rig.actions(), counted) == ([], [], [])
    assert (await rig.incident()).stage is Stage.DONE


async def test_what_the_store_comes_to_too_late_is_not_done(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disk hangs, or the queue of its one writer is long: what was seen two minutes ago is nothing by now."""
    await rig.hear()
    real = rig.store.write

    async def slow(work, **how):
        rig.clock.move(120)
        return await real(work, **how)

    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "write", slow)
        await rig.run()

    assert wishes(rig) == []
    assert any("too old when its turn came" in entry.text for entry in await said(rig, EventKind.ACTION_FINISHED))


async def test_two_workers_on_one_incident_call_once(rig: Rig) -> None:
    await rig.hear()
    incident = await rig.incident()
    both = (advance(rig.world, incident.id, rig.metrics) for _ in range(2))
    results = await asyncio.gather(*both, return_exceptions=True)

    assert len(wishes(rig)) == 1
    assert [type(each) for each in results if each is not None] == [ConflictError]
