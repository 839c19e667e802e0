"""How much of each budget is used now, as policy counts it, and when there is room again. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherlink.model.actions import Started
from aetherlink.model.budgets import Budgets

_TEN_MINUTES = timedelta(minutes=10)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """One budget: its setting, of whom (empty: of the fleet), and what is used of it.

    `span` None: it counts what runs now. `free_at` is when there is room again; None: there is, or when one ends.
    """

    name: str
    of: str
    used: int
    allowed: int
    span: timedelta | None
    free_at: datetime | None

    @property
    def is_full(self) -> bool:
        """Whether nothing more may start."""
        return self.used >= self.allowed


def uses(started: Sequence[Started], budgets: Budgets, now: datetime, *, target_per_hour: int) -> list[BudgetUse]:
    """Those of the fleet, then those of each tenant, playbook and target that had an action within the hour."""
    running = sum(1 for one in started if one.finished_at is None)
    reserve = max(0, min(budgets.vip_reserve, budgets.per_ten_minutes - 1))
    times = [one.started_at for one in started]
    fleet = [
        BudgetUse("running", "", running, budgets.running, None, None),
        _use("per_ten_minutes", "", times, (budgets.per_ten_minutes - reserve, _TEN_MINUTES), now),
        _use("per_ten_minutes", "VIP tenants", times, (budgets.per_ten_minutes, _TEN_MINUTES), now),
        _use("per_hour", "", times, (budgets.per_hour, _HOUR), now),
    ]
    return [
        *fleet,
        *_each("tenant_per_hour", ((one.tenant, one) for one in started), budgets.tenant_per_hour, now),
        *_each("playbook_per_hour", ((one.playbook, one) for one in started), budgets.playbook_per_hour, now),
        *_each("requests_per_hour", ((one.target, one) for one in started), target_per_hour, now),
    ]


def _each(name: str, named: Iterable[tuple[str | None, Started]], allowed: int, now: datetime) -> Iterator[BudgetUse]:
    times: dict[str, list[datetime]] = defaultdict(list)
    for of, one in named:
        if of:
            times[of].append(one.started_at)
    for of in sorted(times):
        if (use := _use(name, of, times[of], (allowed, _HOUR), now)).used:
            yield use


def _use(name: str, of: str, times: Iterable[datetime], bound: tuple[int, timedelta], now: datetime) -> BudgetUse:
    allowed, span = bound
    within = sorted(at for at in times if at > now - span)
    over = len(within) - allowed
    return BudgetUse(name, of, len(within), allowed, span, within[over] + span if over >= 0 and within else None)
