"""How long one decision takes: everything that it rests on is in memory, and every rule is asked."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aetherlink.model.actions import Action, ActionState, Observation, Outcome, OutcomeStatus, Plan, Target, Verb
from aetherlink.model.brakes import Brake, pair_scope
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Effect, Evidence, EvidenceStatus, Mode
from aetherlink.model.ids import ActionId, PlaybookName, TargetName
from aetherlink.model.questions import Question, Seen
from aetherlink.policy.decide import ALLOWED, decide
from bench.ground import Ground
from bench.table import Row, show

_TARGETS = 10
_RECENT = 30
_TIMES = 20_000
_AT_ONCE = 10  # decisions between two looks at the clock
_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_PLAYBOOK = PlaybookName("restart-api")


async def measure(ground: Ground) -> None:
    """Print the table."""
    times = ground.count(_TIMES)
    asked = _question()
    assert decide(asked).effect is Effect.ALLOW
    denied = replace(asked, budgets=Budgets(per_ten_minutes=1, per_hour=1), paused="paused by ann", evidence=None)
    assert decide(denied).effect is Effect.DENY
    rows = [
        Row("allowed, p50 / p99", _times(lambda: decide(asked), times), "< 100 µs"),
        Row("denied for several reasons, p50 / p99", _times(lambda: decide(denied), times), "< 100 µs"),
    ]
    show(f"decide: {times:,} decisions on {_RECENT} recent actions and {_TARGETS} targets", rows)


def _times(work: Callable[[], object], times: int) -> str:
    spans = sorted(_span(work) for _ in range(max(times // _AT_ONCE, 1)))
    return f"{spans[len(spans) // 2]:.1f} / {spans[len(spans) * 99 // 100]:.1f} µs"


def _span(work: Callable[[], object]) -> float:
    """Microseconds that it takes once."""
    begun = time.perf_counter_ns()
    for _ in range(_AT_ONCE):
        work()
    return (time.perf_counter_ns() - begun) / 1000 / _AT_ONCE


def _question() -> Question:
    """What an automatic restart rests on in a fleet that has been busy for an hour."""
    names = [TargetName(f"api-{number}") for number in range(_TARGETS)]
    targets = {name: Target(name, "docker", name, maximum=4, floor=1, depends_on=(names[-1],)) for name in names}
    plan = Plan(
        Verb.RESTART, names[0], _PLAYBOOK, when="up == 0", verify="up == 1", cooldown_seconds=60, per_hour=9, tenant="a"
    )
    started = tuple(_acted(replace(plan, target=names[number % _TARGETS]), number) for number in range(1, _RECENT + 1))
    seen = Seen(Observation(ready=3, wanted=3, oldest_start=_NOW), is_rolling=True)
    return Question(
        plan=plan,
        ceiling=Mode.AUTO,
        mode=Mode.AUTO,
        targets=targets,
        recent=tuple(action for action in started if action.plan.target == plan.target),
        evidence=Evidence("up == 0", EvidenceStatus.HOLDS, _NOW, "1 series", _NOW),
        now=_NOW,
        paused=None,
        seen={names[0]: seen, names[-1]: seen},
        started=tuple(each for one in started if (each := one.as_started) is not None),
        brakes=(Brake(pair_scope(_PLAYBOOK, names[0]), _NOW, "it was wrong", "ann", Effect.OBSERVE),),
        budgets=Budgets(per_ten_minutes=40, per_hour=40, tenant_per_hour=40, playbook_per_hour=40),
        unwell=frozenset(names[1:3]),
    )


def _acted(plan: Plan, minutes_ago: int) -> Action:
    at = _NOW - timedelta(minutes=2 * minutes_ago)
    return Action(
        ActionId(f"act-{minutes_ago}"),
        plan,
        "it was down",
        f"playbook:{_PLAYBOOK}",
        ALLOWED,
        ActionState.FINISHED,
        at,
        started_at=at,
        finished_at=at + timedelta(seconds=1),
        outcome=Outcome(OutcomeStatus.DONE, ""),
    )
