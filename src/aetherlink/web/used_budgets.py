"""What is used of the budgets, and how each target stands: read in one transaction, within bounds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherlink.model.actions import Started, Target
from aetherlink.model.brakes import Brake
from aetherlink.model.budget_use import BudgetUse, uses
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.playbooks import Playbook
from aetherlink.ports import Transaction
from aetherlink.web.house_rules import HouseRules

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MOST_STARTED = 1000  # as many as a decision counts
_MOST_FOUND = 100


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target, with what holds it back now. `last` is the newest action that was started on it within a day.

    `free_at` is when the cooldown of that one's playbook is over; None: it is.
    """

    target: Target
    is_declared: bool
    protected: str | None
    brakes: Sequence[Brake]
    pauses: Sequence[Pause]
    last: Started | None
    free_at: datetime | None


def started_within_a_day(rows: Transaction, now: datetime) -> Sequence[Started]:
    """What all that is here rests on: read once, for there may be many. Those that run come first, then the newest."""
    return rows.actions.started_anywhere(now - _DAY, limit=_MOST_STARTED)


def budget_uses(started: Sequence[Started], rules: HouseRules, now: datetime) -> list[BudgetUse]:
    """Of the fleet, and of whoever had an action within the hour."""
    lately = [one for one in started if one.finished_at is None or one.started_at >= now - _HOUR]
    return uses(lately, rules.budgets, now, target_per_hour=rules.requests_per_hour)


def target_names(started: Sequence[Started], rules: HouseRules) -> list[TargetName]:
    """The declared ones by name, then those that were found and acted on within a day."""
    acted, declared = {one.target for one in started}, set(rules.targets)
    found = sorted(name for name in acted if name not in declared and name in rules.targets)
    return [*sorted(declared), *found[:_MOST_FOUND]]


def target_states(
    rows: Transaction,
    started: Sequence[Started],
    rules: HouseRules,
    names: Collection[TargetName],
    playbooks: Sequence[Playbook],
    *,
    now: datetime,
) -> list[TargetState]:
    """How these stand; `playbooks` say how long a cooldown lasts."""
    brakes, paused = rows.brakes.all(), [one for one in rows.pauses.all() if not one.is_over(now)]
    newest = sorted(started, key=lambda one: one.started_at)
    lasts, cooldowns = {one.target: one for one in newest}, {one.name: one.cooldown for one in playbooks}
    declared = set(rules.targets)
    return [
        TargetState(
            rules.targets[name],
            is_declared=name in declared,
            protected=rules.protected.get(name),
            brakes=[one for one in brakes if one.scope == f"target:{name}" or one.scope.endswith(f"@{name}")],
            pauses=[one for one in paused if one.scope in (EVERYTHING, f"target:{name}")],
            last=lasts.get(name),
            free_at=_free_at(lasts.get(name), cooldowns, now),
        )
        for name in names
    ]


def _free_at(last: Started | None, cooldowns: Mapping[PlaybookName, timedelta], now: datetime) -> datetime | None:
    if last is None or last.finished_at is None or last.playbook is None:
        return None
    end = last.finished_at + cooldowns.get(last.playbook, timedelta(0))
    return end if end > now else None
