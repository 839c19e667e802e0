"""Rules about what is known: no data permits nothing, and what looks too bad to be true is not believed."""

from aetherlink.model.decisions import EvidenceStatus, Objection
from aetherlink.model.questions import Question
from aetherlink.policy.rule import deny


def source_is_believed(question: Question) -> Objection | None:
    """A playbook does not act on a source whose silence says nothing."""
    if question.blind is None or not question.is_automatic:
        return None
    return deny("source_is_believed", question.blind)


def evidence_holds(question: Question) -> Objection | None:
    """A playbook's plan runs only while its condition holds on fresh data; no data is evidence of nothing."""
    plan, shown = question.plan, question.evidence
    if not plan.when and not plan.rests_on_alert and plan.chain is None:
        return None
    condition = f"the condition `{plan.when}`" if plan.when else "the alert that it rests on"
    condition = condition if plan.chain is None else plan.evidence_words
    if shown is None:
        return deny("evidence_holds", f"{condition} was not asked")
    if shown.status is EvidenceStatus.HOLDS:
        return None
    return deny("evidence_holds", f"{condition} shows {shown.status}: {shown.detail}")


def incident_does_not_flap(question: Question) -> Objection | None:
    """A playbook does not act on what comes and goes by itself."""
    if not question.flapping or not question.is_automatic:
        return None
    return deny("incident_does_not_flap", "its alerts stop and fire again and again: a repair would prove nothing")


def sensor_is_trusted(question: Question) -> Objection | None:
    """When most targets are unwell at once, it is the sensor that is suspected."""
    unwell, known = len(question.unwell), len(question.targets)
    budgets = question.budgets
    if not question.is_automatic or unwell < budgets.suspect_targets or unwell < budgets.suspect_share * known:
        return None
    reason = f"{unwell} of {known} targets are unwell at once: rather the monitoring is broken than all of them"
    return deny("sensor_is_trusted", reason)
