"""A pause stops what comes after it, also between the decision and the act; when it ends, the plan goes on."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from aetherlink.errors import StoreError
from aetherlink.model.actions import ActionState
from aetherlink.model.decisions import Effect
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.pipeline.runner import advance
from aetherlink.testing import START
from rigs.pipeline import Rig

PAUSE = Pause(EVERYTHING, START, "we move the database", "ann")


async def test_a_paused_agent_decides_against_every_plan_and_goes_on_once_resumed(rig: Rig) -> None:
    await rig.store.write(lambda tx: tx.pauses.put(PAUSE))
    await rig.hear()
    await rig.run_for(30)

    [action] = await rig.actions()
    assert (action.decision.effect, action.decision.rule) == (Effect.DENY, "agent_is_not_paused")
    assert action.decision.reason == "paused by ann at 2026-01-01 12:00:00 UTC: we move the database"
    assert rig.executor.calls == []

    await rig.store.write(lambda tx: tx.pauses.end(EVERYTHING))
    await rig.run_for(5)
    assert len(rig.executor.calls) == 1


async def test_a_pause_that_comes_after_the_decision_stops_the_act(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    check = rig.probe.check

    async def check_then_pause(*asked, **how):
        shown = await check(*asked, **how)
        await rig.store.write(lambda tx: tx.pauses.put(PAUSE))
        return shown

    monkeypatch.setattr(rig.probe, "check", check_then_pause)
    await rig.hear()
    await rig.run()

    [action] = await rig.actions()
    assert action.state is ActionState.REFUSED
    assert "we move the database" in action.outcome.reason
    assert rig.executor.calls == []


async def test_a_pause_with_an_end_is_over_at_its_end(rig: Rig) -> None:
    until = START + timedelta(minutes=2)
    await rig.store.write(lambda tx: tx.pauses.put(Pause(EVERYTHING, START, "deploy", "ann", until)))
    await rig.hear()
    await rig.run_for(115)
    assert rig.executor.calls == []

    await rig.run_for(10)
    assert len(rig.executor.calls) == 1


@pytest.mark.parametrize("damage", ["DROP TABLE pauses", "INSERT INTO pauses VALUES ('all', 'x', 'y', 'z', 'w')"])
async def test_a_pause_that_cannot_be_read_stops_everything(rig: Rig, damage: str) -> None:
    await rig.hear()
    with closing(sqlite3.connect(rig.database)) as other:
        other.execute(damage)
        other.commit()
    incident = await rig.incident()

    with pytest.raises((StoreError, TypeError)):
        await advance(rig.world, incident.id, rig.metrics)
    assert rig.executor.calls == []


async def test_a_pause_of_a_scope_that_nobody_knows_stops_everything(rig: Rig) -> None:
    await rig.store.write(lambda tx: tx.pauses.put(Pause("galaxy:acme", START, "unknown", "a later version")))
    await rig.hear()
    await rig.run_for(30)

    assert rig.executor.calls == []
