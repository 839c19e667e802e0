"""Stage undo: takes back a repair that did not help, where it can be taken back, as an action of its own.

Undoing is decided like everything else: a pause, the floor and the bounds hold; budgets of the playbook do not. It ends
in the hands of a person either way: its target is left alone after that.
"""

from dataclasses import replace
from datetime import datetime

from aetherlink.briefing import Standing
from aetherlink.model.actions import Action, ActionState, Limits, Observation, Plan, Release, Replicas, Verb, Wish
from aetherlink.model.ids import ActionId
from aetherlink.model.incidents import Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import aftermath, decide, patience
from aetherlink.pipeline.snapshots import before_of, was_made_anew, wish_of
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
    if later is not None:
        return f"{action.plan.words} is not taken back: {later.plan.words} was done after it"
    if seen is not None and (not _is_as_left(seen, wish_of(action)) or was_made_anew(action, seen)):
        return f"{action.plan.words} is not taken back: {action.plan.target} was changed by somebody else after it"
    return ""


def _is_as_left(seen: Observation, wish: Wish) -> bool:
    """Whether the target still wants what the action wished for; what is ready of it may come and go."""
    match wish:
        case Replicas(count):
            return seen.wanted == count
        case Release(name):
            return seen.release == name
        case Limits():
            return seen.limits.has(wish)
        case _:
            return True


def undoing(action: Action) -> Plan | None:
    """The plan that takes the action back; None where there is nothing to take back, or where it is not wanted."""
    before = before_of(action)
    if not action.plan.undo or before is None:
        return None
    return _plan(action, before)


def _plan(action: Action, before: Observation) -> Plan | None:
    kept = replace(
        action.plan,
        when="",
        verify="",
        replicas=None,
        release="",
        limits=Limits(),
        undo=False,
        undo_of=action.id,
        cooldown_seconds=0.0,
        silence=False,
        identity="",
        dependents=(),
    )
    match before.restoring(wish_of(action)):
        case Replicas(count):
            return replace(kept, verb=Verb.SCALE, replicas=count)
        case Release(name):
            return replace(kept, verb=Verb.ROLLBACK, release=name)
        case Limits() as limits:
            return replace(kept, verb=Verb.LIMITS, limits=limits)
        case _:
            return None


def undone(action: Action, now: datetime) -> Entry:
    """What the timeline says once it is taken back."""
    return Entry(EventKind.UNDONE, now, f"taken back: {action.plan.words}", {"undo_of": str(action.plan.undo_of)})
