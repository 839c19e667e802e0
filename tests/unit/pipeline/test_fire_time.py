"""T24: what was decided, or approved, is decided again at the moment when it is done; then the world may be another."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from aetherlink.errors import StoreError
from aetherlink.model import approvals
from aetherlink.model.actions import ActionState, Grant, Observation, Plan, Target, Verb
from aetherlink.model.alerts import Suppression
from aetherlink.model.decisions import EvidenceStatus, Mode
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.model.incidents import Stage
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.timeline import EventKind
from rigs.pipeline import API, Rig, store_each_stage_alone
from rigs.repairs import restrain, said, signal_of, wishes

DB = TargetName("crm-db")
DRIFTED = "crm-api is not as it was shown any more; the request is made anew"
PLAYBOOK = PlaybookName("restart-crm-api")


def looks(rig: Rig, **changes: object) -> None:
    rig.executor.world[API] = replace(rig.executor.world[API], **changes)


async def silenced(rig: Rig, how: Suppression = Suppression.SILENCED) -> None:
    """Somebody has silenced its alert in Alertmanager, and Alertmanager was asked since."""
    incident = await rig.incident()
    assert incident.plan is not None
    known = await rig.store.read(lambda tx: tx.alerts.get(incident.plan.alert_id))
    assert known is not None
    rig.clock.move(1)
    changed = msgspec.structs.replace(known.alert, suppressed=how, seen_at=rig.clock.now())
    await rig.reception.receive([changed])


async def paused(rig: Rig) -> None:
    await rig.store.write(lambda tx: tx.pauses.put(Pause(EVERYTHING, rig.clock.now(), "we move the database", "ann")))


async def another_ran(rig: Rig) -> None:
    """Somebody else's action on the target is under way."""
    [action] = await rig.actions()
    other = replace(
        action,
        id="act-other",
        plan=Plan(Verb.RESTART, API),
        state=ActionState.RUNNING,
        started_at=rig.clock.now(),
        approval=None,
    )
    await rig.store.write(lambda tx: tx.actions.put(other))


def with_db(rig: Rig, ready: int) -> None:
    """The target stands on a database, of which so many replicas are ready."""
    rig.executor.world[DB] = Observation(ready=ready, wanted=1, oldest_start=rig.clock.now())
    api = replace(rig.world.targets[API], depends_on=(DB,))
    rig.change(targets={API: api, DB: Target(DB, "memory", "crm-db")})


CHANGES: dict[str, tuple[Callable[[Rig], Awaitable[None] | None], str]] = {
    "stopped by a person": (lambda rig: looks(rig, wanted=0, ready=0), "somebody has stopped it"),
    "paused": (paused, "we move the database"),
    "a freeze window has begun": (lambda rig: restrain(rig, freeze=lambda *_: "freeze window `december`"), "december"),
    "a file pauses everything": (lambda rig: restrain(rig, outside_pause=lambda: "a file says so"), "a file says so"),
    "its alert is silenced": (silenced, "silenced or inhibited"),
    "its alert is inhibited": (lambda rig: silenced(rig, Suppression.INHIBITED), "silenced or inhibited"),
    "its alert has ended": (lambda rig: rig.hear(firing=False), "does not fire any more"),
    "taken out of the settings": (lambda rig: rig.change(targets={}), "crm-api"),
    "the mode is lower": (lambda rig: rig.change(ceiling=Mode.OBSERVE), "mode is observe"),
    "what it stands on has broken": (lambda rig: with_db(rig, 0), "crm-db"),
    "the source has gone blind": (lambda rig: restrain(rig, blindness=lambda _: "no answer for 5 min"), "no answer"),
    "another action runs": (another_ran, "is still running"),
    "nobody can tell any more": (lambda rig: setattr(rig.world.probe, "when", EvidenceStatus.NO_DATA), "no_data"),
    "the target cannot be looked at": (lambda rig: rig.executor.world.clear(), "cannot be looked at"),
}
DRIFTS: dict[str, Callable[[Rig], None]] = {
    "a new version is deployed": lambda rig: looks(rig, release="2.0.0"),
    "it was replaced": lambda rig: looks(rig, oldest_start=rig.clock.now() + timedelta(seconds=1)),
    "it was scaled": lambda rig: looks(rig, ready=2, wanted=2),
    "it is declared otherwise": lambda rig: rig.change(
        targets={API: replace(rig.world.targets[API], depends_on=(), maximum=9)}
    ),
}


async def made(change: Callable[[Rig], Awaitable[None] | None], rig: Rig) -> None:
    done = change(rig)
    if asyncio.iscoroutine(done):
        await done


async def approved(rig: Rig) -> None:
    """An act that people were asked for, and said yes to just now."""
    rig.change(modes={PLAYBOOK: Mode.APPROVE})
    signal_of(rig)
    await rig.hear()
    await rig.run()
    [action] = await rig.actions()
    assert action.approval is not None
    yes = approvals.granted(action.approval, Grant("ann", rig.clock.now()))
    incident = replace(await rig.incident(), wake_at=rig.clock.now())
    await rig.store.write(lambda tx: tx.actions.put(replace(action, approval=yes)))
    await rig.store.write(lambda tx: tx.incidents.update(incident, []))


async def allowed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An act that was allowed and waits for its turn: the disk was full for a moment."""
    signal_of(rig)
    real, writes = rig.store.write, []

    async def write(work):
        writes.append(work)
        if len(writes) == 3:  # after the plan and the decision, the intent
            raise StoreError("disk full")
        return await real(work)

    await rig.hear()
    with monkeypatch.context() as patch:
        store_each_stage_alone(patch)
        patch.setattr(rig.store, "write", write)
        with pytest.raises(StoreError):
            await rig.run()
    [action] = await rig.actions()
    assert (action.state, (await rig.incident()).stage) == (ActionState.ALLOWED, Stage.ACT)


async def reasons(rig: Rig) -> str:
    """Everything that the timeline says since the decision."""
    told = await said(rig, *EventKind)
    return "\n".join(entry.text for entry in told if entry.kind is not EventKind.PLANNED)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("is_approved", [False, True], ids=["allowed", "approved"])
async def test_t24_what_was_queued_is_not_done_when_the_world_has_changed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, name: str, *, is_approved: bool
) -> None:
    change, why = CHANGES[name]
    await (approved(rig) if is_approved else allowed(rig, monkeypatch))
    await made(change, rig)
    rig.clock.move(1)
    await rig.run_for(20)

    assert wishes(rig) == []
    told = await reasons(rig)
    assert why in told or (is_approved and DRIFTED in told)


@pytest.mark.parametrize("name", DRIFTS)
async def test_t24_what_was_approved_is_asked_for_anew_when_the_target_is_another(rig: Rig, name: str) -> None:
    await approved(rig)
    DRIFTS[name](rig)
    await rig.run_for(20)

    assert wishes(rig) == []
    assert DRIFTED in await reasons(rig)
    [action] = await rig.actions()
    assert action.state is ActionState.WAITING_APPROVAL


@pytest.mark.parametrize("is_approved", [False, True], ids=["allowed", "approved"])
async def test_t24_what_was_queued_for_ten_minutes_is_not_done_on_its_old_decision(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, is_approved: bool
) -> None:
    await (approved(rig) if is_approved else allowed(rig, monkeypatch))
    rig.clock.move(600)
    await rig.run()

    assert wishes(rig) == []
    assert "too old when its turn came" in await reasons(rig)


@pytest.mark.parametrize("is_approved", [False, True], ids=["allowed", "approved"])
async def test_t24_what_was_queued_is_done_when_nothing_has_changed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, is_approved: bool
) -> None:
    """The control: the cases before it are stopped by their change, and by nothing else."""
    await (approved(rig) if is_approved else allowed(rig, monkeypatch))
    rig.clock.move(10)
    await rig.run_for(10)

    assert len(wishes(rig)) == 1
