"""Everything that a decision rests on, gathered before deciding, so that deciding itself needs no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aetherlink.model.actions import Action, Plan, Target
from aetherlink.model.decisions import Evidence, Mode
from aetherlink.model.ids import TargetName


@dataclass(frozen=True, slots=True)
class Question:
    """May this plan run now?

    `ceiling` is the global mode, `mode` the playbook's (for a person's request: the ceiling). `recent` holds the
    actions on the same target of the last hour at least. `evidence` is what the plan's `when` query showed just now;
    None when the plan has none or when nobody asked. `paused` says who paused the agent and why; None: nobody did.
    """

    plan: Plan
    ceiling: Mode
    mode: Mode
    targets: Mapping[TargetName, Target]
    recent: tuple[Action, ...]
    evidence: Evidence | None
    now: datetime
    paused: str | None
