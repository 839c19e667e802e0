"""Stage act: decides once more, commits the intent, calls the executor once, and brings back the outcome.

The second decision is made inside the transaction that commits the intent, on what is true there: of several
incidents that want the same target at the same moment, one gets it. What was approved is compared with the target as it
is now. An action found running at the start of the stage is one whose caller died between call and reply. It is looked
at, never sent again: done when the target shows what was wished; not done, and decided anew, when the call's time is
over and the target stands there well without it; else unknown, and a person is called. A request shows in no target:
whether it arrived stays unknown.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from aetherlink.errors import AetherError, ConflictError
from aetherlink.model.actions import (
    Action,
    ActionState,
    Chain,
    Outcome,
    OutcomeStatus,
    Release,
    Target,
    Verb,
)
from aetherlink.model.brakes import Brake, target_scope
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.dependents import is_proved
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.snapshots import KEEP_REPLICAS, wish_of, with_identity_after, with_snapshot
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import approve, decide, dependents, record
from aetherlink.pipeline.choice import LOOK
from aetherlink.pipeline.step import PASSING, Case, Continue, Findings, Step, Wait, World
from aetherlink.pipeline.undo import undone
from aetherlink.ports import Executor, Transaction

_FRESH = timedelta(seconds=30)
_JUST_NOW = 0.5  # seconds
_TOO_OLD = "the decision was too old when its turn came"
_GOOD = frozenset({OutcomeStatus.DONE, OutcomeStatus.NOT_NEEDED})
_WAITS_FOR = "waits_for"  # the key of Action.facts: which rule something approved waits for
_REFUSAL = "refusal"  # the key of Action.facts: why it was not carried out when its turn came


class _ImpossibleError(Exception):
    """There is nobody who could do it, or nothing to do."""


@dataclass(frozen=True, slots=True)
class _Hands:
    """Who does it, to what."""

    executor: Executor
    target: Target


async def run(world: World, case: Case) -> Step:
    """Continue to verify after a good outcome; else a person is called and the incident is watched.

    What does not depend on a dependent that could not be restarted goes on all the same.
    """
    return await dependents.after_failure(world, case, await _taken_on(world, case))


async def _taken_on(world: World, case: Case) -> Step:
    action = case.action
    if action is None or action.state not in (ActionState.ALLOWED, ActionState.RUNNING):
        return Step(Continue(Stage.WATCH))
    if action.state is ActionState.RUNNING:
        return await _heard_again(world, _out_of_sight(world, action) or await _taken_up(world, action))
    if _is_old(world, action):
        return _refused(world, action, _TOO_OLD)
    try:
        return await _carried_out(world, case, action, _hands(world, action))
    except _ImpossibleError as problem:
        return _finished(world, action, Outcome(OutcomeStatus.FAILED, f"nothing was sent: {problem}"))


async def _carried_out(world: World, case: Case, action: Action, hands: _Hands) -> Step:
    if world.is_outdated(action.plan):
        return _refused(world, action, "its playbook was changed since it was planned")
    findings = await _findings(world, case, action)
    if drift := _drift(world, case.incident, action, findings):
        return drift
    if _is_another(action, findings):
        return _refused(world, action, f"{action.plan.target} was made anew since its plan was made")
    ready = _prepared(action, findings)
    work = partial(_begin, world=world, incident=case.incident, action=ready, findings=findings)
    started = await record.write(world, case, work)
    if started is None:  # whoever closed the incident was quicker: that stands, and this step with it
        return Step(Wait())
    if isinstance(started, Decision):
        return _against(world, action, started)
    await _silenced(world, case, started)
    outcome = await hands.executor.converge(hands.target, wish_of(started), deadline=world.options.action_deadline)
    return await _heard_again(world, _finished(world, await _as_left(hands, started, outcome), outcome))


async def _as_left(hands: _Hands, action: Action, outcome: Outcome) -> Action:
    """The action with what it left behind, so that nothing that somebody made after it is undone."""
    if outcome.status is not OutcomeStatus.DONE or action.plan.verb not in KEEP_REPLICAS or not action.plan.undo:
        return action
    try:
        return with_identity_after(action, await hands.executor.observe(hands.target, deadline=LOOK))
    except AetherError:
        return action


async def _findings(world: World, case: Case, action: Action) -> Findings:
    """Those of a moment ago, when the decision was made just now; else everything is looked at and asked anew."""
    found, is_approved = case.findings, action.approval is not None
    if found is not None and not is_approved and world.clock.monotonic() - found.at < _JUST_NOW:
        return found
    return await decide.find_out(world, case.incident.source, action.plan, anew=is_approved)


def _is_old(world: World, action: Action) -> bool:
    """Whether it was decided, or approved, too long ago. A clock that was set back makes nothing fresh."""
    return abs(world.clock.now() - _allowed_at(action)) > _FRESH


def _allowed_at(action: Action) -> datetime:
    """When it was decided, or approved."""
    stored = action.facts.get(approve.ALLOWED_AT)
    return action.created_at if stored is None else datetime.fromisoformat(str(stored))


def _hands(world: World, action: Action) -> _Hands:
    """Raises _ImpossibleError for a target or executor that the settings do not have any more, or not for this verb."""
    target = world.targets.get(action.plan.target)
    if target is None:
        raise _ImpossibleError(f"the target {action.plan.target} is not in the settings any more")
    executor = world.executors[target.executor]
    if action.plan.verb not in executor.verbs:
        raise _ImpossibleError(f"the executor {target.executor} cannot {action.plan.verb}")
    return _Hands(executor, target)


def _drift(world: World, incident: Incident, action: Action, findings: Findings) -> Step | None:
    """The request for approval made anew, when the target is not as it was shown to whoever approved."""
    seen = findings.seen[action.plan.target].observation
    if action.approval is None or seen is None:
        return None  # without a look nothing is done anyway: the rules see to that
    if approve.is_as_shown(world, incident, action, seen):
        return None
    anew = approve.asked(world, incident, action, seen, findings.evidence)
    return approve.drifted(action, replace(anew, expires_at=action.approval.expires_at))


def _is_another(action: Action, findings: Findings) -> bool:
    """Whether the target that an alert's labels named is not the one any more that was looked at then."""
    planned, seen = action.plan.identity, findings.seen[action.plan.target].observation
    return bool(planned) and seen is not None and seen.identity != planned


def _prepared(action: Action, findings: Findings) -> Action:
    """The action with everything that its wish and its undoing rest on. Raises _ImpossibleError."""
    seen = findings.seen[action.plan.target].observation
    if seen is None:
        return action  # the rules refuse it
    ready = with_snapshot(action, seen)
    if wish_of(ready) == Release(""):
        raise _ImpossibleError(f"{action.plan.target} has no previous release to roll back to")
    return ready


def _begin(
    transaction: Transaction, world: World, incident: Incident, action: Action, findings: Findings
) -> Action | Decision:
    """The intent, on record before the call; or the decision that is against it now."""
    stored = transaction.incidents.get(incident.id)
    known = transaction.actions.get(action.id)
    if stored is None or stored.stage is not Stage.ACT or known is None or known.state is not ActionState.ALLOWED:
        raise ConflictError(f"incident {incident.id} was moved by somebody else: action {action.id} is not called")
    if _needs_its_alert(action) and not _still_fires(transaction, action.plan.alert_id):
        return Decision(Effect.DENY, "alert_fires", "its alert does not fire any more, or is silenced or inhibited")
    if not _is_still_proved(transaction, action.plan.chain):
        return Decision(Effect.DENY, "evidence_holds", "the repair that it follows is not proved any more")
    if _is_old(world, action) or world.clock.monotonic() - findings.at > _FRESH.total_seconds():
        return Decision(Effect.DENY, "decision_is_fresh", _TOO_OLD)  # the store may have been slow to come to it
    now = world.clock.now()
    standing = world.briefing.standing(transaction, action.plan, incident.source)
    if findings.evidence is not None and _is_later(standing.settled, findings.settled):
        return Decision(Effect.DENY, "evidence_holds", "something was done to the target since its condition was asked")
    asked = decide.question(world, stored, action.plan, standing, findings, approval=action.approval)
    decision = world.decide(asked)
    if decision.effect is not Effect.ALLOW:
        return decision
    started = replace(action, state=ActionState.RUNNING, started_at=now)
    transaction.actions.put(started)
    entry = Entry(EventKind.ACTION_STARTED, now, f"{action.plan.words}: started", _facts(action))
    transaction.incidents.update(replace(stored, updated_at=now), [entry])
    return started


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one > other)


def _needs_its_alert(action: Action) -> bool:
    """Neither taking back nor what follows a repair waits for the alert to go on firing."""
    return bool(action.plan.alert_id) and action.plan.is_repair


def _is_still_proved(transaction: Transaction, chain: Chain | None) -> bool:
    """Whether the repair that an action follows, if it follows one, stands there as verified."""
    return chain is None or is_proved(chain, transaction.actions.get(chain.repair))


def _still_fires(transaction: Transaction, alert_id: int) -> bool:
    found = transaction.alerts.get(alert_id)
    return found is not None and found.may_be_acted_on


async def _silenced(world: World, case: Case, action: Action) -> None:
    """Its alert is silenced while it acts and verifies, where the playbook wants that."""
    if world.silencer is not None and action.plan.silence and case.planned is not None:
        await world.silencer.silence(action, case.planned.alert)


async def _heard_again(world: World, step: Step) -> Step:
    """Where nothing is verified any more, its alert may be heard of again."""
    action = step.action
    is_given_up = action is not None and action.finished_at is not None and step.hands_off
    if world.silencer is not None and action is not None and is_given_up and action.plan.silence:
        await world.silencer.lift(action.id)
    return step


def _out_of_sight(world: World, action: Action) -> Step | None:
    """A request whose sender died: no look at any target can tell whether it arrived."""
    if action.plan.verb is not Verb.HTTP:
        return None
    reason = "the agent stopped during the call, and whether the request arrived cannot be seen"
    return _finished(world, action, Outcome(OutcomeStatus.UNKNOWN, reason))


async def _taken_up(world: World, action: Action) -> Step:
    """What became of a call whose caller died."""
    try:
        hands = _hands(world, action)
        seen = await hands.executor.observe(hands.target, deadline=world.options.action_deadline)
    except (AetherError, _ImpossibleError) as problem:
        over = _over(world, action)
        if isinstance(problem, AetherError) and world.clock.now() < over:
            return Step(Wait(min(over, world.clock.now() + world.options.verify_interval)), action=action)
        reason = f"the agent stopped during the call, and now cannot look: {problem}"
        return _finished(world, action, Outcome(OutcomeStatus.UNKNOWN, reason))
    if seen.shows(wish_of(action)):
        reason = "the agent stopped during the call; the target shows its effect"
        return _finished(world, with_identity_after(action, seen), Outcome(OutcomeStatus.DONE, reason))
    over = _over(world, action)
    if world.clock.now() < over:
        return Step(Wait(over), action=action)  # the call may still be on its way
    if seen.ready < seen.wanted or action.plan.undo_of is not None:
        reason = "the agent stopped during the call; the target does not show its effect"
        return _finished(world, action, Outcome(OutcomeStatus.UNKNOWN, reason))
    return _not_done(world, action)


def _over(world: World, action: Action) -> datetime:
    """When its call cannot be on its way any more."""
    return (action.started_at or action.created_at) + world.options.action_deadline


def _against(world: World, action: Action, decision: Decision) -> Step:
    """What was approved waits for what passes by itself, as long as its request lasts; the rest is not carried out."""
    now = world.clock.now()
    if action.approval is None or action.approval.is_over(now) or decision.rule not in PASSING:
        return _refused(world, action, decision.reason)
    is_said = action.facts.get(_WAITS_FOR) == decision.rule
    facts = {**action.facts, _WAITS_FOR: decision.rule, approve.ALLOWED_AT: now.isoformat()}
    told = Entry(
        EventKind.DECIDED, now, f"{action.plan.words} is approved and waits: {decision.reason}", _facts(action)
    )
    again = Wait(now + world.options.verify_interval)
    return Step(again, () if is_said else (told,), action=replace(action, facts=facts))


def _not_done(world: World, action: Action) -> Step:
    """The call never arrived: the plan is decided anew, as a new action."""
    outcome = Outcome(OutcomeStatus.NOT_DONE, "the agent stopped before the call; the target is as it was")
    now = world.clock.now()
    over = replace(action, state=ActionState.FINISHED, finished_at=now, outcome=outcome)
    facts = {**_facts(action), "outcome": outcome.status.value, "reason": outcome.reason}
    entry = Entry(EventKind.ACTION_FINISHED, now, f"{action.plan.words}: {outcome.reason}", facts)
    move = Continue(Stage.DECIDE if action.plan.playbook else Stage.WATCH)
    return Step(move, (entry,), action=over)


def _refused(world: World, action: Action, reason: str) -> Step:
    """Not carried out: a plan is decided again after a while, a person's request has to be made again."""
    now = world.clock.now()
    outcome = Outcome(OutcomeStatus.FAILED, f"not carried out: {reason}")
    facts = {**action.facts, _REFUSAL: reason}
    refused = replace(action, state=ActionState.REFUSED, finished_at=now, outcome=outcome, facts=facts)
    entry = Entry(EventKind.ACTION_FINISHED, now, f"{action.plan.words}: {outcome.reason}", _facts(action))
    is_said = action.facts.get(_REFUSAL) == reason
    if action.plan.undo_of is not None or (action.plan.playbook is None and action.approval is not None):
        called = Entry(EventKind.ESCALATED, now, f"a person has to look: {action.plan.words} was refused ({reason})")
        held = _held(action, outcome, now)
        return Step(Continue(Stage.WATCH), (entry, called), action=refused, brakes=held, escalated=True, hands_off=True)
    again = Continue(Stage.DECIDE, at=now + world.options.redecide_interval)
    move = again if action.plan.playbook else Continue(Stage.WATCH)
    return Step(move, () if is_said else (entry,), action=refused)


def _finished(world: World, action: Action, outcome: Outcome) -> Step:
    now = world.clock.now()
    finished = replace(action, state=ActionState.FINISHED, finished_at=now, outcome=outcome)
    words = f"{action.plan.words}: {outcome.status}"
    facts = {**_facts(action), "outcome": outcome.status.value, "reason": outcome.reason}
    text = f"{words} ({outcome.reason})" if outcome.reason else words
    ended = Entry(EventKind.ACTION_FINISHED, now, text, facts)
    if outcome.status not in _GOOD:
        called = Entry(EventKind.ESCALATED, now, f"a person has to look: {outcome.reason}", _facts(action))
        held = _held(action, outcome, now)
        return Step(
            Continue(Stage.WATCH), (ended, called), action=finished, brakes=held, escalated=True, hands_off=True
        )
    if action.plan.undo_of is not None:
        return Step(Continue(Stage.UNDO), (ended, undone(action, now)), action=finished)
    return Step(Continue(Stage.VERIFY), (ended,), action=finished)


def _held(action: Action, outcome: Outcome, now: datetime) -> tuple[Brake, ...]:
    """Where nobody can tell what was done, or it was not taken back, automation keeps off until a person has looked."""
    is_doubtful = outcome.status is OutcomeStatus.UNKNOWN or action.plan.undo_of is not None
    if not is_doubtful or action.plan.playbook is None:
        return ()
    return (Brake(target_scope(action.plan.target), now, f"{action.plan.words}: {outcome.reason}", "agent"),)


def _facts(action: Action) -> dict[str, object]:
    undoes = {} if action.plan.undo_of is None else {"undo_of": str(action.plan.undo_of)}
    return {"action_id": action.id, "verb": action.plan.verb.value, "target": action.plan.target, **undoes}
