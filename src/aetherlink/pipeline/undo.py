"""Stage undo: takes back a repair that did not help, where it can be taken back, as an action of its own.

Undoing is decided like everything else: a pause, the floor and the bounds hold; budgets of the playbook do not. It ends
in the hands of a person either way: its target is left alone after that.
"""

from datetime import datetime

from aetherlink.briefing import Standing
from aetherlink.model.actions import Action, ActionState, Observation, Plan
from aetherlink.model.ids import ActionId
from aetherlink.model.incidents import Stage
from aetherlink.model.snapshots import Left, changed_since, restoring_plan
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import aftermath, decide, patience
from aetherlink.pipeline.step import PASSING, Case, Continue, Step, Wait, World


async def run(world: World, case: Case) -> Step:
    """Continue to act with the action that takes back the last one; what comes after that, once it is taken back."""
    action = case.action
    if action is None or action.started_at is None:
        return Step(Continue(Stage.WATCH))
    if action.plan.undo_of is not None:
        return await aftermath.given_up(world, case, action, action.reason)
    plan = undoing(action)
    if plan is None:
        return await aftermath.given_up(world, case, action, f"{action.plan.words} did not help")
    return await _taking_back(world, case, action, plan)


async def _taking_back(world: World, case: Case, action: Action, plan: Plan) -> Step:
    findings = await decide.find_out(world, case.incident.source, plan, anew=True)
    standing = await world.store.read(lambda tx: world.briefing.standing(tx, plan, case.incident.source))
    now = world.clock.now()
    if why := _somebody_else_acted(action, standing, findings.seen[plan.target].observation):
        return aftermath.after(aftermath.left_alone(action, why, now), action=action)
    decision = world.decide(decide.question(world, case.incident, plan, standing, findings))
    if decision.rule in PASSING and now - (action.finished_at or now) < world.options.resolve_within:
        return Step(Wait(now + world.options.redecide_interval))
    fresh = Action(
        id=ActionId(world.ids.new("act")),
        plan=plan,
        reason=f"{action.plan.words} did not help",
        requested_by=action.requested_by,
        decision=decision,
        state=decide.state_after(decision),
        created_at=now,
        incident_id=case.incident.id,
    )
    undo = patience.handed_on(world, action, fresh)
    entry = decide.entry(world, undo, findings.evidence)
    if undo.state is ActionState.ALLOWED:
        return Step(Continue(Stage.ACT), (entry,), action=undo)
    why = f"{plan.words} may not be done now ({decision.reason})"
    return aftermath.after(aftermath.left_alone(action, why, now), entry, action=undo)


def _somebody_else_acted(action: Action, standing: Standing, seen: Observation | None) -> str:
    """Why taking it back would destroy what somebody else has done meanwhile; empty when nobody has."""
    began = action.started_at
    later = next((one for one in standing.recent if one.started_at and began and one.started_at > began), None)
    why = changed_since(Left(action, later), seen)
    return f"{action.plan.words} is not taken back: {why}" if why else ""


def undoing(action: Action) -> Plan | None:
    """The plan that takes the action back; None where there is nothing to take back, or where it is not wanted."""
    return restoring_plan(action) if action.plan.undo else None


def undone(action: Action, now: datetime) -> Entry:
    """What the timeline says once it is taken back."""
    return Entry(EventKind.UNDONE, now, f"taken back: {action.plan.words}", {"undo_of": str(action.plan.undo_of)})
