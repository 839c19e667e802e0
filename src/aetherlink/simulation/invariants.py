"""What must be so after every step, whatever has happened. Each is one small function; INVARIANTS is the list.

An invariant looks at what the witness has seen that is new, and yields one line for each violation.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from aetherlink.model import pauses
from aetherlink.model.actions import Approval, Chain, Observation, OutcomeStatus, Replicas, Verb, Verdict
from aetherlink.model.approvals import is_still, shown_of
from aetherlink.model.brakes import scopes_of
from aetherlink.model.decisions import Effect, EvidenceStatus, Mode
from aetherlink.model.dependents import dependents_of
from aetherlink.model.principals import person_behind
from aetherlink.model.timeline import EventKind
from aetherlink.simulation.setup import SOURCE
from aetherlink.simulation.witness import Intent, Witness

Invariant = Callable[[Witness], Iterator[str]]

LONGEST_RUN = timedelta(seconds=130)  # a call's own deadline, and as long again to look at what became of it
LONGEST_AFTER_A_START = timedelta(seconds=90)  # what is left of the call's deadline, and a store that fails once
_HOUR = timedelta(hours=1)
_LONGEST_TURN = timedelta(minutes=16)  # of one dependent: as long as its turn lasts, and until somebody looks again


def nothing_unexpected_is_raised(witness: Witness) -> Iterator[str]:
    """Only errors that somebody has to expect come out of the agent."""
    yield from witness.problems


def an_action_is_sent_once(witness: Witness) -> Iterator[str]:
    """Each decision reaches the executor once at most, whatever dies in between."""
    for call in witness.calls:
        if call.action is not None and witness.times_called[call.action.id] > 1:
            yield f"{call.action.id} was sent {witness.times_called[call.action.id]} times"


def nothing_is_sent_without_an_intent(witness: Witness) -> Iterator[str]:
    """The intent is committed before the call."""
    for call in witness.calls:
        if call.action is None:
            yield f"{call.wish} was sent to {call.target.name}, and no intent for it is committed"


def nothing_begins_while_paused(witness: Witness) -> Iterator[str]:
    """A pause that was committed before the intent stops it."""
    for intent in witness.intents:
        for pause in intent.pauses:
            if pause.holds(intent.at) and pause.covers(pauses.scopes_of(intent.action.plan, SOURCE)):
                yield f"{intent.action.id} began although the agent is {pause.words}"


def nothing_begins_blindly(witness: Witness) -> Iterator[str]:
    """A plan with a condition begins only where the last answer was that it holds."""
    for intent in witness.intents:
        if intent.action.plan.when and intent.evidence is not EvidenceStatus.HOLDS:
            yield f"{intent.action.id} began although `{intent.action.plan.when}` showed {intent.evidence}"


def nothing_begins_for_an_alert_that_is_over(witness: Witness) -> Iterator[str]:
    """The alert of the plan still fires, and nobody has silenced it. Undoing and what follows a repair need none."""
    for intent in witness.intents:
        if not intent.alert_is_actionable and intent.action.plan.is_repair:
            yield f"{intent.action.id} began although its alert {intent.action.plan.alert_id} is not to be acted on"


def a_target_has_one_action_at_a_time(witness: Witness) -> Iterator[str]:
    """Nothing begins on a target on which something runs."""
    for intent in witness.intents:
        for other in intent.others:
            if other.finished_at is None:
                yield f"{intent.action.id} began on {intent.action.plan.target} although {other.id} runs"


def the_hourly_limit_is_kept(witness: Witness) -> Iterator[str]:
    """No more actions on a target within an hour than the plan allows, over crashes. To undo is always allowed."""
    for intent in witness.intents:
        if intent.is_undo:
            continue
        started = [one.started_at for one in intent.others if one.started_at is not None]
        count = 1 + sum(1 for each in started if each > intent.at - _HOUR)
        if count > intent.action.plan.per_hour:
            yield f"{intent.action.id} is number {count} of the hour; {intent.action.plan.per_hour} are allowed"


def the_cooldown_is_kept(witness: Witness) -> Iterator[str]:
    """A playbook leaves its target alone for as long as it says. To undo is no further try."""
    for intent in witness.intents:
        plan = intent.action.plan
        since = intent.at - timedelta(seconds=plan.cooldown_seconds)
        for other in intent.others:
            is_of_it = (other.plan.playbook, other.plan.step) == (plan.playbook, plan.step) and not intent.is_undo
            if is_of_it and other.started_at is not None and other.started_at > since:
                yield f"{intent.action.id} began within the cooldown after {other.id}"


def replicas_stay_within_bounds(witness: Witness) -> Iterator[str]:
    """Nobody is asked for more replicas than the target may have, or for fewer."""
    for call in witness.calls:
        if isinstance(call.wish, Replicas) and not call.target.minimum <= call.wish.count <= call.target.maximum:
            yield f"{call.target.name} was to have {call.wish.count} replicas"


def only_declared_targets_are_touched(witness: Witness) -> Iterator[str]:
    """What the settings of the agent that lives do not name is not touched."""
    for call in witness.calls:
        if call.target.name not in call.settings.targets:
            yield f"{call.target.name} was touched and is not declared"


def a_request_is_for_the_tenant_of_its_target(witness: Witness) -> Iterator[str]:
    """Whom a target serves is known whoever asks, so that budgets, pauses and the care for VIPs hold."""
    for intent in witness.intents:
        plan, target = intent.action.plan, intent.settings.targets.get(intent.action.plan.target)
        if plan.playbook is None and target is not None and plan.tenant != target.tenant:
            yield f"{intent.action.id} was asked for {target.name} of {target.tenant!r}, and is for {plan.tenant!r}"


def a_mode_below_auto_does_nothing_alone(witness: Witness) -> Iterator[str]:
    """Observe does nothing at all; approve does what was approved by everybody who is needed.

    What the agent did itself it may take back in any mode.
    """
    for intent in witness.intents:
        mode, approval = intent.settings.mode_of(intent.action.plan, vip=intent.is_vip), intent.action.approval
        is_approved = mode is Mode.APPROVE and approval is not None and approval.is_complete
        if mode is not Mode.AUTO and not is_approved and not intent.is_undo:
            yield f"{intent.action.id} began although the mode is {mode}"


def what_is_approved_is_what_is_done(witness: Witness) -> Iterator[str]:
    """Plan, target and what was seen of it are what everybody who is needed has said yes to."""
    for intent in witness.intents:
        plan, approval = intent.action.plan, intent.action.approval
        if approval is None or not approval.is_complete or plan.target not in intent.settings.targets:
            continue
        if not any(_is_shown(approval, intent, seen) for seen in intent.looks):
            yield f"{intent.action.id} is not what was approved"
        is_for_two = intent.is_vip and intent.settings.consent.second_person_for_vip
        if is_for_two and len({person_behind(grant.by) for grant in approval.grants}) < 2:
            yield f"{intent.action.id} is for a VIP, and one person approved it"


def _is_shown(approval: Approval, intent: Intent, seen: Observation) -> bool:
    plan, target = intent.action.plan, intent.settings.targets[intent.action.plan.target]
    undo = str(approval.shown["undo"])
    shown = shown_of(
        plan,
        target,
        seen,
        evidence="",
        undo=undo,
        needed=approval.needed,
        asked_at=approval.asked_at,
        seal=approval.seal,
    )
    return is_still(approval, shown)


def budgets_are_kept(witness: Witness) -> Iterator[str]:
    """So many at a time, in ten minutes, in an hour; and in an hour for a tenant, and by a playbook."""
    for intent in witness.intents:
        plan, budgets = intent.action.plan, intent.settings.restraints.budgets
        reserve = 0 if intent.is_vip else min(budgets.vip_reserve, budgets.per_ten_minutes - 1)
        soon = intent.at - timedelta(minutes=10)
        lately = [one for one in intent.before if one.started_at is not None and one.started_at > soon]
        counted = [
            ("running", intent.running, budgets.running),
            ("in ten minutes", 1 + len(lately), budgets.per_ten_minutes - reserve),
            ("in an hour", 1 + len(intent.before), budgets.per_hour),
        ]
        if plan.tenant and not intent.is_undo:
            of_tenant = sum(1 for one in intent.before if one.plan.tenant == plan.tenant)
            counted.append((f"of {plan.tenant}", 1 + of_tenant, budgets.tenant_per_hour))
        if intent.is_automatic:
            of_playbook = sum(1 for one in intent.before if one.plan.playbook == plan.playbook)
            counted.append((f"by {plan.playbook}", 1 + of_playbook, budgets.playbook_per_hour))
        for what, count, limit in counted:
            if count > limit:
                yield f"{intent.action.id} is number {count} {what}; {limit} are allowed"


def brakes_hold(witness: Witness) -> Iterator[str]:
    """No playbook acts on what is held back."""
    for intent in witness.intents:
        for brake in intent.brakes:
            if intent.is_automatic and brake.effect is Effect.DENY and brake.scope in scopes_of(intent.action.plan):
                yield f"{intent.action.id} began although {brake.words}"


def a_remedy_that_fails_is_not_spread(witness: Witness) -> Iterator[str]:
    """A playbook that did not help on several targets within an hour is not tried again."""
    for intent in witness.intents:
        playbook = intent.action.plan.playbook
        failed = {one.plan.target for one in intent.before if one.plan.playbook == playbook and one.has_failed}
        if intent.is_automatic and len(failed) >= intent.settings.restraints.budgets.circuit_targets:
            yield f"{intent.action.id} began although {playbook} did not help on {sorted(failed)}"


def the_floor_is_kept(witness: Witness) -> Iterator[str]:
    """As many replicas as the floor stay ready, where that many are."""
    for intent in witness.intents:
        target = intent.settings.targets.get(intent.action.plan.target)
        if target is not None and intent.looks and all(_sinks(intent, seen, target.floor) for seen in intent.looks):
            yield f"{intent.action.id} leaves fewer than {target.floor} of {target.name}"


def _sinks(intent: Intent, seen: Observation, floor: int) -> bool:
    plan = intent.action.plan
    others = seen.ready - 1 if intent.settings.is_rolling else 0
    left = min(seen.ready, plan.replicas or 0) if plan.verb is Verb.SCALE else others
    return 0 < seen.ready > left < floor


def what_flaps_is_left_alone(witness: Witness) -> Iterator[str]:
    """No playbook acts for an incident whose alerts come and go."""
    for intent in witness.intents:
        if intent.is_automatic and intent.incident is not None and intent.incident.flaps(intent.at):
            yield f"{intent.action.id} began although {intent.incident.id} flaps"


def only_what_did_not_help_is_undone(witness: Witness) -> Iterator[str]:
    """Once, and only where it is known that it did not help: to be unable to tell undoes nothing."""
    for intent in witness.intents:
        undone = intent.action.plan.undo_of
        if undone is None:
            continue
        witness.times_undone[undone] += 1
        earlier = witness.tables.records.actions.rows[undone]
        if earlier.verdict is not Verdict.NOT_RECOVERED:
            yield f"{intent.action.id} undoes {undone}, whose verdict is {earlier.verdict}"
        if witness.times_undone[undone] > 1:
            yield f"{undone} is undone {witness.times_undone[undone]} times"


def a_dependent_follows_a_verified_repair(witness: Witness) -> Iterator[str]:
    """It helped, it was verified lately, and what it repaired is up."""
    for intent in witness.intents:
        chain = intent.action.plan.chain
        if chain is None:
            continue
        verified_at, repaired = intent.verified.get(chain.repair), intent.needed.get(chain.target)
        longest = _LONGEST_TURN * len(intent.settings.targets)
        if verified_at is None or not intent.at - longest <= verified_at <= intent.at:
            yield f"{intent.action.id} follows {chain.repair}, which was verified at {verified_at}"
        if repaired is None or not 0 < repaired.wanted <= repaired.ready:
            yield f"{intent.action.id} began although {chain.target} is not up"


def dependents_are_restarted_in_order(witness: Witness) -> Iterator[str]:
    """Each once for a repair, while it has not started since, and after those that it depends on have."""
    for intent in witness.intents:
        plan, chain, target = (
            intent.action.plan,
            intent.action.plan.chain,
            intent.settings.targets[intent.action.plan.target],
        )
        if chain is None:
            continue
        for other in intent.others:
            is_same = other.plan.chain is not None and other.plan.chain.repair == chain.repair
            if is_same and (other.outcome is None or other.outcome.status is not OutcomeStatus.NOT_DONE):
                yield f"{intent.action.id} restarts {plan.target} again after {chain.repair}: {other.id} did"
        if intent.looks and all(_has_started(seen, chain) for seen in intent.looks):
            yield f"{intent.action.id} began although {plan.target} has started since {chain.repair}"
        late = dependents_of(intent.settings.targets, chain.target)
        for name in target.depends_on:
            if name in late and not _has_started(intent.needed[name], chain):
                yield f"{intent.action.id} restarts {plan.target} before {name}, which it depends on"


def _has_started(seen: Observation, chain: Chain) -> bool:
    return seen.oldest_start is not None and seen.oldest_start > chain.since


def nothing_runs_for_ever(witness: Witness) -> Iterator[str]:
    """What was running when the agent died is settled soon after the next start."""
    now = witness.clock.now()
    for action in witness.running.values():
        started = action.started_at or action.created_at
        end = witness.born_at + LONGEST_AFTER_A_START if started < witness.born_at else started + LONGEST_RUN
        if now > end:
            yield f"{action.id} runs since {started:%H:%M:%S}; it is {now:%H:%M:%S}"


def an_unknown_outcome_calls_a_person_once(witness: Witness) -> Iterator[str]:
    """Nobody can tell what became of it: somebody is told, and not again."""
    for stored in witness.entries:
        action_id = stored.entry.facts.get("action_id")
        if stored.entry.kind is EventKind.ESCALATED and isinstance(action_id, str):
            witness.times_escalated[action_id] += 1
            if witness.times_escalated[action_id] > 1:
                yield f"a person was called {witness.times_escalated[action_id]} times for {action_id}"
    for action in witness.finished:
        outcome = action.outcome
        if outcome is not None and outcome.status is OutcomeStatus.UNKNOWN and not witness.times_escalated[action.id]:
            yield f"nobody was called for {action.id}, of which nobody can tell what became"


def a_request_that_was_sent_is_never_thought_unsent(witness: Witness) -> Iterator[str]:
    """No look shows whether it arrived: who thinks that it did not would send it again."""
    for action in witness.finished:
        is_thought_so = action.outcome is not None and action.outcome.status is OutcomeStatus.NOT_DONE
        if is_thought_so and action.plan.verb is Verb.HTTP and witness.times_called[action.id]:
            yield f"{action.id} was sent, and is taken for not done"


def timelines_have_no_gap(witness: Witness) -> Iterator[str]:
    """The entries of every incident count from one, and all of them together do so, too."""
    for stored in witness.entries:
        timeline = witness.tables.incidents.timelines[stored.incident_id]
        if timeline[stored.sequence - 1] is not stored:
            yield f"entry {stored.sequence} of {stored.incident_id} is not at its place"
    numbers = sorted(stored.number for stored in witness.entries)
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        yield f"the entries {numbers} leave a gap"


def the_ledger_is_balanced(witness: Witness) -> Iterator[str]:
    """Every alert that was acknowledged is counted once, under one outcome."""
    mail = witness.mail
    if not mail.is_settled:
        return
    total = sum(witness.tables.records.ledger.values())
    if not mail.acknowledged - mail.in_doubt <= total <= mail.acknowledged + mail.in_doubt:
        yield f"{total} are counted; {mail.acknowledged} were acknowledged, {mail.in_doubt} are in doubt"


def nothing_is_touched(witness: Witness) -> Iterator[str]:
    """For a world in which nothing is wrong: whatever fires, the agent does nothing."""
    for call in witness.calls:
        yield f"{call.wish} was sent to {call.target.name}"


INVARIANTS: tuple[Invariant, ...] = (
    nothing_unexpected_is_raised,
    an_action_is_sent_once,
    nothing_is_sent_without_an_intent,
    nothing_begins_while_paused,
    nothing_begins_blindly,
    nothing_begins_for_an_alert_that_is_over,
    a_target_has_one_action_at_a_time,
    the_hourly_limit_is_kept,
    the_cooldown_is_kept,
    replicas_stay_within_bounds,
    only_declared_targets_are_touched,
    a_request_is_for_the_tenant_of_its_target,
    a_mode_below_auto_does_nothing_alone,
    what_is_approved_is_what_is_done,
    budgets_are_kept,
    brakes_hold,
    a_remedy_that_fails_is_not_spread,
    the_floor_is_kept,
    what_flaps_is_left_alone,
    only_what_did_not_help_is_undone,
    a_dependent_follows_a_verified_repair,
    dependents_are_restarted_in_order,
    nothing_runs_for_ever,
    an_unknown_outcome_calls_a_person_once,
    a_request_that_was_sent_is_never_thought_unsent,
    timelines_have_no_gap,
    the_ledger_is_balanced,
)
