"""What the page at /actions shows: what runs, waits, ran or was refused; budgets, brakes, pauses and targets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi import Response

from aetherlink.console.writing import address, page
from aetherlink.model.actions import Action, ActionFilter, ActionState
from aetherlink.model.brakes import Brake
from aetherlink.model.budget_use import BudgetUse
from aetherlink.model.decisions import Effect
from aetherlink.model.pauses import Pause
from aetherlink.model.principals import Principal
from aetherlink.ports import Transaction
from aetherlink.web.services import ApiServices
from aetherlink.web.used_budgets import TargetState, budget_uses, started_within_a_day, target_names, target_states

PATH = "/actions"
_AT_ONCE = 25
_MOST_PAGES_READ = 4  # for one page of ours, where few fit
_MOST_NAMED = 30
_OF_ONE = frozenset({"tenant_per_hour", "playbook_per_hour", "requests_per_hour"})
_MOST_BUDGETS = 20  # beside those of the fleet
SAID = {
    "released": "Let go of. Open incidents that were given up for it are looked at anew.",
    "paused": "Paused. Nothing of it is acted on from now on.",
    "resumed": "Resumed. The agent acts again as its mode allows.",
}


@dataclass(frozen=True, slots=True)
class View:
    """Which actions are looked at."""

    state: ActionState | None = None
    target: str = ""
    playbook: str = ""
    decision: Effect | None = None
    cursor: str | None = None

    def to(self, **other: object) -> str:
        """Where this view is, with something else in it, from its beginning."""
        view = replace(self, **{"cursor": None, **other})  # type: ignore[arg-type]  # names of fields
        return address(
            PATH,
            state=view.state and view.state.value,
            target=view.target or None,
            playbook=view.playbook or None,
            decision=view.decision and view.decision.value,
            cursor=view.cursor,
        )

    def fits(self, action: Action) -> bool:
        """What the store cannot narrow to."""
        is_of_playbook = not self.playbook or action.plan.playbook == self.playbook
        return is_of_playbook and (self.decision is None or action.decision.effect is self.decision)

    @property
    def is_narrowed(self) -> bool:
        """Whether some may be left out."""
        return self != View(cursor=self.cursor)


@dataclass(frozen=True, slots=True)
class _Read:
    """What one transaction saw."""

    actions: Sequence[Action]
    following: str | None
    budgets: Sequence[BudgetUse]
    brakes: Sequence[Brake]
    pauses: Sequence[Pause]
    targets: Sequence[TargetState]
    target_count: int


async def action_list(services: ApiServices, view: View, caller: Principal, said: str) -> Response:
    """The page. Raises StoreError."""
    now = services.clock.now()

    def work(rows: Transaction) -> _Read:
        started = started_within_a_day(rows, now)
        names = target_names(started, services.rules)
        found, following = _page(rows, view)
        return _Read(
            found,
            following,
            budget_uses(started, services.rules, now),
            rows.brakes.all(),
            [one for one in rows.pauses.all() if not one.is_over(now)],
            target_states(rows, started, services.rules, names[:_MOST_NAMED], services.playbooks.playbooks, now=now),
            len(names),
        )

    read = await services.store.read(work)
    return await page(
        services,
        "actions.html",
        caller=caller,
        view=view,
        said=SAID.get(said, ""),
        read=read,
        budgets=_tightest(read.budgets),
        playbook_names=[one.name for one in services.playbooks.playbooks if one.steps],
        outside=services.outside_pause(),
        states=list(ActionState),
        decisions=list(Effect),
        next_url=None if read.following is None else view.to(cursor=read.following),
        first_url=None if view.cursor is None else view.to(),
        most=_MOST_NAMED,
    )


def _tightest(budgets: Sequence[BudgetUse]) -> Sequence[BudgetUse]:
    """Those of the fleet, and of all others those of which the largest share is used."""
    of_one = [one for one in budgets if one.name in _OF_ONE]
    kept = sorted(of_one, key=lambda one: one.used / max(one.allowed, 1), reverse=True)[:_MOST_BUDGETS]
    return [*(one for one in budgets if one.name not in _OF_ONE), *kept]


def _page(rows: Transaction, view: View) -> tuple[list[Action], str | None]:
    only = ActionFilter(view.state, None, view.target or None)
    found: list[Action] = []
    cursor = view.cursor
    for _ in range(_MOST_PAGES_READ):
        more, cursor = rows.actions.page(limit=_AT_ONCE, before=cursor, only=only)
        found += [one for one in more if view.fits(one)]
        if cursor is None or len(found) >= _AT_ONCE:
            break
    return found, cursor
