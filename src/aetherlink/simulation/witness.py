"""What was seen of the agent from outside: every call to the executor, every intent and every entry, as committed.

It keeps its own record. Nothing here asks the agent what it has done.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aetherlink.briefing import Restraints
from aetherlink.model.actions import (
    Action,
    ActionState,
    Observation,
    Plan,
    Requested,
    StartedAfter,
    Target,
    Verb,
    Verdict,
    Wish,
)
from aetherlink.model.brakes import Brake
from aetherlink.model.decisions import Evidence, EvidenceStatus, Mode
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, TargetName
from aetherlink.model.incidents import Incident
from aetherlink.model.pauses import Pause
from aetherlink.model.timeline import StoredEntry
from aetherlink.pipeline.step import Consent
from aetherlink.simulation.clockwork import SimulatedClock
from aetherlink.simulation.memory_store import Changed, Tables

_MOST_BEGUN = 200  # far above every budget of an hour
_MOST_LOOKS = 16
_LATELY = timedelta(seconds=12)  # for so long a look may be what an intent rests on
_HOUR = timedelta(hours=1)
_RUNNING = ActionState.RUNNING
_FINISHED = ActionState.FINISHED


@dataclass(frozen=True, slots=True)
class Settings:
    """What the agent that lives now was told at its start."""

    ceiling: Mode
    targets: Mapping[TargetName, Target]
    modes: Mapping[PlaybookName, Mode]
    restraints: Restraints = field(default_factory=Restraints)
    consent: Consent = field(default_factory=Consent)
    is_rolling: bool = False

    def mode_of(self, plan: Plan, *, vip: bool) -> Mode:
        """The most that may be done about the plan without a person."""
        modes = [self.ceiling, *([self.restraints.vip_mode] if vip else [])]
        if plan.playbook is not None:
            modes += [self.modes[plan.playbook], self.targets[plan.target].mode]
        return min(modes, key=lambda mode: mode.rank)


@dataclass(frozen=True, slots=True)
class Intent:
    """An action that was committed as running, with what was so at that moment.

    `others` are the actions on the same target that have begun lately, `before` those on any target within an hour.
    `evidence` is what its condition showed last, `looks` what was seen of its target lately, `needed` what was seen
    last of those that its target depends on and of what was repaired before it. `verified` says when actions were
    committed as verified.
    """

    action: Action
    at: datetime
    settings: Settings
    incident: Incident | None
    pauses: tuple[Pause, ...]
    brakes: tuple[Brake, ...]
    others: tuple[Action, ...]
    before: tuple[Action, ...]
    running: int
    looks: tuple[Observation, ...]
    evidence: EvidenceStatus | None
    alert_is_actionable: bool
    needed: Mapping[TargetName, Observation]
    verified: Mapping[ActionId, datetime]

    @property
    def is_undo(self) -> bool:
        """Whether it takes back what the agent did itself."""
        return self.action.plan.undo_of is not None

    @property
    def is_automatic(self) -> bool:
        """Whether a playbook asks for it and not a person, and not to take something back."""
        return self.action.plan.playbook is not None and not self.is_undo

    @property
    def is_vip(self) -> bool:
        """Whether it is for a tenant that comes first."""
        return self.incident is not None and self.incident.vip


@dataclass(frozen=True, slots=True)
class Call:
    """A wish that reached the executor, with the one committed action that it can be of; None: there is none."""

    target: Target
    wish: Wish
    at: datetime
    action: Action | None
    settings: Settings


@dataclass(slots=True)
class Mail:
    """What the sender knows of its alerts: acknowledged, and those of which nobody can tell whether they are counted.

    `unsettled` were acknowledged, and wait for the commit that counts them; a crash forgets that they came.
    """

    acknowledged: int = 0
    in_doubt: int = 0
    unsettled: int = 0
    is_settled: bool = True


@dataclass(slots=True)
class Witness:
    """Fills up during a step; the invariants look at what is new in it, and at the tables."""

    tables: Tables
    clock: SimulatedClock
    settings: Settings
    born_at: datetime
    mail: Mail = field(default_factory=Mail)
    intents: list[Intent] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    finished: list[Action] = field(default_factory=list)
    entries: list[StoredEntry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    running: dict[ActionId, Action] = field(default_factory=dict)
    times_called: Counter[ActionId] = field(default_factory=Counter)
    times_escalated: Counter[str] = field(default_factory=Counter)
    times_undone: Counter[ActionId] = field(default_factory=Counter)
    verified: dict[ActionId, datetime] = field(default_factory=dict)
    _began: deque[ActionId] = field(default_factory=lambda: deque(maxlen=_MOST_BEGUN))
    _looks: dict[TargetName, deque[tuple[datetime, Observation]]] = field(default_factory=dict)
    _read_through: dict[IncidentId, int] = field(default_factory=dict)
    _shown: dict[tuple[int, str], EvidenceStatus] = field(default_factory=dict)

    def forget_step(self) -> None:
        """What was new is looked at."""
        for news in (self.intents, self.calls, self.finished, self.entries, self.problems):
            news.clear()

    def reborn(self, settings: Settings) -> None:
        """Another agent lives from now on."""
        self.settings, self.born_at = settings, self.clock.now()
        self._shown.clear()

    def told(self, evidence: Evidence) -> None:
        """The probe has answered this to the task that runs."""
        self._shown[_task(), evidence.query] = evidence.status

    def saw(self, target: TargetName, seen: Observation) -> None:
        """The executor has shown this."""
        looks = self._looks.setdefault(target, deque(maxlen=_MOST_LOOKS))
        looks.append((self.clock.now(), seen))

    def called(self, target: Target, wish: Wish) -> None:
        """The executor was called."""
        action = next(self._could_be(target, wish), None)
        if action is not None:
            self.times_called[action.id] += 1
        self.calls.append(Call(target, wish, self.clock.now(), action, self.settings))

    def committed(self, changed: Changed) -> None:
        """A transaction of the agent was committed."""
        for action_id in changed.actions:
            self._stored(self.tables.records.actions.rows[action_id])
        for incident_id in changed.incidents:
            timeline = self.tables.incidents.timelines.get(incident_id, ())
            self.entries += timeline[self._read_through.get(incident_id, 0) :]
            self._read_through[incident_id] = len(timeline)

    def _stored(self, action: Action) -> None:
        was_running = action.id in self.running
        if action.state is _RUNNING and not was_running:
            self.running[action.id] = action
            self.intents.append(self._intent(action))
            self._began.append(action.id)
        elif action.state is not _RUNNING and was_running:
            del self.running[action.id]
            self.finished.append(action)
        if action.verdict is Verdict.RECOVERED:
            self.verified.setdefault(action.id, self.clock.now())

    def _intent(self, action: Action) -> Intent:
        """Called before it is noted as begun, and after it is noted as running."""
        now = self.clock.now()
        alert = self.tables.alerts.rows.get(action.plan.alert_id)
        return Intent(
            action,
            now,
            self.settings,
            None if action.incident_id is None else self.tables.incidents.rows.get(action.incident_id),
            tuple(self.tables.records.pauses.values()),
            tuple(self.tables.records.brakes.values()),
            tuple(self._others(action, now - _HOUR)),
            tuple(self._before(now - _HOUR)),
            len(self.running),
            tuple(seen for at, seen in self._looks.get(action.plan.target, ()) if at > now - _LATELY),
            self._shown.get((_task(), action.plan.when)),
            action.plan.alert_id == 0 or (alert is not None and alert.may_be_acted_on),
            self._needed(action.plan),
            self.verified,
        )

    def _needed(self, plan: Plan) -> Mapping[TargetName, Observation]:
        target = self.settings.targets.get(plan.target)
        names = (*(() if target is None else target.depends_on), *(() if plan.chain is None else (plan.chain.target,)))
        return {name: self._looks[name][-1][1] for name in names if self._looks.get(name)}

    def _before(self, since: datetime) -> Iterator[Action]:
        """Those that were begun since then, as they stand now."""
        rows = self.tables.records.actions.rows
        for action_id in self._began:
            action = rows[action_id]
            if action.started_at is not None and action.started_at > since:
                yield action

    def _others(self, action: Action, since: datetime) -> Iterator[Action]:
        table = self.tables.records.actions
        for action_id in table.of_target.get(action.plan.target, ()):
            other = table.rows[action_id]
            if other.id != action.id and (other.state is _RUNNING or (other.started_at and other.started_at > since)):
                yield other

    def _could_be(self, target: Target, wish: Wish) -> Iterator[Action]:
        """The actions that run on the target and wish for this, as committed. One that ran is that one again."""
        table = self.tables.records.actions
        for action_id in reversed(table.of_target.get(target.name, ())):
            action = table.rows[action_id]
            if action.state is _RUNNING and _wishes(action, wish):
                yield action


def _wishes(action: Action, wish: Wish) -> bool:
    if isinstance(wish, StartedAfter):
        since = action.started_at if action.plan.chain is None else action.plan.chain.since
        return action.plan.verb is Verb.RESTART and since == wish.instant
    if isinstance(wish, Requested):
        return (action.plan.verb, action.id) == (Verb.HTTP, wish.key)
    return action.plan.verb not in (Verb.RESTART, Verb.HTTP)


def _task() -> int:
    """Which task runs: one a piece of work."""
    return id(asyncio.current_task())
