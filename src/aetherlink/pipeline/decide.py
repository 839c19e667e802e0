"""Stage decide: gathers what the decision rests on, asks the one pure function, and stores its answer.

After an action on the target only samples newer than its end are evidence: a target that is just coming back still
looks broken in the samples before, and must not be repaired once more for that.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aetherlink.agent_record import Subject
from aetherlink.briefing import HISTORY, Standing, horizon, settled_of
from aetherlink.model.actions import Action, ActionState, Approval, Outcome, OutcomeStatus, Plan
from aetherlink.model.alerts import StoredAlert, evidence_of
from aetherlink.model.brakes import Brake, pair_scope
from aetherlink.model.decisions import Decision, Effect, Evidence
from aetherlink.model.dependents import proof_of
from aetherlink.model.ids import ActionId, SourceName
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.questions import Question
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import dependents, hindsight, patience
from aetherlink.pipeline.plan import renewed
from aetherlink.pipeline.step import Case, Continue, Findings, Step, Wait, World
from aetherlink.pipeline.strangers import beside, call
from aetherlink.ports import Transaction

_LOOP_RULE = "hourly_limit_holds"
_MOST_RELEASES = 100
_STATES = {
    Effect.ALLOW: ActionState.ALLOWED,
    Effect.NEEDS_APPROVAL: ActionState.WAITING_APPROVAL,
    Effect.OBSERVE: ActionState.REFUSED,
    Effect.DENY: ActionState.REFUSED,
}
_DENIED_SINCE = "denied_since"  # the key of Action.facts
_NOT_RUN = frozenset({ActionState.REFUSED, ActionState.WAITING_APPROVAL})


@dataclass(frozen=True, slots=True)
class _Background:
    """What is stored that evidence rests on: when the last action on the target ended, the plan's alert, and the repair
    that the plan follows.
    """

    settled: datetime | None
    alert: StoredAlert | None
    repair: Action | None


async def run(world: World, case: Case) -> Step:
    """Continue to act when allowed; ask a person, watch when it only observes; decide again later when denied."""
    plan = case.incident.plan
    if plan is None or (case.planned is None and plan.chain is None):
        return Step(Continue(Stage.WATCH))
    if (otherwise := await _wanted_otherwise(world, case, plan)) is not None:
        return otherwise
    standing, known = await world.store.read(lambda tx: _stored(world, tx, case, plan))
    findings = await _found(world, case.incident.source, plan, known)
    if (settled := await dependents.settled(world, case, plan, findings.seen[plan.target])) is not None:
        return settled
    decision = world.decide(question(world, case.incident, plan, standing, findings))
    action = _action(world, case, plan, decision)
    entries = () if _is_repeated(case, decision) else (entry(world, action, findings.evidence),)
    moved = await dependents.refused(world, case, _moved(world, case, action, entries), findings.evidence)
    step = replace(moved, retired=_replaced(case, action), findings=findings)
    return replace(step, brakes=await _loop_brake(world, action, standing))


async def _wanted_otherwise(world: World, case: Case, plan: Plan) -> Step | None:
    """Another plan, or none, where the playbook or the target may have changed since it was planned; None: nothing has.

    What follows a repair was planned for that one, and is not planned anew.
    """
    if plan.chain is not None:
        why = dependents.over(world, plan, plan.chain)
        return await dependents.left_out(world, case, plan, plan.chain, why=why) if why else None
    is_outdated = world.is_outdated(plan)
    if case.planned is not None and (case.action is not None or is_outdated):
        anew = await renewed(world, case.incident, case.planned, plan)
        if anew is not None and anew != plan:
            return Step(Continue(Stage.DECIDE), plan=anew)
        if is_outdated:
            return _not_planned_any_more(world, case)
    return None


def _moved(world: World, case: Case, action: Action, entries: tuple[Entry, ...]) -> Step:
    match action.decision.effect:
        case Effect.ALLOW:
            return Step(Continue(Stage.ACT), entries, action=action)
        case Effect.DENY:
            return _denied(world, case, action, entries)
        case Effect.NEEDS_APPROVAL:
            return Step(Continue(Stage.APPROVE), entries, action=action)
        case Effect.OBSERVE:
            return Step(Continue(Stage.WATCH), entries, action=action)


def _not_planned_any_more(world: World, case: Case) -> Step:
    """What the old content has planned is never done. A person is called, once; perhaps the new one plans it later."""
    step = Step(Wait(world.clock.now() + world.options.redecide_interval))
    if (told := beside(world, case, step)) is not None or case.incident.escalated:
        return told or step
    called, escalated = call(world, case, "its playbook was changed since, and as it is now nothing can be planned")
    return replace(step, entries=called, escalated=escalated)


def _denied(world: World, case: Case, action: Action, entries: tuple[Entry, ...]) -> Step:
    """Decide again later, and call a person for what no playbook knows, or when the denial goes on too long."""
    now = world.clock.now()
    since = datetime.fromisoformat(str(action.facts.get(_DENIED_SINCE) or now.isoformat()))
    action = replace(action, facts={**action.facts, _DENIED_SINCE: since.isoformat()})
    step = Step(Wait(now + world.options.redecide_interval), entries, action=action)
    if (told := beside(world, case, step)) is not None:
        return told
    last_call = case.incident.escalated_at
    if action.plan.chain is not None:
        return step  # its turn has an end of its own
    if now - since < world.options.resolve_within or (last_call is not None and last_call >= since):
        return step
    text = f"a person has to look: {action.plan.words} is denied all the time ({action.decision.reason})"
    return replace(step, entries=(*entries, Entry(EventKind.ESCALATED, now, text)), escalated=True)


async def _loop_brake(world: World, action: Action, standing: Standing) -> tuple[Brake, ...]:
    """A playbook that used up its hour by itself and is wanted again goes round in circles: only a person ends that.

    Who lets go of the brake gives it a new hour.
    """
    plan, now = action.plan, world.clock.now()
    if plan.playbook is None or action.decision.rule != _LOOP_RULE:
        return ()
    scope = pair_scope(plan.playbook, plan.target)
    released = await world.store.read(lambda tx: _released_at(tx, scope))
    since = now - HISTORY if released is None else max(released, now - HISTORY)
    if sum(1 for one in standing.recent if _is_a_turn(one, plan, since)) < plan.per_hour:
        return ()
    reason = f"{plan.per_hour} actions within an hour, and it is needed again: {action.decision.reason}"
    return (Brake(scope, now, reason, "agent"),)


def _is_a_turn(action: Action, plan: Plan, since: datetime) -> bool:
    """Whether the playbook did this very step on its own account since then."""
    is_same = (action.plan.playbook, action.plan.step, action.plan.undo_of) == (plan.playbook, plan.step, None)
    return is_same and action.started_at is not None and action.started_at > since


def _released_at(transaction: Transaction, scope: str) -> datetime | None:
    """When a person let go of such a brake last, among the latest times that anybody did."""
    record = transaction.incidents.latest_by_key(Subject.BRAKES.key)
    if record is None:
        return None
    entries = transaction.incidents.latest_entries(record.id, limit=_MOST_RELEASES, kind=EventKind.RELEASED)
    return max((one.entry.at for one in entries if one.entry.facts.get("scope") == scope), default=None)


def _replaced(case: Case, action: Action) -> Action | None:
    """The incident's earlier action, when it did not run and another plan takes its place."""
    earlier = case.action
    if earlier is None or earlier.id == action.id or earlier.state is not ActionState.WAITING_APPROVAL:
        return None
    outcome = Outcome(OutcomeStatus.NOT_NEEDED, f"replaced by {action.id}")
    return replace(earlier, state=ActionState.REFUSED, outcome=outcome)


def _stored(world: World, transaction: Transaction, case: Case, plan: Plan) -> tuple[Standing, _Background]:
    standing = world.briefing.standing(transaction, plan, case.incident.source)
    settled = _settled(transaction, plan, standing.recent)
    return standing, _Background(settled, case.planned, _repair(transaction, plan))


def _background(transaction: Transaction, plan: Plan, since: datetime) -> _Background:
    settled = _settled(transaction, plan, transaction.actions.started_since(plan.target, since))
    alert = transaction.alerts.get(plan.alert_id) if plan.rests_on_alert else None
    return _Background(settled, alert, _repair(transaction, plan))


def _repair(transaction: Transaction, plan: Plan) -> Action | None:
    """The repair that the plan follows, as it stands now."""
    return None if plan.chain is None else transaction.actions.get(plan.chain.repair)


def _settled(transaction: Transaction, plan: Plan, recent: Sequence[Action]) -> datetime | None:
    """When the last action on the target ended: an alert that fires on says for ever what was before it.

    A query says what is now, so that of the actions only the recent ones matter to it.
    """
    last = transaction.actions.last_end(plan.target) if plan.rests_on_alert else None
    return max(filter(None, (last, settled_of(recent))), default=None)


async def find_out(world: World, source: SourceName, plan: Plan, *, anew: bool = False) -> Findings:
    """Look at the target and what it stands on, and ask the plan's condition. `anew`: a look of a moment ago is old."""
    since = horizon(plan, world.clock.now())
    known = await world.store.read(lambda tx: _background(tx, plan, since))
    return await _found(world, source, plan, known, anew=anew)


async def _found(world: World, source: SourceName, plan: Plan, known: _Background, *, anew: bool = False) -> Findings:
    """Both at once; the condition on samples newer than the last action on the target."""
    at = world.clock.monotonic()
    looking = asyncio.create_task(world.briefing.seen(plan, anew=anew))
    try:
        evidence = await _evidence(world, source, plan, known)
        seen = await looking
        if plan.chain is not None:
            repaired, within = seen.get(plan.chain.target), world.options.resolve_within
            evidence = proof_of(plan.chain, known.repair, repaired, world.clock.now(), within=within)
        return Findings(seen, evidence, known.settled, at)
    finally:
        looking.cancel()


async def _evidence(world: World, source: SourceName, plan: Plan, known: _Background) -> Evidence | None:
    """What the plan's condition shows now, or its alert where it has none; None for what needs neither."""
    if plan.when:
        return await world.probe.check(source, plan.when, newer_than=known.settled)
    if not plan.rests_on_alert:
        return None
    alert = None if known.alert is None else known.alert.alert
    listed_at = None if alert is None else world.restraints.listed_at(alert.source, alert.fingerprint)
    return evidence_of(known.alert, known.settled, world.clock.now(), listed_at=listed_at)


def question(
    world: World,
    incident: Incident,
    plan: Plan,
    standing: Standing,
    findings: Findings,
    *,
    approval: Approval | None = None,
) -> Question:
    """Everything that the decision rests on."""
    return world.briefing.question(
        plan,
        standing,
        findings.seen,
        mode=world.mode_of(plan, standing.promotion),
        incident=incident,
        evidence=findings.evidence,
        approval=approval,
    )


def state_after(decision: Decision) -> ActionState:
    """The state of an action that was just decided."""
    return _STATES[decision.effect]


def _action(world: World, case: Case, plan: Plan, decision: Decision) -> Action:
    """The action of this plan: the one that did not run so far, decided anew, or a new one."""
    state = _STATES[decision.effect]
    now = world.clock.now()
    if _is_undone(case, plan) and case.action is not None:
        return replace(
            case.action,
            plan=plan,
            decision=decision,
            state=state,
            created_at=now,
            started_at=None,
            finished_at=None,
            outcome=None,
            approval=None,
        )
    new = Action(
        id=ActionId(world.ids.new("act")),
        plan=plan,
        reason=case.incident.title,
        requested_by=f"playbook:{plan.playbook}",
        decision=decision,
        state=state,
        created_at=now,
        incident_id=case.incident.id,
    )
    return hindsight.remembering(case.action, patience.handed_on(world, case.action, new))


def _is_undone(case: Case, plan: Plan) -> bool:
    """Whether the incident's action is for this very plan and did not run so far."""
    return case.action is not None and case.action.state in _NOT_RUN and case.action.plan == plan


def _is_repeated(case: Case, decision: Decision) -> bool:
    """Whether the timeline says this already; the numbers in a reason may differ from try to try."""
    if case.action is None or case.incident.plan is None or not _is_undone(case, case.incident.plan):
        return False
    last = case.action.decision
    return (last.effect, last.rule) == (decision.effect, decision.rule)


def entry(world: World, action: Action, shown: Evidence | None) -> Entry:
    """What the timeline says of a decision."""
    decision = action.decision
    facts: dict[str, object] = {
        "action_id": action.id,
        "decision": decision.effect.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "objections": [f"{one.rule}: {one.reason}" for one in decision.objections],
    }
    if shown is not None:
        facts["evidence"] = f"{shown.status}: {shown.detail}"
    text = f"{decision.effect}: {action.plan.words} ({decision.reason})"
    return Entry(EventKind.DECIDED, world.clock.now(), text, facts)
