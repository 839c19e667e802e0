"""Gathers what a decision rests on, so that deciding itself needs no I/O. Used by every door that an act can come by.

What cannot be read raises, and then nothing is done; what cannot be looked at is told so in the question.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aetherlink.errors import AetherError
from aetherlink.lib.deriving import why_not
from aetherlink.model import brakes, pauses
from aetherlink.model.actions import Action, Approval, Observation, Plan, Started, Target
from aetherlink.model.brakes import Brake
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Evidence, Mode
from aetherlink.model.ids import Fingerprint, SourceName, TargetName
from aetherlink.model.incidents import Incident
from aetherlink.model.promotions import Promotion
from aetherlink.model.questions import Question, Seen
from aetherlink.model.snapshots import Left
from aetherlink.ports import Clock, Executor, Transaction

HISTORY = timedelta(hours=1)
_LOOK = timedelta(seconds=5)
_SEEN_FOR = 0.5  # seconds: two decisions of one incident in a row look once
_MOST_SEEN = 1000  # targets: those that an alert's labels find come and go
_MOST_STARTED = 1000  # far above any budget of an hour


def _nothing(*_args: object) -> None:
    """No pause from outside, no window, no blind source, no list, no life of the agent's own."""


def _nobody(_tenant: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Restraints:
    """What the settings hold the agent to, besides the rules' own figures.

    `outside_pause` says in words why a file or a variable pauses everything; `freeze` which window forbids changes of
    these scopes at this instant; `blindness` why a source cannot be believed; `listed_at` when an Alertmanager of the
    source was asked last and listed the alert; `life_in` what of the agent's own life was seen. None of each:
    nothing. `is_vip` tells of a tenant's name whether it comes first.
    """

    budgets: Budgets = field(default_factory=Budgets)
    vip_mode: Mode = Mode.APPROVE
    protected: Mapping[TargetName, str] = field(default_factory=dict)
    life_in: Callable[[Observation], str | None] = _nothing
    outside_pause: Callable[[], str | None] = _nothing
    freeze: Callable[[datetime, frozenset[str]], str | None] = _nothing
    blindness: Callable[[SourceName], str | None] = _nothing
    listed_at: Callable[[SourceName, Fingerprint], datetime | None] = _nothing
    is_vip: Callable[[str], bool] = _nobody


@dataclass(frozen=True, slots=True)
class Standing:
    """What is stored that has a say in the decision, read in one transaction."""

    recent: tuple[Action, ...]
    started: tuple[Started, ...]
    brakes: tuple[Brake, ...]
    unwell: frozenset[TargetName]
    paused: str | None
    frozen: str | None
    promotion: Promotion | None = None
    left: Left | None = None

    @property
    def settled(self) -> datetime | None:
        """When the last action on the target ended, as far as it matters."""
        return settled_of(self.recent)


class Briefing:
    """Everything that decisions of one agent rest on."""

    def __init__(
        self,
        targets: Mapping[TargetName, Target],
        executors: Mapping[str, Executor],
        *,
        ceiling: Mode,
        restraints: Restraints,
        clock: Clock,
    ) -> None:
        self.targets = targets
        self.executors = executors
        self.ceiling = ceiling
        self.restraints = restraints
        self._clock = clock
        self._looks: dict[TargetName, tuple[float, Seen]] = {}
        self._words = tuple({word: None for target in targets.values() for word in (target.name, target.service)})

    async def seen(self, plan: Plan, *, anew: bool = False) -> Mapping[TargetName, Seen]:
        """What is seen of the plan's target, of what it depends on, and of what must not be broken. Never raises.

        A look of a moment ago counts, unless `anew`.
        """
        target = self.targets.get(plan.target)
        depends_on = () if target is None else target.depends_on
        names = list(dict.fromkeys((plan.target, *depends_on, *plan.unless)))
        looks = await asyncio.gather(*(self._look(name, anew=anew) for name in names))
        return dict(zip(names, looks, strict=True))

    def standing(self, transaction: Transaction, plan: Plan, source: SourceName) -> Standing:
        """What is stored; what cannot be read raises."""
        now = self._clock.now()
        scopes = pauses.scopes_of(plan, source)
        pause = transaction.pauses.in_force(now, scopes)
        held = brakes.scopes_of(plan)
        return Standing(
            recent=tuple(transaction.actions.started_since(plan.target, horizon(plan, now))),
            started=tuple(transaction.actions.started_anywhere(now - HISTORY, limit=_MOST_STARTED)),
            brakes=tuple(brake for brake in transaction.brakes.all() if brake.scope in held) if held else (),
            unwell=self._unwell(transaction, plan),
            paused=self.restraints.outside_pause() or (None if pause is None else pause.words),
            frozen=self.restraints.freeze(now, scopes),
            promotion=None if plan.playbook is None else transaction.promotions.of(plan.playbook),
            left=_left(transaction, plan),
        )

    def question(
        self,
        plan: Plan,
        standing: Standing,
        seen: Mapping[TargetName, Seen],
        *,
        mode: Mode,
        incident: Incident | None,
        evidence: Evidence | None = None,
        approval: Approval | None = None,
    ) -> Question:
        """Everything together. `incident` None: a request that has none yet."""
        now = self._clock.now()
        return Question(
            plan=plan,
            ceiling=self.ceiling,
            mode=mode,
            targets=self.targets,
            recent=standing.recent,
            evidence=evidence,
            now=now,
            paused=standing.paused,
            seen=seen,
            started=standing.started,
            brakes=standing.brakes,
            budgets=self.restraints.budgets,
            unwell=standing.unwell,
            vip=self.is_for_vip(plan, incident),
            vip_mode=self.restraints.vip_mode,
            flapping=incident is not None and incident.flaps(now),
            blind=None if incident is None else self.restraints.blindness(incident.source),
            frozen=standing.frozen,
            protected=self._protected(plan.target, seen),
            approval=approval,
            left=standing.left,
        )

    def is_for_vip(self, plan: Plan, incident: Incident | None) -> bool:
        """Whether whom it touches comes first: a dependent may serve somebody else than what its repair was for."""
        is_a_vips = incident is not None and incident.vip
        return is_a_vips or (plan.chain is not None and self.restraints.is_vip(plan.tenant))

    def _protected(self, name: TargetName, seen: Mapping[TargetName, Seen]) -> str | None:
        """What of the agent's own life it is, told by the settings, or by what its executor says of it."""
        if (told := self.restraints.protected.get(name)) is not None:
            return told
        look = seen.get(name)
        found = None if look is None or look.observation is None else self.restraints.life_in(look.observation)
        return None if found is None else f"what the agent lives on ({found})"

    def _unwell(self, transaction: Transaction, plan: Plan) -> frozenset[TargetName]:
        """The targets with an open incident, by service or name.

        The incident of a repair that was verified stays open until its alert is over, which says nothing against what
        follows that repair.
        """
        repair = None if plan.chain is None else transaction.actions.get(plan.chain.repair)
        besides = None if repair is None else repair.incident_id
        services = transaction.incidents.open_services(self._words, besides=besides)
        if not services:
            return frozenset()
        return frozenset(one.name for one in self.targets.values() if services & {one.name, one.service})

    async def _look(self, name: TargetName, *, anew: bool) -> Seen:
        now = self._clock.monotonic()
        at, last = self._looks.get(name, (0.0, None))
        if last is not None and not anew and now - at < _SEEN_FOR:
            return last
        seen = await self._observed(name)
        if name in self.targets:
            if len(self._looks) >= _MOST_SEEN:
                self._looks.clear()
            self._looks[name] = (self._clock.monotonic(), seen)
        return seen

    async def _observed(self, name: TargetName) -> Seen:
        target = self.targets.get(name)
        executor = None if target is None else self.executors.get(target.executor)
        if target is None or executor is None:
            return Seen(None, f"no target {name!r} is configured under `targets`{why_not(self.targets, name)}")
        try:
            observation = await asyncio.wait_for(executor.observe(target, deadline=_LOOK), _LOOK.total_seconds() * 2)
        except (AetherError, TimeoutError) as problem:
            return Seen(None, str(problem) or "no answer in time")
        return Seen(observation, is_rolling=executor.is_rolling)


def _left(transaction: Transaction, plan: Plan) -> Left | None:
    """What the plan restores from, with what was started on the target last, where that is another action."""
    action = None if plan.restores is None else transaction.actions.get(plan.restores)
    if action is None:
        return None
    last = transaction.actions.last_started(action.plan.target)
    return Left(action, None if last is None or last.id == action.id else last)


def settled_of(recent: Iterable[Action]) -> datetime | None:
    """When the last of these actions ended; None: none has."""
    return max((action.finished_at for action in recent if action.finished_at is not None), default=None)


def horizon(plan: Plan, now: datetime) -> datetime:
    """Since when the actions on the target have a say in the decision."""
    return now - max(HISTORY, timedelta(seconds=plan.cooldown_seconds))
