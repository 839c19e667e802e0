"""Cases of policy/budget_rules.py."""

from dataclasses import replace

from aetherlink.model.actions import Action, OutcomeStatus, Plan, Verb, Verdict
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Effect, Mode
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.model.questions import Question
from rigs.rule_cases.asking import (
    ASKED,
    AUTOMATIC,
    BY_PERSON,
    EVERYBODY,
    MAIL,
    Case,
    acted,
    counted,
    each,
    elsewhere,
    planned,
)

_FOR_ACME = Plan(Verb.RESTART, MAIL, tenant="acme")
_OTHER = PlaybookName("other")
_ON_OTHERS = tuple(replace(AUTOMATIC, target=TargetName(f"other-{number}"), tenant="") for number in range(4))


def _bounded(question: Question, *started: Action, **budgets: float) -> Question:
    wide = Budgets(running=9, per_ten_minutes=99, per_hour=99, tenant_per_hour=99, playbook_per_hour=99)
    changed = replace(wide, circuit_targets=99, vip_reserve=0)
    figures = replace(changed, **budgets)  # type: ignore[arg-type] - named by the case
    return replace(question, started=counted(*started), budgets=figures)


def _running(count: int) -> tuple[Action, ...]:
    return tuple(acted(60 + number, plan=_ON_OTHERS[number], is_running=True) for number in range(count))


def _failed(count: int, seconds_ago: float = 60, verdict: Verdict | None = Verdict.NOT_RECOVERED) -> tuple[Action, ...]:
    return tuple(acted(seconds_ago, plan=_ON_OTHERS[number], verdict=verdict) for number in range(count))


_RUNNING = (
    *each("few_run_at_a_time", "one less", lambda asked: _bounded(asked, *_running(1), *elsewhere(5), running=2)),
    *each(
        "few_run_at_a_time",
        "as many as may run",
        lambda asked: _bounded(asked, *_running(2), running=2),
        against=EVERYBODY,
        says="2 actions run already; the limit is 2",
    ),
    *each("few_run_at_a_time", "nothing may run", lambda asked: _bounded(asked, running=0), against=EVERYBODY),
)
_FLEET = (
    *each("fleet_budget_holds", "one less", lambda asked: _bounded(asked, *elsewhere(9), per_ten_minutes=10)),
    *each(
        "fleet_budget_holds",
        "ten in ten minutes",
        lambda asked: _bounded(asked, *elsewhere(10, 599.9), per_ten_minutes=10),
        against=EVERYBODY,
        says="10 actions on all targets in the last 10 min; the limit is 10 (budgets.per_ten_minutes",
    ),
    *each(
        "fleet_budget_holds",
        "one of them ten minutes ago",
        lambda asked: _bounded(asked, *elsewhere(9), *elsewhere(1, 600), per_ten_minutes=10),
    ),
    *each(
        "fleet_budget_holds",
        "thirty in an hour",
        lambda asked: _bounded(asked, *elsewhere(30, 3599), per_hour=30),
        against=EVERYBODY,
        says="30 actions on all targets in the last 60 min; the limit is 30 (budgets.per_hour)",
    ),
    *each(
        "fleet_budget_holds",
        "one of them an hour ago",
        lambda asked: _bounded(asked, *elsewhere(29), *elsewhere(1, 3600), per_hour=30),
    ),
    *each(
        "fleet_budget_holds",
        "the clock has gone back behind all of them",
        lambda asked: _bounded(asked, *elsewhere(10, -3600), per_ten_minutes=10),
        against=EVERYBODY,
    ),
    *each(
        "fleet_budget_holds",
        "what is kept for VIPs",
        lambda asked: _bounded(asked, *elsewhere(8), per_ten_minutes=10, vip_reserve=2),
        against=EVERYBODY,
        says="8 actions on all targets in the last 10 min; the limit is 8",
    ),
    *each(
        "fleet_budget_holds",
        "one less than what is kept for VIPs leaves",
        lambda asked: _bounded(asked, *elsewhere(7), per_ten_minutes=10, vip_reserve=2),
    ),
    Case(
        "fleet_budget_holds",
        "a VIP has what is kept",
        replace(_bounded(BY_PERSON, *elsewhere(9), per_ten_minutes=10, vip_reserve=2), vip=True, vip_mode=Mode.AUTO),
        None,
    ),
    Case(
        "fleet_budget_holds",
        "a VIP has no more than all",
        replace(_bounded(BY_PERSON, *elsewhere(10), per_ten_minutes=10, vip_reserve=2), vip=True, vip_mode=Mode.AUTO),
        Effect.DENY,
    ),
    Case(
        "fleet_budget_holds",
        "a reserve as large as the budget leaves one for the others",
        _bounded(ASKED, per_ten_minutes=2, vip_reserve=5),
        None,
    ),
    Case(
        "fleet_budget_holds",
        "a reserve as large as the budget leaves no more than one",
        _bounded(ASKED, *elsewhere(1), per_ten_minutes=2, vip_reserve=5),
        Effect.DENY,
    ),
    Case("fleet_budget_holds", "a budget of nothing", _bounded(ASKED, per_ten_minutes=0), Effect.DENY),
    Case("fleet_budget_holds", "a budget of one", _bounded(ASKED, per_ten_minutes=1, vip_reserve=2), None),
    Case(
        "fleet_budget_holds",
        "one that never began is none",
        _bounded(ASKED, replace(acted(60), started_at=None), per_ten_minutes=1),
        None,
    ),
)
_TENANT = (
    *each(
        "tenant_budget_holds",
        "one less",
        lambda asked: _bounded(asked, *elsewhere(1, plan=_FOR_ACME), *elsewhere(5), tenant_per_hour=2),
    ),
    *each(
        "tenant_budget_holds",
        "as many as may be for it",
        lambda asked: _bounded(asked, *elsewhere(2, 3599, plan=_FOR_ACME), tenant_per_hour=2),
        against=("automatic", "requested"),
        says="2 actions for tenant acme in the last hour; the limit is 2",
    ),
    *each(
        "tenant_budget_holds",
        "one of them an hour ago",
        lambda asked: _bounded(
            asked, *elsewhere(1, plan=_FOR_ACME), *elsewhere(1, 3600, plan=_FOR_ACME), tenant_per_hour=2
        ),
    ),
    Case("tenant_budget_holds", "nobody's plan", _bounded(planned(ASKED, tenant=""), tenant_per_hour=0), None),
)
_PLAYBOOK = (
    *each(
        "playbook_budget_holds",
        "one less",
        lambda asked: _bounded(asked, acted(60, plan=_ON_OTHERS[0]), *elsewhere(5), playbook_per_hour=2),
    ),
    *each(
        "playbook_budget_holds",
        "as many as it may do",
        lambda asked: _bounded(
            asked, acted(3599, plan=_ON_OTHERS[0]), acted(9, plan=_ON_OTHERS[1]), playbook_per_hour=2
        ),
        against=("automatic",),
        says="2 actions of playbook restart-crm-api in the last hour; the limit is 2",
    ),
    *each(
        "playbook_budget_holds",
        "one of them an hour ago",
        lambda asked: _bounded(
            asked, acted(3600, plan=_ON_OTHERS[0]), acted(9, plan=_ON_OTHERS[1]), playbook_per_hour=2
        ),
    ),
)
_CIRCUIT = (
    *each("circuit_is_closed", "one less", lambda asked: _bounded(asked, *_failed(2), circuit_targets=3)),
    *each(
        "circuit_is_closed",
        "it did not help on three",
        lambda asked: _bounded(asked, *_failed(3), circuit_targets=3),
        against=("automatic",),
        says="playbook restart-crm-api did not help on other-0, other-1, other-2",
    ),
    *each(
        "circuit_is_closed",
        "nobody can tell whether it helped on three",
        lambda asked: _bounded(asked, *_failed(3, 3599, Verdict.CANNOT_TELL), circuit_targets=3),
        against=("automatic",),
    ),
    *each(
        "circuit_is_closed",
        "it helped on three",
        lambda asked: _bounded(asked, *_failed(3, 60, Verdict.RECOVERED), circuit_targets=3),
    ),
    *each(
        "circuit_is_closed", "three, an hour ago", lambda asked: _bounded(asked, *_failed(3, 3600), circuit_targets=3)
    ),
    Case(
        "circuit_is_closed",
        "three times on two",
        _bounded(ASKED, *_failed(2), *_failed(2, 90), circuit_targets=3),
        None,
    ),
    Case(
        "circuit_is_closed",
        "another playbook's failures",
        _bounded(
            ASKED, *(replace(one, plan=replace(one.plan, playbook=_OTHER)) for one in _failed(3)), circuit_targets=3
        ),
        None,
    ),
    *(
        Case(
            "circuit_is_closed",
            f"three that ended {status}",
            _bounded(ASKED, *(acted(60, plan=plan, status=status) for plan in _ON_OTHERS[:3]), circuit_targets=3),
            Effect.DENY if status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN) else None,
        )
        for status in OutcomeStatus
    ),
)

CASES: tuple[Case, ...] = (*_RUNNING, *_FLEET, *_TENANT, *_PLAYBOOK, *_CIRCUIT)
