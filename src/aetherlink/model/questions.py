"""Everything that a decision rests on, gathered before deciding, so that deciding itself needs no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aetherlink.model.actions import Action, Approval, Observation, Plan, Started, Target
from aetherlink.model.brakes import Brake
from aetherlink.model.budgets import Budgets
from aetherlink.model.decisions import Evidence, Mode
from aetherlink.model.ids import TargetName
from aetherlink.model.snapshots import Left


@dataclass(frozen=True, slots=True)
class Seen:
    """What an executor saw of a target just now; `problem` says why it could not look, and then nobody can tell.

    `is_rolling` is said of its executor: it replaces replicas one after another.
    """

    observation: Observation | None
    problem: str = ""
    is_rolling: bool = False

    @property
    def is_broken(self) -> bool | None:
        """Whether less is ready than wanted; None: nobody can tell."""
        return None if self.observation is None else self.observation.ready < max(self.observation.wanted, 1)


@dataclass(frozen=True, slots=True)
class Question:
    """May this plan run now?

    `ceiling` is the global mode, `mode` the playbook's (for a person's request: the ceiling), `vip_mode` the most that
    is done for a VIP tenant without a person. `recent` holds the actions on the same target of the last hour at least,
    `started` those on any target of the last hour, `running` how many act just now. `evidence` is what the plan's
    `when` query showed just now; None when the plan has none or when nobody asked. `paused` says who paused what the
    plan is for and why; None: nobody did. `seen` holds what was seen of the plan's target and of what it depends on.
    `unwell` are the targets with an open incident; for a dependent that of the repair that it follows is none. `blind`
    says why the source cannot be believed; `frozen` which window forbids changes; `protected` what of the agent's own
    life the target is. `approval` is the one that was granted for exactly this plan, checked against what is seen now.
    `left` tells of the action that the plan restores from; None: there is none, or nobody knows it any more.
    """

    plan: Plan
    ceiling: Mode
    mode: Mode
    targets: Mapping[TargetName, Target]
    recent: tuple[Action, ...]
    evidence: Evidence | None
    now: datetime
    paused: str | None
    seen: Mapping[TargetName, Seen] = field(default_factory=dict)
    started: tuple[Started, ...] = ()
    brakes: tuple[Brake, ...] = ()
    budgets: Budgets = field(default_factory=Budgets)
    unwell: frozenset[TargetName] = frozenset()
    vip: bool = False
    vip_mode: Mode = Mode.APPROVE
    flapping: bool = False
    blind: str | None = None
    frozen: str | None = None
    protected: str | None = None
    approval: Approval | None = None
    left: Left | None = None

    @property
    def target(self) -> Target:
        """The plan's target; one that nobody declared can do nothing."""
        name = self.plan.target
        return self.targets.get(name) or Target(name, executor="", service="", maximum=0, mode=Mode.OBSERVE)

    @property
    def is_automatic(self) -> bool:
        """Whether a playbook asks, and not a person."""
        return self.plan.playbook is not None

    @property
    def is_undo(self) -> bool:
        """Whether it takes back what the agent did itself."""
        return self.plan.undo_of is not None
