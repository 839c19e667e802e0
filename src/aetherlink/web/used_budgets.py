"""What is used of the budgets, and how each target stands: read in one transaction, within bounds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherlink.model.actions import Action, Target
from aetherlink.model.brakes import Brake
from aetherlink.model.budget_use import BudgetUse, uses
from aetherlink.model.ids import TargetName
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.ports import Transaction
from aetherlink.web.house_rules import HouseRules

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MOST_STARTED = 1000  # as many as a decision counts
_MOST_FOUND = 100


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target, with what holds it back now. `last` is the newest action that was started on it within a day.

    `free_at` is when the cooldown of that action is over; None: it is.
    """

    target: Target
    is_declared: bool
    protected: str | None
    brakes: Sequence[Brake]
    pauses: Sequence[Pause]
    last: Action | None
    free_at: datetime | None


def budget_uses(rows: Transaction, rules: HouseRules, now: datetime) -> list[BudgetUse]:
    """Of the fleet, and of whoever had an action within the hour."""
    started = rows.actions.started_anywhere(now - _HOUR, limit=_MOST_STARTED)
    return uses(started, rules.budgets, now, target_per_hour=rules.requests_per_hour)


def target_names(rows: Transaction, rules: HouseRules, now: datetime) -> list[TargetName]:
    """The declared ones by name, then those that were found and acted on within a day."""
    acted = {one.target for one in rows.actions.started_anywhere(now - _DAY, limit=_MOST_STARTED)}
    found = sorted(name for name in acted if name not in set(rules.targets) and name in rules.targets)
    return [*sorted(rules.targets), *found[:_MOST_FOUND]]


def target_states(
    rows: Transaction, rules: HouseRules, names: Collection[TargetName], now: datetime
) -> list[TargetState]:
    """How these stand."""
    brakes, paused = rows.brakes.all(), [one for one in rows.pauses.all() if not one.is_over(now)]
    declared = set(rules.targets)
    states = []
    for name in names:
        last = next(iter(rows.actions.started_since(name, now - _DAY)), None)
        state = TargetState(
            rules.targets[name],
            is_declared=name in declared,
            protected=rules.protected.get(name),
            brakes=[one for one in brakes if one.scope == f"target:{name}" or one.scope.endswith(f"@{name}")],
            pauses=[one for one in paused if one.scope in (EVERYTHING, f"target:{name}")],
            last=last,
            free_at=_free_at(last, now),
        )
        states.append(state)
    return states


def _free_at(last: Action | None, now: datetime) -> datetime | None:
    if last is None or last.finished_at is None:
        return None
    end = last.finished_at + timedelta(seconds=last.plan.cooldown_seconds)
    return end if end > now else None
