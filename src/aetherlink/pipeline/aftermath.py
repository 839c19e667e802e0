"""What comes after a repair. One that helped: what depends on its target, then the next step. One that did not help
and was taken back as far as it can be: another step, another try, or nothing more by the agent.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from aetherlink.model.actions import Action
from aetherlink.model.brakes import Brake, target_scope
from aetherlink.model.incidents import Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import dependents, next_step
from aetherlink.pipeline.step import Case, Continue, Step, World

_IN_A_ROW = timedelta(hours=1)


async def following(world: World, case: Case, action: Action) -> Step | None:
    """What comes after a repair that has helped: its dependents, one after another, or the next step; None: nothing."""
    return await dependents.begun(world, case, action) or await next_step.after(world, case, action.plan, helped=True)


async def given_up(world: World, case: Case, action: Action, why: str) -> Step:
    """The step in its place, another try where the playbook gives one, or hands off the target."""
    instead = await next_step.after(world, case, action.plan, helped=False)
    if instead is not None:
        return instead
    now = world.clock.now()
    if await _may_try_again(world, action):
        text = f"it is tried again: the playbook gives {action.plan.escalate_after} tries"
        again = Continue(Stage.DECIDE, at=now + world.options.redecide_interval)
        return Step(again, (Entry(EventKind.PLANNED, now, text),))
    return left_alone(action, why, now)


def left_alone(action: Action, why: str, now: datetime) -> Step:
    """A person is called, and automation keeps off the target until that person lets go of it."""
    plan = action.plan
    called = Entry(EventKind.ESCALATED, now, "a person has to look; this target is not tried again for this incident")
    held = () if plan.playbook is None else (Brake(target_scope(plan.target), now, why, "agent"),)
    return Step(Continue(Stage.WATCH), (called,), brakes=held, escalated=True, hands_off=True)


def after(step: Step, *told: Entry, action: Action) -> Step:
    """The step, with what is told before it and the action as it stands now."""
    return replace(step, entries=(*told, *step.entries), action=action)


async def _may_try_again(world: World, action: Action) -> bool:
    """Whether fewer repairs in a row than the playbook allows have failed on the target, the last one counted."""
    plan = action.plan
    if plan.escalate_after <= 1 or plan.playbook is None:
        return False
    since = world.clock.now() - _IN_A_ROW
    earlier = await world.store.read(lambda tx: tx.actions.started_since(plan.target, since))
    failed = 0
    for one in (one for one in earlier if one.plan.playbook == plan.playbook and one.plan.is_repair):
        is_failed = one.has_failed or one.id in (action.id, plan.undo_of)  # the last verdict is not stored yet
        if not is_failed:
            break
        failed += 1
    return failed < plan.escalate_after
