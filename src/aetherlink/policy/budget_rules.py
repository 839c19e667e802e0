"""Rules about how much is done in all. No approval lifts them, and they are counted from what is stored."""

from collections.abc import Iterator
from datetime import timedelta

from aetherlink.model.actions import Started
from aetherlink.model.decisions import Objection
from aetherlink.model.questions import Question
from aetherlink.policy.rule import deny

_TEN_MINUTES = timedelta(minutes=10)
_HOUR = timedelta(hours=1)


def few_run_at_a_time(question: Question) -> Objection | None:
    """Only so many actions run at a time in the whole fleet."""
    running = [action for action in question.started if action.finished_at is None]
    if len(running) < question.budgets.running:
        return None
    reason = f"{len(running)} actions run already; the limit is {question.budgets.running} (budgets.running)"
    return deny("few_run_at_a_time", reason)


def fleet_budget_holds(question: Question) -> Objection | None:
    """Only so many actions start in ten minutes and in an hour, on all targets together; some are kept for VIPs."""
    budgets = question.budgets
    reserve = 0 if question.vip else max(0, min(budgets.vip_reserve, budgets.per_ten_minutes - 1))
    for span, limit, name in (
        (_TEN_MINUTES, budgets.per_ten_minutes - reserve, "budgets.per_ten_minutes, less vip_reserve"),
        (_HOUR, budgets.per_hour, "budgets.per_hour"),
    ):
        count = sum(1 for _ in _within(question, span))
        if count >= limit:
            minutes = span.total_seconds() / 60
            reason = f"{count} actions on all targets in the last {minutes:g} min; the limit is {limit} ({name})"
            return deny("fleet_budget_holds", reason)
    return None


def tenant_budget_holds(question: Question) -> Objection | None:
    """Only so many actions an hour are for one tenant."""
    tenant, limit = question.plan.tenant, question.budgets.tenant_per_hour
    if not tenant or question.is_undo:
        return None
    count = sum(1 for action in _within(question, _HOUR) if action.tenant == tenant)
    if count < limit:
        return None
    reason = f"{count} actions for tenant {tenant} in the last hour; the limit is {limit} (budgets.tenant_per_hour)"
    return deny("tenant_budget_holds", reason)


def playbook_budget_holds(question: Question) -> Objection | None:
    """Only so many actions an hour are one playbook's, on all targets together."""
    playbook, limit = question.plan.playbook, question.budgets.playbook_per_hour
    if playbook is None or question.is_undo:
        return None
    count = sum(1 for action in _within(question, _HOUR) if action.playbook == playbook)
    if count < limit:
        return None
    reason = (
        f"{count} actions of playbook {playbook} in the last hour; the limit is {limit} (budgets.playbook_per_hour)"
    )
    return deny("playbook_budget_holds", reason)


def circuit_is_closed(question: Question) -> Objection | None:
    """A playbook that did not help on several targets within an hour is not tried on further ones."""
    playbook, limit = question.plan.playbook, question.budgets.circuit_targets
    if playbook is None or question.is_undo:
        return None
    failed = {action.target for action in _within(question, _HOUR) if action.playbook == playbook and action.has_failed}
    if len(failed) < limit:
        return None
    names = ", ".join(sorted(failed))
    return deny("circuit_is_closed", f"playbook {playbook} did not help on {names}: it is the wrong remedy")


def _within(question: Question, span: timedelta) -> Iterator[Started]:
    since = question.now - span
    return (action for action in question.started if action.started_at > since)
