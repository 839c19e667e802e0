"""A playbook tried on an incident: planned and decided as the stages would, with nothing stored and nothing done.

Of executors only `observe` is called, of the finder only `find`: both look.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from aetherlink.errors import NotFoundError
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident
from aetherlink.model.playbooks import Playbook
from aetherlink.model.trials import Trial, TriedAlert
from aetherlink.pipeline import decide
from aetherlink.pipeline.plan import Occasion, planned
from aetherlink.pipeline.rehearsal import compared
from aetherlink.pipeline.step import World
from aetherlink.ports import PlaybookView, Transaction

_MOST_ALERTS = 100
_AT_ONCE = 2  # each asks Prometheus and an executor


class Trials:
    """See ports.TrialDesk. `world` is the pipeline's own, `book` holds the playbooks as they are now."""

    def __init__(self, world: World, book: PlaybookView) -> None:
        self._world = world
        self._book = book
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def tried(self, playbook: Playbook, incident_id: IncidentId) -> Trial:
        """Raises NotFoundError (no such incident), StoreError."""
        async with self._turns:
            incident, alerts = await self._world.store.read(lambda tx: _stored(tx, incident_id))
            if incident is None:
                raise NotFoundError(f"there is no incident {incident_id!r}")
            in_force = tuple(self._book.playbooks)
            looked_at = tuple(_looked_at(playbook, in_force, one) for one in alerts[:_MOST_ALERTS])
            trial = Trial(playbook.name, incident_id, looked_at, is_cut=len(alerts) > _MOST_ALERTS)
            meant = _meant(playbook, alerts[:_MOST_ALERTS])
            if meant is None:
                return replace(trial, problem="no alert of the incident matches")
            if not playbook.steps:
                return replace(trial, problem="it only observes: a person is called")
            world = replace(self._world, playbooks=in_force)
            return await _judged(world, trial, Occasion(incident, meant, playbook, playbook.steps[0]))


def _stored(transaction: Transaction, incident_id: IncidentId) -> tuple[Incident | None, list[StoredAlert]]:
    incident = transaction.incidents.get(incident_id)
    return incident, transaction.alerts.of_incident(incident_id, limit=_MOST_ALERTS + 1)


def _looked_at(playbook: Playbook, in_force: Sequence[Playbook], one: StoredAlert) -> TriedAlert:
    labels = one.alert.labels
    missed = tuple(each.words for each in compared(playbook, labels) if not each.fits)
    first = next((each.name for each in in_force if each.matches(labels)), None)
    before = first if not missed and first != playbook.name else None
    return TriedAlert(one.id, one.alert.name, missed, before, one.may_be_acted_on)


def _meant(playbook: Playbook, alerts: Sequence[StoredAlert]) -> StoredAlert | None:
    """The alert that it would be planned for: the first that may be acted on, or else that it would have been."""
    matching = [one for one in alerts if playbook.matches(one.alert.labels)]
    return next((one for one in matching if one.may_be_acted_on), matching[0] if matching else None)


async def _judged(world: World, trial: Trial, occasion: Occasion) -> Trial:
    """The trial with the plan, and with what policy says of it by what is seen now."""
    found = await planned(world, occasion)
    if isinstance(found, str):
        return replace(trial, problem=found)
    plan = found.plan
    if plan is None:
        return replace(trial, problem="its target cannot be looked at now: the agent would wait")
    incident, source = occasion.incident, occasion.incident.source
    standing = await world.store.read(lambda tx: world.briefing.standing(tx, plan, source))
    findings = await decide.find_out(world, source, plan)
    question = decide.question(world, incident, plan, standing, findings)
    decision = world.decide(question)
    return replace(trial, plan=plan, mode=question.mode, evidence=findings.evidence, decision=decision)
