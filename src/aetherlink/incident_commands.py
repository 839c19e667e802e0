"""What people do with an incident by hand: note, acknowledge, close. Called by the API (and by every later door).

Each is one transaction with its entry in the timeline, and each is the same when it is said again.
"""

from collections.abc import Callable
from dataclasses import replace

from aetherlink.errors import ConflictError, NotFoundError
from aetherlink.lib.given_words import checked
from aetherlink.model import lifecycle, would_be
from aetherlink.model.actions import Action, ActionState, Outcome, OutcomeStatus
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident
from aetherlink.model.lifecycle import Event, State
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Store, Transaction, Waker

_NOT_BEGUN = frozenset({ActionState.ALLOWED, ActionState.WAITING_APPROVAL})
_BY = "by"
_KEY = "idempotency_key"
_LOOKED_THROUGH = 500  # entries, for an earlier note under the same key


class IncidentCommands:
    """The hand-driven part of an incident's life. `by` is who says it: the name of a token, or `local`.

    All raise NotFoundError, BadRequestError (no text, or too long), ConflictError (the incident is not so any more),
    StoreError and OverloadedError.
    """

    def __init__(self, store: Store, *, clock: Clock, waker: Waker) -> None:
        self._store = store
        self._clock = clock
        self._waker = waker

    async def add_note(
        self, incident_id: IncidentId, text: str, *, by: str, idempotency_key: str | None = None
    ) -> Incident:
        """Add a note; a repeat under the same key adds no other one."""
        words = checked(text)

        def note(transaction: Transaction, incident: Incident) -> Incident:
            if idempotency_key is not None:
                earlier = _earlier_note(transaction, incident, by, idempotency_key)
                if earlier is not None:
                    return _repeated(incident, earlier, words)
            lifecycle.check(incident, Event.NOTED)
            now = self._clock.now()
            facts: dict[str, object] = {_BY: by}
            if idempotency_key is not None:
                facts[_KEY] = idempotency_key
            return _stored(transaction, replace(incident, updated_at=now), Entry(EventKind.NOTE, now, words, facts))

        return await self._on(incident_id, note)

    async def acknowledge(self, incident_id: IncidentId, *, by: str) -> Incident:
        """Say who looks after it. Who comes second changes nothing, and sees who was first."""

        def acknowledge(transaction: Transaction, incident: Incident) -> Incident:
            if lifecycle.state_of(incident) is State.ACKNOWLEDGED:
                return incident
            now = self._clock.now()
            marked = lifecycle.acknowledged(incident, by=by, at=now)
            return _stored(transaction, marked, Entry(EventKind.ACKNOWLEDGED, now, f"{by} looks after it", {_BY: by}))

        return await self._on(incident_id, acknowledge)

    async def close(self, incident_id: IncidentId, *, reason: str, by: str) -> Incident:
        """Say that it is over, whatever still fires. An action that runs is recorded to its end first."""
        words = checked(reason)

        def close(transaction: Transaction, incident: Incident) -> Incident:
            if lifecycle.state_of(incident) in (State.CLOSED, State.CLOSING):
                return incident
            now = self._clock.now()
            action = None if incident.action_id is None else transaction.actions.get(incident.action_id)
            is_acting = action is not None and action.state is ActionState.RUNNING
            known = replace(incident, planned_through=transaction.alerts.last_id)  # what comes after that is new
            marked = lifecycle.closed(known, by=by, at=now, is_acting=is_acting)
            if action is not None and action.state in _NOT_BEGUN:
                transaction.actions.put(_withdrawn(action, marked))
            elif would := would_be.followed(action, would_be.BY_A_PERSON, now):
                transaction.actions.put(would)
            facts: dict[str, object] = {_BY: by, "reason": words, "waits_for_action": is_acting}
            return _stored(transaction, marked, Entry(EventKind.CLOSED, now, f"closed by {by}: {words}", facts))

        closed = await self._on(incident_id, close)
        self._waker.wake()
        return closed

    async def _on(self, incident_id: IncidentId, change: Callable[[Transaction, Incident], Incident]) -> Incident:
        """The change to the incident as it is stored, in one transaction."""

        def work(transaction: Transaction) -> Incident:
            incident = transaction.incidents.get(incident_id)
            if incident is None:
                raise NotFoundError(f"there is no incident {incident_id!r}")
            return change(transaction, incident)

        return await self._store.write(work)


def _stored(transaction: Transaction, changed: Incident, entry: Entry) -> Incident:
    if not transaction.incidents.update(changed, [entry]):
        raise ConflictError(f"incident {changed.id} was changed by somebody else in the same transaction")
    return replace(changed, version=changed.version + 1)


def _earlier_note(transaction: Transaction, incident: Incident, by: str, key: str) -> Entry | None:
    """The note that was added under this key, if it is among the latest entries."""
    latest = transaction.incidents.latest_entries(incident.id, limit=_LOOKED_THROUGH)
    return next(
        (
            stored.entry
            for stored in latest
            if stored.entry.kind is EventKind.NOTE
            and stored.entry.facts.get(_KEY) == key
            and stored.entry.facts.get(_BY) == by
        ),
        None,
    )


def _repeated(incident: Incident, earlier: Entry, words: str) -> Incident:
    if earlier.text != words:
        raise ConflictError("this Idempotency-Key belongs to another note: a new note needs a new key")
    return incident


def _withdrawn(action: Action, incident: Incident) -> Action:
    """An action that has not begun will not begin."""
    outcome = Outcome(OutcomeStatus.FAILED, f"not carried out: incident {incident.id} was closed by hand")
    return replace(action, state=ActionState.REFUSED, finished_at=incident.updated_at, outcome=outcome)
