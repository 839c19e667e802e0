"""Ends the promotion of a playbook whose repairs keep failing: asked wherever it becomes known that one did not help.

It belongs to the transaction that stores that: nobody sees half of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aetherlink.agent_record import AgentRecord, Subject
from aetherlink.model.ids import IncidentId, PlaybookName
from aetherlink.model.playbooks import Playbook
from aetherlink.model.promotions import BY_AGENT, DemotionBounds, mode_with, why_set_back
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.model.track_record import helped_each
from aetherlink.ports import Transaction

_TRIES = 8  # steps and tries for one incident, as many as a playbook may have


def _no_playbooks() -> Sequence[Playbook]:
    return ()


@dataclass(frozen=True, slots=True)
class Demotion:
    """When promotions end, and where that is written down. `playbooks` are those in force; none: nothing ends."""

    record: AgentRecord
    bounds: DemotionBounds = field(default_factory=DemotionBounds)
    playbooks: Callable[[], Sequence[Playbook]] = _no_playbooks

    def set_back(
        self,
        transaction: Transaction,
        name: PlaybookName | None,
        *,
        incident_id: IncidentId | None,
        now: datetime,
        is_over: bool = True,
    ) -> Entry | None:
        """What its incident's timeline says of it; None where the promotion stays, or where there is none.

        `is_over`: nothing more is tried for that incident. Until then it does not count: the next try may help.
        """
        playbook = next((one for one in self.playbooks() if one.name == name), None)
        promotion = None if playbook is None else transaction.promotions.of(playbook.name)
        if playbook is None or promotion is None or not promotion.holds_for(playbook):
            return None
        most = _TRIES * max(self.bounds.over, self.bounds.in_a_row)
        repairs = transaction.track.repairs(playbook.name, since=promotion.at, most=most)
        counted = [one for one in repairs if is_over or one.incident_id != incident_id]
        why = why_set_back(helped_each(counted), self.bounds)
        if not why:
            return None
        was = mode_with(playbook, promotion)
        transaction.promotions.put(replace(promotion, ended_at=now, ended_by=BY_AGENT, ended_because=why))
        text = f"playbook {playbook.name} is set back from {was} to {playbook.mode}: {why}"
        facts = {"playbook": playbook.name, "from": was.value, "to": playbook.mode.value, "by": BY_AGENT, "reason": why}
        entry = Entry(EventKind.DEMOTED, now, text, {**facts, "incident_id": incident_id})
        self.record.enter(transaction, Subject.PLAYBOOKS, entry)
        return replace(entry, text=f"a person has to look: {text}")
