"""What people say to actions: approve, deny, cancel, and afterwards that one was wrong; and letting go of brakes.

Each is one transaction with its entry in the timeline. Nothing is carried out here: an approval is a grant that is
stored. The pipeline looks at the target once more, and acts only if it is still as it was shown.
"""

import hmac
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.agent_record import AgentRecord, Subject
from aetherlink.demotion import Demotion
from aetherlink.errors import AetherError, ConflictError, ForbiddenError, GoneError, NotFoundError
from aetherlink.lib.given_words import checked
from aetherlink.lib.option_types import Duration
from aetherlink.model import lifecycle
from aetherlink.model.actions import (
    ASSISTANT,
    WITHOUT_HELP,
    WRONG_FACT,
    Action,
    ActionState,
    Approval,
    Grant,
    Outcome,
    OutcomeStatus,
)
from aetherlink.model.approvals import granted
from aetherlink.model.brakes import Brake, pair_scope, playbook_scope
from aetherlink.model.brakes import scopes_of as brake_scopes
from aetherlink.model.decisions import Effect
from aetherlink.model.ids import ActionId
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.lifecycle import State
from aetherlink.model.pauses import scopes_of
from aetherlink.model.principals import person_behind
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Store, Transaction, Waker

_log = logging.getLogger("aetherlink.commands")

MOST_NOTED = 50
"""So many tries in vain are in the timeline of one incident; of more the log tells."""

_MOST_FREED = 500
_SAME_MOMENT = timedelta(seconds=1)
_ANEW = "the agent looks at it anew"
_IN_DOUBT = "what was done may have been carried out and is not done again: people keep it"
_UNSETTLED = frozenset({State.OPEN, State.ACKNOWLEDGED})
_BY = "by"
_WHY = "reason"
_ACTION = "action_id"


class ApprovalOptions(BaseModel):
    """Who may approve what, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expires_after: Duration = Field(
        default=timedelta(minutes=30),
        ge=timedelta(seconds=10),
        le=timedelta(days=1),
        description="For how long a request may be approved; then it is taken back and a person is called.",
    )
    stays_for: Duration = Field(
        default=timedelta(minutes=2),
        ge=timedelta(0),
        le=timedelta(hours=1),
        description="For how long a request stays although its condition does not hold; then it is taken back. "
        "What comes and goes faster is asked once. Before anything is done the condition is asked once more.",
    )
    second_person_for_vip: bool = Field(
        default=False, description="Whether what is done for a VIP tenant has to be approved by two people."
    )
    requester_may_approve: bool = Field(
        default=True,
        description="Whether whoever asked for an action may approve it too. Two tokens of one name are one person; a "
        "request without a token is nobody's, so that everybody who may approve may approve it. What an assistant "
        "proposed is never approved by the token that it used.",
    )


class ApprovalCommands:
    """What people may say to an action. `by` is who says it: the name of a token. `demotion` None: nothing is set back.

    All raise NotFoundError, ConflictError (the action is not so any more, or not yet), BadRequestError (no words, or
    too many), StoreError and OverloadedError.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        waker: Waker,
        record: AgentRecord,
        requester_may_approve: bool,
        demotion: Demotion | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._waker = waker
        self._record = record
        self._requester_may_approve = requester_may_approve
        self._demotion = demotion or Demotion(record)

    async def approve(self, action_id: ActionId, plan_hash: str, *, by: str) -> Action:
        """Add one person's yes to exactly what has this hash. Who may not, or comes too late, is on record too.

        Raises GoneError when the request has expired, ForbiddenError for a requester who may not approve his own.
        """

        def approve(transaction: Transaction, action: Action) -> Action | AetherError:
            now = self._clock.now()
            try:
                approval, incident = self._approvable(transaction, action, plan_hash, by=by, now=now)
            except (ConflictError, GoneError, ForbiddenError) as refusal:
                _note_refusal(transaction, action, refusal, by=by, now=now)
                return refusal  # raised after the commit: what was tried stays on record
            more = granted(approval, Grant(by, now))
            approved = replace(action, approval=more)
            transaction.actions.put(approved)
            _enter(transaction, replace(incident, wake_at=now), _approved(action, more, by, now))
            return approved

        return await self._on(action_id, approve)

    async def deny(self, action_id: ActionId, reason: str, *, by: str) -> Action:
        """Say no: it is not carried out, and the agent tries nothing else for its incident. Raises GoneError."""
        words = checked(reason)
        return await self._refuse(action_id, f"denied by {by}: {words}", by=by, why=words)

    async def cancel(self, action_id: ActionId, *, by: str) -> Action:
        """Take the request back. Raises GoneError."""
        return await self._refuse(action_id, f"taken back by {by}", by=by, why="")

    async def wrong(self, action_id: ActionId, reason: str, *, by: str) -> Action:
        """Say that an action that has ended, or would have been, was wrong. Said again it changes nothing.

        Where it ran, its playbook keeps off its target from now on, and everywhere else it asks before it acts. It
        counts as no help, so that the promotion of the playbook may end by it.
        """
        words = checked(reason)

        def wrong(transaction: Transaction, action: Action) -> Action:
            if WRONG_FACT in action.facts:
                return action
            _check_was_decided(action)
            now = self._clock.now()
            fact = {_BY: by, "at": now.isoformat(), _WHY: words}
            marked = replace(action, facts={**action.facts, WRONG_FACT: fact})
            transaction.actions.put(marked)
            set_now = [brake for brake in _brakes(marked, words, by, now) if transaction.brakes.put(brake)]
            told = [_wrong(marked, words, by, now), *map(_braked, set_now), *self._set_back(transaction, marked, now)]
            self._enter_wrong(transaction, marked, told)
            return marked

        return await self._on(action_id, wrong)

    def _set_back(self, transaction: Transaction, action: Action, now: datetime) -> Iterator[Entry]:
        """The end of its playbook's promotion, where this was one repair too many that did not help."""
        name, incident_id = action.plan.playbook, action.incident_id
        told = self._demotion.set_back(transaction, name, incident_id=incident_id, now=now)
        if told is not None:
            yield told

    async def brakes(self) -> list[Brake]:
        """Every brake that holds, by scope. Raises StoreError."""
        return await self._store.read(lambda transaction: transaction.brakes.all())

    async def release(self, scope: str, reason: str, *, by: str) -> Brake:
        """Let go of the brake: what it held back is decided as before. Returns the brake as it was.

        What the agent had given up for it, and what nothing else holds back, it looks at anew: the newest so many. But
        what may have been carried out it does not do again: people keep that incident.
        """
        words = checked(reason)

        def release(transaction: Transaction) -> Brake:
            brake = next((one for one in transaction.brakes.all() if one.scope == scope), None)
            if brake is None:
                raise NotFoundError(f"there is no brake {scope!r}: `aether brakes` lists those that hold")
            transaction.brakes.release(scope)
            now = self._clock.now()
            released = _released(brake, words, by, now)
            self._record.enter(transaction, Subject.BRAKES, released)
            for incident, action in _given_up_for(transaction, brake):
                if _is_in_doubt(action):
                    text, after = f"{released.text}; {_IN_DOUBT}", incident
                else:
                    text, after = f"{released.text}; {_ANEW}", lifecycle.given_back(incident, at=now)
                _enter(transaction, after, replace(released, text=text))
            return brake

        brake = await self._store.write(release)
        self._waker.wake()
        return brake

    async def _refuse(self, action_id: ActionId, said: str, *, by: str, why: str) -> Action:
        """The action will not be carried out; its incident is watched, for people to look after."""

        def refuse(transaction: Transaction, action: Action) -> Action:
            now = self._clock.now()
            _check_waits(action)
            if action.approval is not None:
                _check_not_expired(action, action.approval, now)
            outcome = Outcome(OutcomeStatus.FAILED, f"not carried out: {said}")
            refused = replace(action, state=ActionState.REFUSED, finished_at=now, outcome=outcome)
            transaction.actions.put(refused)
            incident = _incident_of(transaction, action)
            if incident is not None:
                entry = Entry(EventKind.DENIED, now, f"{action.plan.words}: {said}", {**_facts(action, by), _WHY: why})
                _enter(transaction, _left_alone(incident, action, now), entry)
            return refused

        return await self._on(action_id, refuse)

    async def _on(self, action_id: ActionId, change: Callable[[Transaction, Action], Action | AetherError]) -> Action:
        """The change to the action as it is stored, in one transaction. An error that it answers with is raised."""

        def work(transaction: Transaction) -> Action | AetherError:
            action = transaction.actions.get(action_id)
            if action is None:
                raise NotFoundError(f"there is no action {action_id!r}")
            return change(transaction, action)

        result = await self._store.write(work)
        if isinstance(result, AetherError):
            raise result
        self._waker.wake()
        return result

    def _approvable(
        self, transaction: Transaction, action: Action, plan_hash: str, *, by: str, now: datetime
    ) -> tuple[Approval, Incident]:
        """What this person may add a yes to now. Raises ConflictError, GoneError or ForbiddenError."""
        _check_waits(action)
        incident, approval = _incident_of(transaction, action), action.approval
        if approval is None or incident is None:
            raise ConflictError(f"action {action.id} is not yet ready to be approved: its target is still looked at")
        if approval.is_complete:
            names = " and ".join(grant.by for grant in approval.grants)
            raise ConflictError(f"action {action.id} was decided already: it is approved by {names}")
        if not hmac.compare_digest(approval.plan_hash.encode(), plan_hash.encode("utf-8", "replace")):
            raise ConflictError(
                f"action {action.id} drifted: that is not what is to be approved now; look at it again, and approve "
                "the hash that you are shown then"
            )
        _check_not_expired(action, approval, now)
        self._check_person(action, approval, by)
        _check_wanted(transaction, action, incident, now)
        return approval, incident

    def _check_person(self, action: Action, approval: Approval, by: str) -> None:
        asked_by, person = person_behind(action.requested_by), person_behind(by)
        if action.plan.is_proposal and asked_by == f"{ASSISTANT}{person}":
            raise ForbiddenError(f"an assistant of {by} proposed action {action.id}: somebody else has to approve it")
        if asked_by == person and not self._requester_may_approve:
            raise ForbiddenError(f"{by} asked for action {action.id}: somebody else has to approve it")
        if any(person_behind(grant.by) == person for grant in approval.grants):
            raise ConflictError(f"{by} has approved action {action.id} already: it takes {approval.needed} people")

    def _enter_wrong(self, transaction: Transaction, action: Action, entries: Sequence[Entry]) -> None:
        """In the timeline of its incident; an action that was refused at once has none, and the agent's own is used."""
        incident = _incident_of(transaction, action)
        if incident is not None:
            _enter(transaction, incident, *entries)
            return
        for entry in entries:
            self._record.enter(transaction, Subject.BRAKES, entry)


def _incident_of(transaction: Transaction, action: Action) -> Incident | None:
    return None if action.incident_id is None else transaction.incidents.get(action.incident_id)


def _enter(transaction: Transaction, incident: Incident, *entries: Entry) -> None:
    transaction.incidents.update(replace(incident, updated_at=entries[-1].at), entries)
    for entry in entries:
        _log.info("incident %s: %s", incident.id, entry.text)


def _check_waits(action: Action) -> None:
    if action.state is ActionState.WAITING_APPROVAL:
        return
    if action.approval is not None and action.finished_at is not None and action.state is ActionState.REFUSED:
        _check_not_expired(action, action.approval, action.finished_at)
    how = action.state.value if action.outcome is None else f"{action.state.value}, {action.outcome.reason}"
    raise ConflictError(f"action {action.id} was decided already: it is {how}")


def _check_not_expired(action: Action, approval: Approval, now: datetime) -> None:
    if approval.is_over(now):
        raise GoneError(
            f"the request to approve action {action.id} expired at {approval.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        )


def _check_wanted(transaction: Transaction, action: Action, incident: Incident, now: datetime) -> None:
    """Nobody says yes to what would not be carried out: it would wait like a loaded gun."""
    if lifecycle.state_of(incident) not in _UNSETTLED or incident.action_id != action.id:
        raise ConflictError(f"action {action.id} was decided already: incident {incident.id} does not wait for it")
    pause = transaction.pauses.in_force(now, scopes_of(action.plan, incident.source))
    if pause is not None:
        raise ConflictError(f"action {action.id} cannot be approved now: {pause.words}")


def _check_was_decided(action: Action) -> None:
    """Whether it is over, and was carried out or would have been."""
    if action.state is ActionState.FINISHED:
        return
    if action.state is not ActionState.REFUSED:
        raise ConflictError(f"action {action.id} is {action.state.value}: it can be wrong once it has ended")
    if action.decision.effect is not Effect.OBSERVE:
        raise ConflictError(f"action {action.id} was not carried out, and would not have been: nothing of it was wrong")


def _left_alone(incident: Incident, action: Action, now: datetime) -> Incident:
    """The incident with nothing that the agent goes on to do, unless it has gone on to something else already."""
    if incident.action_id != action.id or lifecycle.state_of(incident) not in _UNSETTLED:
        return incident
    return replace(incident, stage=Stage.WATCH, hands_off=True, wake_at=now)


def _brakes(action: Action, words: str, by: str, now: datetime) -> Sequence[Brake]:
    """What follows from an action that was wrong; of a person's own request, and of what did not run, nothing."""
    plan = action.plan
    if plan.playbook is None or action.state is not ActionState.FINISHED:
        return ()
    why = f"action {action.id} was wrong: {words}"
    return (
        Brake(pair_scope(plan.playbook, plan.target), now, why, by),
        Brake(playbook_scope(plan.playbook), now, why, by, Effect.NEEDS_APPROVAL),
    )


def _given_up_for(transaction: Transaction, brake: Brake) -> Sequence[tuple[Incident, Action]]:
    """What the brake made the agent give up, each with its last action, where no other brake holds it.

    A brake that lets a person say yes makes nothing given up. Where a person said no to a repair, or nobody said yes,
    or the target refused it, people keep the incident: no brake made the agent stop.
    """
    if brake.effect is not Effect.DENY:
        return ()
    held = {one.scope for one in transaction.brakes.all() if one.effect is Effect.DENY}
    found = (
        (incident, action)
        for incident in _given_up(transaction)
        if lifecycle.state_of(incident) in _UNSETTLED
        and incident.plan is not None
        and brake.scope in (scopes := brake_scopes(incident.plan))
        and not scopes & held
        and (action := _last_of(transaction, incident)) is not None
        and _is_reason_for(action, brake)
    )
    return tuple(islice(found, _MOST_FREED))


def _given_up(transaction: Transaction) -> Iterator[Incident]:
    """The newest first, page by page: most of them may be of other targets."""
    page = transaction.incidents.given_up(limit=_MOST_FREED)
    while page:
        yield from page
        page = transaction.incidents.given_up(limit=_MOST_FREED, before=page[-1].id)


def _last_of(transaction: Transaction, incident: Incident) -> Action | None:
    return None if incident.action_id is None else transaction.actions.get(incident.action_id)


def _is_reason_for(action: Action, brake: Brake) -> bool:
    """Whether it went as what is braked goes: without help, in doubt, or to take back another; and before the brake."""
    is_braked = action.plan.undo_of is not None or _is_in_doubt(action) or action.verdict in WITHOUT_HELP
    return is_braked and (action.finished_at or action.created_at) <= brake.since + _SAME_MOMENT


def _is_in_doubt(action: Action) -> bool:
    return action.outcome is not None and action.outcome.status is OutcomeStatus.UNKNOWN


def _facts(action: Action, by: str) -> dict[str, object]:
    return {_ACTION: action.id, _BY: by}


def _approved(action: Action, approval: Approval, by: str, now: datetime) -> Entry:
    """`approval` has this grant already."""
    so_far = "" if approval.needed == 1 else f", {len(approval.grants)} of {approval.needed} people"
    facts = {**_facts(action, by), "plan_hash": approval.plan_hash, "needed": approval.needed}
    return Entry(EventKind.APPROVED, now, f"{action.plan.words}: approved by {by}{so_far}", facts)


def _wrong(action: Action, words: str, by: str, now: datetime) -> Entry:
    text = f"{action.plan.words} was wrong, says {by}: {words}"
    return Entry(EventKind.WRONG, now, text, {**_facts(action, by), _WHY: words})


def _braked(brake: Brake) -> Entry:
    facts = {"scope": brake.scope, "effect": brake.effect.value, _BY: brake.set_by, _WHY: brake.reason}
    return Entry(EventKind.BRAKED, brake.since, brake.words, facts)


def _released(brake: Brake, words: str, by: str, now: datetime) -> Entry:
    facts = {"scope": brake.scope, "effect": brake.effect.value, _BY: by, _WHY: words, "held_because": brake.reason}
    return Entry(EventKind.RELEASED, now, f"{by} let go of {brake.scope}: {words}", facts)


def _note_refusal(transaction: Transaction, action: Action, refusal: AetherError, *, by: str, now: datetime) -> None:
    """In the log, and in the timeline once for each person and reason: who tries again and again does not fill it."""
    incident = _incident_of(transaction, action)
    text = f"{by} could not approve: {refusal}"
    _log.warning("action %s: %s", action.id, text)
    if incident is None:
        return
    kind = EventKind.NOT_APPROVED
    noted = transaction.incidents.latest_entries(incident.id, limit=MOST_NOTED, kind=kind)
    if len(noted) < MOST_NOTED and all(stored.entry.text != text for stored in noted):
        entry = Entry(kind, now, text, {**_facts(action, by), _WHY: str(refusal)})
        transaction.incidents.update(replace(incident, updated_at=now), [entry])
