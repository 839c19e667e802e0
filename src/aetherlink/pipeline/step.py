"""What a stage is given and what it answers: a closed set of moves, with what is to be stored along with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from aetherlink.briefing import Briefing, Restraints
from aetherlink.model.actions import Action, Plan, Target
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.brakes import Brake
from aetherlink.model.decisions import Evidence, Mode
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.playbooks import Playbook
from aetherlink.model.promotions import DemotionBounds, Promotion, mode_with
from aetherlink.model.questions import Seen
from aetherlink.model.timeline import Entry
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.ports import Clock, Decider, Executor, Ids, Probe, Silencer, Store, TargetFinder

PASSING = frozenset({"few_run_at_a_time", "fleet_budget_holds", "target_is_free"})
"""The rules whose objections pass by themselves, soon: what was approved or has to be taken back waits for that."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was looked at outside of the store, for one decision, from the moment `at` on (the monotonic clock's).

    `settled` is when the last action on the target ended: the evidence rests on what is newer.
    """

    seen: Mapping[TargetName, Seen]
    evidence: Evidence | None
    settled: datetime | None
    at: float


@dataclass(frozen=True, slots=True)
class Continue:
    """Run this stage next: at once, or not before this instant."""

    stage: Stage
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay in the stage, until this instant or until something wakes the incident; None: only when woken."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is wrong any more: resolve the incident."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one stage. What is None stays as it is; `verified_since` is taken as given by a Wait.

    `findings` are what a decision rests on, for the stage that follows at once.
    `retired` is an earlier action of the incident that another one replaces. `brakes` are set in the same transaction;
    each one that was not there before is told, and calls a person.
    """

    move: Continue | Wait | Finish
    entries: tuple[Entry, ...] = ()
    plan: Plan | None = None
    planned_through: int | None = None
    action: Action | None = None
    retired: Action | None = None
    brakes: tuple[Brake, ...] = ()
    verified_since: datetime | None = None
    escalated: bool = False
    hands_off: bool = False
    findings: Findings | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One incident as loaded, with what belongs to it.

    `fresh` are alerts that a playbook may match and that were not looked at yet, `strangers` the names of others that
    no playbook can match, `newest` is up to where these were looked for, `planned` the one that the plan is for. Of
    all only what fires and is neither silenced nor inhibited, and some at most: there may be thousands. Strangers that
    began before `healed_at` have time to end (pipeline.patience) and are left out. `findings` are those of the stage
    before, where this one follows at once. `unsaved` are the steps that led here and are not stored yet: they are
    stored with whatever is stored next (pipeline.record).
    """

    incident: Incident
    action: Action | None
    fresh: tuple[StoredAlert, ...] = ()
    strangers: tuple[str, ...] = ()
    newest: int = 0
    planned: StoredAlert | None = None
    healed_at: datetime | None = None
    findings: Findings | None = None
    unsaved: list["Taken"] = field(default_factory=list)

    @property
    def has_news(self) -> bool:
        """Whether there is something to plan for."""
        return bool(self.fresh or self.strangers)


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that a stage took: of which case, and when. `tell` is called once it is stored."""

    case: Case
    step: Step
    at: datetime
    tell: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Consent:
    """How approvals are asked for: for how long one may be granted, and whether a VIP's takes two people.

    `stays_for` is for how long a request outlives its condition.
    """

    expires_after: timedelta = timedelta(minutes=30)
    second_person_for_vip: bool = False
    stays_for: timedelta = timedelta(minutes=2)


@dataclass(frozen=True)
class World:
    """What stages may use. `modes` holds the settings' mode for single playbooks; else a playbook's own counts.

    `demotion` says when a playbook that a person has promoted is set back.
    """

    store: Store
    probe: Probe
    executors: Mapping[str, Executor]
    targets: Mapping[TargetName, Target]
    playbooks: tuple[Playbook, ...]
    decide: Decider
    ceiling: Mode
    clock: Clock
    ids: Ids
    options: PipelineOptions
    modes: Mapping[PlaybookName, Mode] = field(default_factory=dict)
    restraints: Restraints = field(default_factory=Restraints)
    consent: Consent = field(default_factory=Consent)
    silencer: Silencer | None = None
    finder: TargetFinder | None = None
    demotion: DemotionBounds = field(default_factory=DemotionBounds)

    @cached_property
    def briefing(self) -> Briefing:
        """What decisions rest on."""
        return Briefing(
            self.targets, self.executors, ceiling=self.ceiling, restraints=self.restraints, clock=self.clock
        )

    @cached_property
    def known_names(self) -> frozenset[str] | None:
        """The alert names that some playbook can match; None: any."""
        names = [playbook.alert_names for playbook in self.playbooks]
        return None if None in names else frozenset().union(*(each for each in names if each is not None))

    def playbook_of(self, plan: Plan) -> Playbook | None:
        """The plan's playbook, if it is still there."""
        return next((playbook for playbook in self.playbooks if playbook.name == plan.playbook), None)

    def is_outdated(self, plan: Plan) -> bool:
        """Whether something else stood in the file of the plan's playbook when it was made."""
        playbook = self.playbook_of(plan)
        return playbook is not None and is_of_another_content(plan, playbook)

    def mode_of(self, plan: Plan, promotion: Promotion | None = None) -> Mode:
        """The mode of the plan's playbook; one that is gone observes. A person's request is at the ceiling.

        Where the settings give it a mode, no promotion changes that. Neither that of a file nor a promotion is for what
        another content of it has planned.
        """
        if plan.playbook is None:
            return self.ceiling
        playbook = self.playbook_of(plan)
        if playbook is None or is_of_another_content(plan, playbook):
            return Mode.OBSERVE
        is_for_it = promotion is not None and promotion.digest == plan.digest
        return self.modes.get(playbook.name) or mode_with(playbook, promotion if is_for_it else None)


def is_of_another_content(plan: Plan, playbook: Playbook) -> bool:
    """Whether something else stood in the playbook's file when the plan was made; taking back is never outdated.

    Where nobody wrote down what stood there, nobody can tell: that is none.
    """
    return bool(plan.digest) and plan.digest != playbook.digest and plan.undo_of is None
