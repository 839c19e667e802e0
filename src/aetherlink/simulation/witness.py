"""What was seen of the agent from outside: every call to the executor, every intent and every entry, as committed.

It keeps its own record. Nothing here asks the agent what it has done.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aetherlink.model.actions import Action, ActionState, StartedAfter, Target, Verb, Wish
from aetherlink.model.decisions import Evidence, EvidenceStatus, Mode
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, TargetName
from aetherlink.model.pauses import Pause
from aetherlink.model.timeline import StoredEntry
from aetherlink.simulation.clockwork import SimulatedClock
from aetherlink.simulation.memory_store import Changed, Tables

_RUNNING = ActionState.RUNNING
_FINISHED = ActionState.FINISHED


@dataclass(frozen=True, slots=True)
class Settings:
    """What the agent that lives now was told at its start."""

    ceiling: Mode
    targets: Mapping[TargetName, Target]
    modes: Mapping[PlaybookName, Mode]

    def mode_of(self, action: Action) -> Mode:
        """The most that may be done about the action without a person."""
        playbook = action.plan.playbook
        own = self.ceiling if playbook is None else self.modes[playbook]
        return min(self.ceiling, own, key=lambda mode: mode.rank)


@dataclass(frozen=True, slots=True)
class Intent:
    """An action that was committed as running, with what was so at that moment.

    `others` are the actions on the same target that have begun lately. `evidence` is what its condition showed last.
    """

    action: Action
    at: datetime
    settings: Settings
    pauses: tuple[Pause, ...]
    others: tuple[Action, ...]
    evidence: EvidenceStatus | None
    alert_is_actionable: bool


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
        elif action.state is not _RUNNING and was_running:
            del self.running[action.id]
            self.finished.append(action)

    def _intent(self, action: Action) -> Intent:
        now = self.clock.now()
        alert = self.tables.alerts.rows.get(action.plan.alert_id)
        return Intent(
            action,
            now,
            self.settings,
            tuple(self.tables.records.pauses.values()),
            tuple(self._others(action, now - timedelta(hours=1))),
            self._shown.get((_task(), action.plan.when)),
            action.plan.alert_id == 0 or (alert is not None and alert.may_be_acted_on),
        )

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
        return action.plan.verb is Verb.RESTART and action.started_at == wish.instant
    return action.plan.verb is not Verb.RESTART


def _task() -> int:
    """Which task runs: one a piece of work."""
    return id(asyncio.current_task())
