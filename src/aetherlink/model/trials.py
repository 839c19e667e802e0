"""What would come of a playbook for an incident if it were asked now: told, and neither stored nor done."""

from dataclasses import dataclass

from aetherlink.model.actions import Plan
from aetherlink.model.decisions import Decision, Evidence, Mode
from aetherlink.model.ids import IncidentId, PlaybookName


@dataclass(frozen=True, slots=True)
class TriedAlert:
    """An alert of the incident, and what keeps the playbook from it: nothing, and it is the one that is taken.

    `missed` are the matchers that do not fit, in words; `asked_before` another playbook that matches it and is asked
    first. Not `is_actionable`: it does not fire, or is silenced or inhibited.
    """

    id: int
    name: str
    missed: tuple[str, ...]
    asked_before: PlaybookName | None
    is_actionable: bool

    @property
    def is_match(self) -> bool:
        """Whether every matcher fits."""
        return not self.missed


@dataclass(frozen=True, slots=True)
class Trial:
    """A playbook tried on an incident. `is_cut`: there are more alerts than were looked at.

    `plan` is that of its first step; None: there is none, and `problem` says why. Of the steps after it nothing is
    told, for they depend on what comes of it. `decision` is what policy would say now, with all objections.
    """

    playbook: PlaybookName
    incident_id: IncidentId
    alerts: tuple[TriedAlert, ...]
    is_cut: bool
    problem: str = ""
    plan: Plan | None = None
    mode: Mode | None = None
    evidence: Evidence | None = None
    decision: Decision | None = None
