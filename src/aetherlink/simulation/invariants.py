"""What must be so after every step, whatever has happened. Each is one small function; INVARIANTS is the list.

An invariant looks at what the witness has seen that is new, and yields one line for each violation.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from aetherlink.model.actions import OutcomeStatus, Replicas
from aetherlink.model.decisions import EvidenceStatus, Mode
from aetherlink.model.timeline import EventKind
from aetherlink.simulation.witness import Witness

Invariant = Callable[[Witness], Iterator[str]]

LONGEST_RUN = timedelta(seconds=130)  # a call's own deadline, and as long again to look at what became of it
LONGEST_AFTER_A_START = timedelta(seconds=60)
_HOUR = timedelta(hours=1)


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
            if pause.holds(intent.at):
                yield f"{intent.action.id} began although the agent is {pause.words}"


def nothing_begins_blindly(witness: Witness) -> Iterator[str]:
    """A plan with a condition begins only where the last answer was that it holds."""
    for intent in witness.intents:
        if intent.action.plan.when and intent.evidence is not EvidenceStatus.HOLDS:
            yield f"{intent.action.id} began although `{intent.action.plan.when}` showed {intent.evidence}"


def nothing_begins_for_an_alert_that_is_over(witness: Witness) -> Iterator[str]:
    """The alert of the plan still fires, and nobody has silenced it. To undo does not wait for that."""
    for intent in witness.intents:
        if not intent.alert_is_actionable and intent.action.plan.undo_of is None:
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
        if intent.action.plan.undo_of is not None:
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
            is_of_it = other.plan.playbook == plan.playbook and plan.undo_of is None
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


def a_mode_below_auto_does_nothing_alone(witness: Witness) -> Iterator[str]:
    """Observe does nothing at all; approve does what was approved by everybody who is needed."""
    for intent in witness.intents:
        mode, approval = intent.settings.mode_of(intent.action), intent.action.approval
        is_approved = mode is Mode.APPROVE and approval is not None and approval.is_complete
        if mode is not Mode.AUTO and not is_approved:
            yield f"{intent.action.id} began although the mode is {mode}"


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
    a_mode_below_auto_does_nothing_alone,
    nothing_runs_for_ever,
    an_unknown_outcome_calls_a_person_once,
    timelines_have_no_gap,
    the_ledger_is_balanced,
)
