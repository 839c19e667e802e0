"""What people and programs may ask of the agent: one class, called by the API (and by every later door).

A command gathers what a decision rests on, decides, and stores request, decision and first incident in one transaction.
It runs no action itself: the pipeline does, and it trusts stored state only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.briefing import Briefing
from aetherlink.errors import BadRequestError, ConflictError, NotFoundError
from aetherlink.lib.deriving import why_not
from aetherlink.model.actions import (
    ASSISTANT,
    IDEMPOTENCY_FACT,
    TAKEN_BACK_FACT,
    Action,
    ActionFilter,
    ActionState,
    Limits,
    OutcomeStatus,
    Plan,
    Target,
    Verb,
)
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, IncidentId, SourceName, TargetName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.questions import Seen
from aetherlink.model.snapshots import restoring_plan
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Decider, Ids, Store, Transaction, Waker

REQUEST_FACT = "request"
UNDO = "undo"
"""What a request to take an action back is called where requests have names."""
LONGEST_WAIT = timedelta(minutes=2)  # how far back an allowed action that has not begun is looked for
_PAGE = 20
_LEFT_SOMETHING = frozenset({OutcomeStatus.DONE, OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN})
_MOST_WAITING = 10  # requests on one target
_MOST_COMPARED = 100  # actions on the target that wait for approval, those of playbooks too
ALWAYS_KNOWN: Mapping[str, Verb] = {
    "restart_api": Verb.RESTART,
    "restart": Verb.RESTART,
    "scale": Verb.SCALE,
    "rollback": Verb.ROLLBACK,
}
_STATES: Mapping[Effect, ActionState] = {
    Effect.ALLOW: ActionState.ALLOWED,
    Effect.NEEDS_APPROVAL: ActionState.WAITING_APPROVAL,
    Effect.OBSERVE: ActionState.REFUSED,
    Effect.DENY: ActionState.REFUSED,
}


_NEW_RULE = "request_is_new"
_FEW_RULE = "few_requests_wait"
_CROWDED = frozenset({_NEW_RULE, _FEW_RULE})
_TARGET_RULE = "target_is_declared"  # policy has rules of these names too; here the reason can say what to set
_BOUNDS_RULE = "scale_is_within_bounds"


class HttpActionOptions(BaseModel):
    """Which request, to which target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: TargetName = Field(min_length=1, description="The name of the target.")
    request: str = Field(min_length=1, description="The name of one of its requests.")


class ActionOptions(BaseModel):
    """One entry of the setting `actions`: what a name does, and to which target. Exactly one verb."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    restart: TargetName | None = Field(default=None, description="The name of the target to restart.")
    scale: TargetName | None = Field(default=None, description="The name of the target to scale.")
    rollback: TargetName | None = Field(default=None, description="The name of the target to roll back.")
    http: HttpActionOptions | None = Field(default=None, description="A request of a target of the executor `http`.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "ActionOptions":
        if len(self.model_fields_set) != 1 or not self.target:
            raise ValueError("an action is one verb and its target, such as {restart: crm-api}")
        return self

    @property
    def verb(self) -> Verb:
        """The verb that is set."""
        return Verb(next(iter(self.model_fields_set)))

    @property
    def target(self) -> TargetName:
        """The target that is set."""
        by_http = TargetName("") if self.http is None else self.http.target
        return self.restart or self.scale or self.rollback or by_http

    @property
    def request(self) -> str:
        """The request that is set; empty for the other verbs."""
        return "" if self.http is None else self.http.request


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """What was asked for: `name` is an action's name, `service` a target's service or name.

    A proposal comes from an assistant: a person has to approve it, whatever the mode. It may name the incident that it
    is for. `undoes` is the action that is to be taken back, of that incident.
    """

    name: str
    reason: str
    service: str | None = None
    replicas: int | None = None
    is_proposal: bool = False
    incident_id: IncidentId | None = None
    undoes: ActionId | None = None

    @property
    def facts(self) -> dict[str, object]:
        """The request as it is kept with its action."""
        beside: dict[str, object] = {"incident_id": self.incident_id} if self.is_proposal else {}
        if self.undoes is not None:
            beside["undoes"] = self.undoes
        asked = {"action": self.name, "reason": self.reason, "service": self.service, "replicas": self.replicas}
        return {**asked, **beside}


@dataclass(frozen=True, slots=True)
class _Wish:
    """A request as understood; `refusal` says what is wrong with it before anything else is asked."""

    plan: Plan
    refusal: Decision | None


class Commands:
    """Requests of people.

    `source` is where an incident of a request is filed: the first source of the settings. `per_hour` bounds the actions
    on one target. `is_vip` tells of a tenant's name whether it comes first. `count` hears of every decision, once its
    transaction is done.
    """

    def __init__(
        self,
        store: Store,
        decide: Decider,
        briefing: Briefing,
        *,
        clock: Clock,
        ids: Ids,
        waker: Waker,
        actions: Mapping[str, ActionOptions],
        source: SourceName,
        per_hour: int,
        is_vip: Callable[[str], bool],
        count: Callable[[Action], None],
    ) -> None:
        self._store = store
        self._decide = decide
        self._briefing = briefing
        self._clock = clock
        self._ids = ids
        self._waker = waker
        self._targets = briefing.targets
        self._actions = actions
        self._source = source
        self._per_hour = per_hour
        self._is_vip = is_vip
        self._count = count

    @property
    def known(self) -> list[str]:
        """The names that a request may use."""
        return sorted({*ALWAYS_KNOWN, *self._actions})

    async def request_action(
        self, request: ActionRequest, *, principal: str, idempotency_key: str | None = None
    ) -> Action:
        """The stored action with its decision; a repeat under the same key gets the first one.

        A proposal that others stand in the way of is not stored: its refusal has the id of one that waits.

        Raises BadRequestError (unknown name), NotFoundError (no such incident), ConflictError (the key belongs to
        another request), StoreError, OverloadedError.
        """
        if request.name not in self.known:
            raise BadRequestError(f"unknown action {request.name!r}: known are {', '.join(self.known)}")
        return await self._asked(request, self._understood(request), principal, idempotency_key)

    async def request_undo(
        self, action_id: ActionId, reason: str, *, principal: str, idempotency_key: str | None = None
    ) -> Action:
        """The stored request to bring back what was before the action; decided like every other request.

        Raises NotFoundError (no such action), ConflictError (there is nothing to take back, or the key belongs to
        another request), StoreError, OverloadedError.
        """
        undoes = await self._store.read(lambda transaction: transaction.actions.get(action_id))
        if undoes is None:
            raise NotFoundError(f"there is no action {action_id!r}")
        plan = plan_to_undo(undoes)
        if isinstance(plan, str):
            raise ConflictError(f"{undoes.plan.words} cannot be undone: {plan}")
        request = ActionRequest(
            UNDO,
            reason,
            service=plan.target,
            replicas=plan.replicas,
            incident_id=undoes.incident_id,
            undoes=action_id,
        )
        return await self._asked(request, self._undoing(plan), principal, idempotency_key)

    async def _asked(self, request: ActionRequest, wish: _Wish, principal: str, idempotency_key: str | None) -> Action:
        seen = {} if wish.refusal else await self._briefing.seen(wish.plan)
        asked_by = f"{ASSISTANT}{principal}" if request.is_proposal else principal

        def work(transaction: Transaction) -> tuple[Action, bool]:
            if idempotency_key is not None:
                earlier = transaction.actions.by_idempotency_key(asked_by, idempotency_key)
                if earlier is not None:
                    return _repeated(earlier, request), False
            _check_incident(transaction, request.incident_id)
            decision = wish.refusal or self._decided(transaction, wish, seen)
            return self._take(transaction, request, wish.plan, decision, (asked_by, idempotency_key)), True

        action, is_new = await self._store.write(work)
        if is_new:
            self._count(action)
        if action.decision.is_accepted:
            self._waker.wake()
        return action

    def _take(
        self,
        transaction: Transaction,
        request: ActionRequest,
        plan: Plan,
        decision: Decision,
        asked_by: tuple[str, str | None],
    ) -> Action:
        principal, key = asked_by
        facts: dict[str, object] = {REQUEST_FACT: request.facts}
        if key is not None:
            facts[IDEMPOTENCY_FACT] = key
        action = Action(
            id=ActionId(self._ids.new("act")),
            plan=plan,
            reason=request.reason,
            requested_by=principal,
            decision=decision,
            state=_STATES[decision.effect],
            created_at=self._clock.now(),
            facts=facts,
        )
        if decision.is_accepted:
            action = replace(action, incident_id=self._open_incident(transaction, action))
            _note_beside(transaction, request, action)
        if plan.is_proposal and decision.rule in _CROWDED:
            return replace(
                action, id=_in_its_way(transaction, plan)
            )  # stored, one after another would be kept for ever
        transaction.actions.put(action)
        return action

    def _understood(self, request: ActionRequest) -> _Wish:
        verb, target = self._resolve(request)
        if isinstance(target, Decision):
            nobody = Plan(
                verb=verb,
                target=TargetName(request.service or ""),
                replicas=request.replicas,
                is_proposal=request.is_proposal,
            )
            return _Wish(nobody, target)
        option = self._actions.get(request.name)
        plan = Plan(
            verb=verb,
            target=target.name,
            replicas=request.replicas,
            per_hour=self._per_hour,
            tenant=target.tenant,
            request="" if option is None else option.request,
            is_proposal=request.is_proposal,
        )
        return _Wish(plan, _size_refusal(plan, target))

    def _undoing(self, plan: Plan) -> _Wish:
        target = self._targets.get(plan.target)
        if target is None:
            return _Wish(plan, _no_target(f"{plan.target} is not declared under `targets`"))
        plan = replace(plan, per_hour=self._per_hour, tenant=target.tenant)
        return _Wish(plan, _size_refusal(plan, target))

    def _decided(self, transaction: Transaction, wish: _Wish, seen: Mapping[TargetName, Seen]) -> Decision:
        plan = wish.plan
        standing = self._briefing.standing(transaction, plan, self._source)
        waiting = _not_begun(transaction, plan.target, self._clock.now())
        standing = replace(standing, recent=(*waiting, *standing.recent))
        question = self._briefing.question(plan, standing, seen, mode=self._briefing.ceiling, incident=None)
        decision = self._decide(replace(question, vip=self._is_vip(plan.tenant)))
        if decision.effect is not Effect.NEEDS_APPROVAL:
            return decision
        return _crowd_refusal(transaction, plan) or decision

    def _resolve(self, request: ActionRequest) -> tuple[Verb, Target | Decision]:
        """The verb, with the target or with the refusal that says what to set."""
        option = self._actions.get(request.name)
        if option is None:
            verb = ALWAYS_KNOWN[request.name]
            return verb, self._by_service(request, verb)
        target = self._targets.get(option.target)
        if target is None:
            return option.verb, _no_target(
                f"actions.{request.name} names {option.target!r}: declare it under `targets`"
            )
        if request.service not in (None, target.name, target.service):
            return option.verb, _no_target(
                f"actions.{request.name} is for {target.name}, not for {request.service!r}: leave `service` out, or "
                f"use the action `{option.verb}` of a name that has no target of its own"
            )
        return option.verb, target

    def _by_service(self, request: ActionRequest, verb: Verb) -> Target | Decision:
        if request.service is None:
            return _no_target(
                f"no target is configured for it: set actions.{request.name} to {{{verb}: TARGET}}, or name a service"
            )
        named = self._targets.get(TargetName(request.service))
        found = [named] if named else [one for one in self._targets.values() if one.service == request.service]
        match found:
            case [target]:
                return target
            case []:
                told = why_not(self._targets, TargetName(request.service)) or ": add it under `targets`"
                return _no_target(f"no target has the service or the name {request.service!r}{told}")
            case _:
                names = ", ".join(sorted(one.name for one in found))
                return _no_target(f"several targets have the service {request.service!r}: name one of {names}")

    def _open_incident(self, transaction: Transaction, action: Action) -> IncidentId:
        target = self._targets[action.plan.target]
        incident = Incident(
            id=IncidentId(self._ids.new("inc")),
            key=f"request:{action.id}",
            origin=Origin.REQUEST,
            source=self._source,
            title=f"{action.plan.words}, {_asked_words(action)}",
            tenant=action.plan.tenant,
            service=target.service,
            severity=Severity.INFO,
            vip=self._is_vip(action.plan.tenant),
            status=IncidentStatus.OPEN,
            stage=Stage.ACT if action.decision.effect is Effect.ALLOW else Stage.APPROVE,
            opened_at=action.created_at,
            updated_at=action.created_at,
            action_id=action.id,
            wake_at=action.created_at,
        )
        transaction.incidents.insert(incident, _first_entries(action))
        return incident.id


def _repeated(earlier: Action, request: ActionRequest) -> Action:
    if earlier.facts.get(REQUEST_FACT) != request.facts:
        raise ConflictError(
            f"this Idempotency-Key belongs to another request (action {earlier.id}): a new request needs a new key"
        )
    return earlier


def _not_begun(transaction: Transaction, target: TargetName, now: datetime) -> list[Action]:
    """Actions on the target that were allowed a moment ago: two requests at once must not both find it free."""
    only = ActionFilter(state=ActionState.ALLOWED)  # no target: a narrower page may end before one that a flood buries
    found: list[Action] = []
    cursor: str | None = None
    while True:
        page, cursor = transaction.actions.page(limit=_PAGE, before=cursor, only=only)
        found += [one for one in page if one.plan.target == target]
        if cursor is None or not page or page[-1].created_at < now - LONGEST_WAIT:
            return found


def _crowd_refusal(transaction: Transaction, plan: Plan) -> Decision | None:
    """One request at a time is asked of people, and few on one target: whoever repeats himself floods nobody."""
    waiting = _waiting(transaction, plan.target)
    same = _same(waiting, plan)
    if same is not None:
        reason = f"action {same.id} is the same and waits for approval: approve, deny or cancel that one"
        return Decision(Effect.DENY, _NEW_RULE, reason)
    requests = sum(1 for one in waiting if REQUEST_FACT in one.facts)
    if requests >= _MOST_WAITING:
        reason = f"{requests} requests for {plan.target} wait for approval, and no more may: deny or cancel some"
        return Decision(Effect.DENY, _FEW_RULE, reason)
    return None


def _in_its_way(transaction: Transaction, plan: Plan) -> ActionId:
    """The action that waits for the same, or else the newest that waits on the target: crowds are of those only."""
    waiting = _waiting(transaction, plan.target)
    return (_same(waiting, plan) or waiting[0]).id


def _waiting(transaction: Transaction, target: TargetName) -> list[Action]:
    only = ActionFilter(state=ActionState.WAITING_APPROVAL, target=target)
    found, _ = transaction.actions.page(limit=_MOST_COMPARED, before=None, only=only)
    return found


def _same(waiting: Sequence[Action], plan: Plan) -> Action | None:
    return next((one for one in waiting if _wish_of(one.plan) == _wish_of(plan)), None)


def _wish_of(plan: Plan) -> tuple[Verb, int | None, str, str, Limits]:
    return plan.verb, plan.replicas, plan.request, plan.release, plan.limits


def plan_to_undo(action: Action) -> Plan | str:
    """A person's plan that brings back what was before the action, or why there is none."""
    if action.outcome is None or action.outcome.status not in _LEFT_SOMETHING:
        return "nothing was carried out"
    if TAKEN_BACK_FACT in action.facts:
        return "it was taken back already"
    plan = restoring_plan(action)
    if plan is None:
        return f"nothing brings back what was before a {action.plan.verb}, or it was the same"
    return Plan(
        plan.verb,
        plan.target,
        replicas=plan.replicas,
        release=plan.release,
        limits=plan.limits,
        restores=action.id,
    )


def _no_target(reason: str) -> Decision:
    return Decision(Effect.DENY, _TARGET_RULE, reason)


def _size_refusal(plan: Plan, target: Target) -> Decision | None:
    """Replicas belong to scale, which needs them within the target's bounds."""
    bounds = f"{target.minimum} to {target.maximum} for {target.name}"
    match plan.verb, plan.replicas:
        case Verb.SCALE, None:
            return Decision(Effect.DENY, _BOUNDS_RULE, f"scale needs `replicas`: {bounds}")
        case Verb.SCALE, int(count) if not target.minimum <= count <= target.maximum:
            return Decision(Effect.DENY, _BOUNDS_RULE, f"{count} replicas are outside the bounds: {bounds}")
        case ((Verb.RESTART | Verb.ROLLBACK | Verb.HTTP), int()):
            reason = f"`replicas` belongs to scale, not to {plan.verb}: leave it out"
            return Decision(Effect.DENY, "replicas_belong_to_scale", reason)
        case _:
            return None


def _asked_words(action: Action) -> str:
    who = action.requested_by
    return f"proposed by an assistant ({who})" if action.plan.is_proposal else f"requested by {who}"


def _check_incident(transaction: Transaction, incident_id: IncidentId | None) -> None:
    if incident_id is not None and transaction.incidents.get(incident_id) is None:
        raise NotFoundError(f"there is no incident {incident_id!r}")


def _note_beside(transaction: Transaction, request: ActionRequest, action: Action) -> None:
    """Whoever looks at the incident that a proposal or an undoing is for finds it there, too."""
    incident = None if request.incident_id is None else transaction.incidents.get(request.incident_id)
    if incident is None:
        return
    waits = " and waits for approval" if action.state is ActionState.WAITING_APPROVAL else ""
    undoes = "" if request.undoes is None else f", to undo action {request.undoes}"
    text = f"{action.plan.words} was {_asked_words(action)}{undoes}{waits}: incident {action.incident_id}"
    facts = {"action_id": action.id, "by": action.requested_by, "incident_id": action.incident_id}
    entry = Entry(EventKind.NOTE, action.created_at, text, facts)
    transaction.incidents.update(replace(incident, updated_at=action.created_at), [entry])


def _first_entries(action: Action) -> list[Entry]:
    decision = action.decision
    opened = Entry(
        EventKind.OPENED,
        action.created_at,
        f"{action.plan.words} was {_asked_words(action)}: {action.reason}",
        {"action_id": action.id, "requested_by": action.requested_by},
    )
    decided = Entry(
        EventKind.DECIDED,
        action.created_at,
        f"{decision.effect}: {decision.reason}",
        {"action_id": action.id, "decision": decision.effect.value, "rule": decision.rule, "reason": decision.reason},
    )
    return [opened, decided]
