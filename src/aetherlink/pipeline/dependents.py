"""What depends on a repaired target is restarted after it, one after another, in the order of `depends_on`.

The plan of each holds what is left of the chain, so that it goes on where it was after a crash. Each one is decided,
approved, carried out and looked after like any plan. One that is not restarted is left out together with what depends
on it, and a person is called for the first of them.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from aetherlink.model.actions import NO_LIMITS, Action, Chain, OutcomeStatus, Plan, Verb
from aetherlink.model.decisions import Decision, Effect, Evidence, EvidenceStatus
from aetherlink.model.dependents import dependents_of, has_started_since
from aetherlink.model.ids import TargetName
from aetherlink.model.incidents import Stage
from aetherlink.model.questions import Seen
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import next_step
from aetherlink.pipeline.step import PASSING, Case, Continue, Step, World

_WAITED_FOR = PASSING | frozenset(
    (
        *("agent_is_not_paused", "source_is_believed", "target_is_seen", "dependencies_work", "evidence_holds"),
        *("sensor_is_trusted", "cooldown_is_over"),
    )
)
"""The rules whose objections may pass while the chain still waits; all others leave the dependent out at once."""


async def begun(world: World, case: Case, action: Action) -> Step | None:
    """The turn of the first dependent of what was verified just now; None: nothing is to be restarted after it."""
    is_done = action.outcome is not None and action.outcome.status is OutcomeStatus.DONE
    if not action.plan.dependents or action.plan.chain is not None or action.finished_at is None or not is_done:
        return None
    now = world.clock.now()
    chain = Chain(action.id, action.plan.target, since=action.finished_at, turn_at=now)
    text = f"what depends on {chain.target} is restarted now, in this order: {', '.join(action.plan.dependents)}"
    told = Entry(EventKind.PLANNED, now, text, {"repair": action.id, "dependents": list(action.plan.dependents)})
    return await _turn(world, case, action.plan, chain, told=(told,))


async def came_up(world: World, case: Case, plan: Plan, chain: Chain) -> Step:
    """The turn of the next one, after the plan's target has started anew."""
    return await _turn(world, case, plan, replace(chain, turn_at=world.clock.now()))


async def left_out(
    world: World, case: Case, plan: Plan, chain: Chain, *, why: str, told: Sequence[Entry] = (), is_call: bool = True
) -> Step:
    """The turn of the next one that does not depend on the plan's target. A person is called once in a chain."""
    now = world.clock.now()
    text = f"{plan.target}, which depends on {chain.target}, is not restarted after it: {why}"
    is_call = is_call and not chain.is_told
    called = Entry(EventKind.ESCALATED, now, f"a person has to look: {text}")
    entry = called if is_call else Entry(EventKind.PLANNED, now, text)
    later = replace(chain, turn_at=now, without=(*chain.without, plan.target), is_told=chain.is_told or is_call)
    step = await _turn(world, case, plan, later, told=(*told, entry))
    return replace(step, escalated=step.escalated or is_call)


async def after_failure(world: World, case: Case, step: Step) -> Step:
    """The step, going on with what does not depend on the target that failed; a person was called for that one."""
    action = step.action
    chain = None if action is None else action.plan.chain
    if action is None or chain is None or not step.hands_off:
        return step
    later = replace(chain, turn_at=world.clock.now(), without=(*chain.without, action.plan.target), is_told=True)
    going = await _turn(world, case, action.plan, later)
    return replace(step, move=going.move, plan=going.plan, entries=(*step.entries, *going.entries))


def over(world: World, plan: Plan, chain: Chain) -> str:
    """Why nobody wants it restarted after the repair any more; empty: it is wanted still."""
    if world.playbook_of(plan) is None or world.is_outdated(plan):
        return "its playbook was changed since"
    if plan.target not in dependents_of(world.targets, chain.target):
        return "the settings have changed since"
    return ""


async def settled(world: World, case: Case, plan: Plan, seen: Seen) -> Step | None:
    """The turn of the next one where nothing has to be done to this one, or where somebody has stopped it."""
    chain, now = plan.chain, world.clock.now()
    if chain is None or seen.observation is None:
        return None
    if seen.observation.wanted <= 0:
        return await left_out(world, case, plan, chain, why="somebody has stopped it", is_call=False)
    if not has_started_since(seen.observation, chain):
        return None
    text = f"{plan.target} is left as it is: it has started since {chain.target} was repaired"
    told = Entry(EventKind.PLANNED, now, text)
    return await _turn(world, case, plan, replace(chain, turn_at=now), told=(told,))


async def refused(world: World, case: Case, step: Step, shown: Evidence | None) -> Step:
    """The step of a decision, going on with the next one where the decision is against it and will stay so."""
    action = step.action
    chain = None if action is None else action.plan.chain
    if action is None or chain is None or not _is_final(action.decision, shown):
        return step
    is_call = action.decision.effect is Effect.DENY
    why = f"{action.decision.effect} ({action.decision.reason})"
    going = await left_out(world, case, action.plan, chain, why=why, told=step.entries, is_call=is_call)
    is_told = going.escalated or step.escalated
    return replace(going, action=action, planned_through=step.planned_through, escalated=is_told)


def end_of(world: World, chain: Chain) -> datetime:
    """Until when the turn of a dependent lasts."""
    return chain.turn_at + world.options.resolve_within


def _is_final(decision: Decision, shown: Evidence | None) -> bool:
    """What refutes the repair, or comes too late, is final; to be unable to tell is not."""
    match decision.effect:
        case Effect.OBSERVE:
            return True
        case Effect.DENY:
            is_refuted = shown is not None and shown.status is EvidenceStatus.DOES_NOT_HOLD
            return is_refuted or decision.rule not in _WAITED_FOR
        case _:
            return False


async def _turn(world: World, case: Case, plan: Plan, chain: Chain, *, told: Sequence[Entry] = ()) -> Step:
    """Continue to decide with the next of those that the plan leaves, or with what comes after the chain."""
    entries, without = list(told), list(chain.without)
    for place, name in enumerate(plan.dependents):
        missing = _missing(world, name, without)
        if missing is None:
            later = plan.dependents[place + 1 :]
            following = _restarting(world, case, plan, name, replace(chain, without=tuple(without)))
            return Step(Continue(Stage.DECIDE), tuple(entries), plan=replace(following, dependents=later))
        without.append(name)
        text = f"{name} is not restarted either: it depends on {missing}"
        entries.append(Entry(EventKind.PLANNED, world.clock.now(), text))
    last = None if chain.is_told else await next_step.after(world, case, plan, helped=True)
    last = last or Step(Continue(Stage.WATCH))
    return replace(last, entries=(*entries, *last.entries))


def _missing(world: World, name: TargetName, without: Sequence[TargetName]) -> TargetName | None:
    target = world.targets.get(name)
    return None if target is None else next((one for one in target.depends_on if one in without), None)


def _restarting(world: World, case: Case, plan: Plan, name: TargetName, chain: Chain) -> Plan:
    """The plan that restarts the dependent. What was repaired must not be broken, however far away it is."""
    target = world.targets.get(name)
    needed = dict.fromkeys((*(one for one in plan.unless if one != name), chain.target))
    return replace(
        plan,
        verb=Verb.RESTART,
        target=name,
        tenant=(target.tenant if target is not None else "") or case.incident.tenant,
        replicas=None,
        when="",
        verify="",
        unless=tuple(needed),
        undo=False,
        undo_of=None,
        release="",
        escalate_after=1,
        silence=False,
        planned_from=None,
        request="",
        limits=NO_LIMITS,
        identity="",
        chain=chain,
    )
