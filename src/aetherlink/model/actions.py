"""Actions as wishes about state: what is to be true of a target, what was observed of it, what came of the wish."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from aetherlink.lib.sizes import size_words
from aetherlink.model.decisions import Decision, Mode
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, TargetName
from aetherlink.model.principals import person_behind

IDEMPOTENCY_FACT = "idempotency_key"
"""The key of Action.facts that holds the caller's Idempotency-Key."""

VERDICT_FACT = "verdict"
"""The key of Action.facts that holds what was found out of a repair, once it is known: see Verdict."""

VERIFIED_AT_FACT = "verified_at"
"""The key of Action.facts that holds when repairs of its incident were verified, the latest last."""

WRONG_FACT = "wrong"
"""The key of Action.facts that holds who said that the action was wrong, when and why: `by`, `at`, `reason`."""

TAKEN_BACK_FACT = "taken_back"
"""The key of Action.facts that holds how a person had it taken back: `action_id` of what did it, `by`, `at`."""


_LITTLE = timedelta(seconds=30)  # by which clocks are set right every day


class Verb(StrEnum):
    """What can be done to a target."""

    RESTART = "restart"
    SCALE = "scale"
    ROLLBACK = "rollback"
    LIMITS = "limits"
    HTTP = "http"


CPU = 10**9
"""One processor, in the unit of `nano_cpus`."""


@dataclass(frozen=True, slots=True)
class StartedAfter:
    """Every replica started after this instant."""

    instant: datetime


@dataclass(frozen=True, slots=True)
class Replicas:
    """That many replicas run."""

    count: int


@dataclass(frozen=True, slots=True)
class Release:
    """This release runs."""

    name: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Each replica may use that much at most: `memory` in bytes, `nano_cpus` in billionths of a processor.

    As a wish 0 leaves a limit as it is; as what was seen 0 is none, or one that is not the same for all replicas.
    """

    memory: int = 0
    nano_cpus: int = 0

    def has(self, wish: "Limits") -> bool:
        """Whether these are what is wished already."""
        return wish.memory in (0, self.memory) and wish.nano_cpus in (0, self.nano_cpus)

    def instead_of(self, wish: "Limits") -> "Limits | None":
        """The wish that brings these back after that one; None where there was no limit to bring back."""
        if (wish.memory and not self.memory) or (wish.nano_cpus and not self.nano_cpus):
            return None
        return Limits(self.memory if wish.memory else 0, self.nano_cpus if wish.nano_cpus else 0)

    @property
    def words(self) -> str:
        """For people: `512 MiB, 1.5 CPUs`."""
        memory = [size_words(self.memory)] if self.memory else []
        return ", ".join([*memory, *([f"{self.nano_cpus / CPU:g} CPUs"] if self.nano_cpus else [])])


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Requested:
    """The request of this name has been sent, under this Idempotency-Key. No look at the target can show that."""

    name: str
    key: str


Wish = StartedAfter | Replicas | Release | Limits | Requested


@dataclass(frozen=True, slots=True)
class DeclaredRequest:
    """A request that the settings let the agent send to a target, fixed as a whole.

    `url` is without its query. `digest` is SHA-256 in hex over all of it but for secrets: an approval binds it. A short
    secret in body or query can be found out from it by trying, so that nobody is shown it.
    """

    name: str
    method: str
    url: str
    digest: str


@dataclass(frozen=True, slots=True)
class Target:
    """Something that an executor can change. `minimum` and `maximum` bound its replicas.

    An action may leave no fewer than `floor` replicas ready while others are, and no smaller share of the wanted ones
    than `healthy_share`. `depends_on` are targets without which it
    cannot be well. `mode` is the most that automation may do to it. `is_break_glass` lets the agent act on what it
    lives on itself: its database, its monitoring. `tenant` is whom a person's request for it is for; empty: nobody.
    `requests` are the HTTP requests that may be sent to it. `place` says where its executor finds it, in words, where
    `service` alone does not. `most` and `least` bound the limits of each replica: without a `most` none is changed,
    without a `least` none is lowered.
    """

    name: TargetName
    executor: str
    service: str
    minimum: int = 1
    maximum: int = 1
    floor: int = 0
    depends_on: tuple[TargetName, ...] = ()
    mode: Mode = Mode.AUTO
    is_break_glass: bool = False
    healthy_share: float = 0.0
    tenant: str = ""
    requests: tuple[DeclaredRequest, ...] = ()
    place: str = ""
    most: Limits = NO_LIMITS
    least: Limits = NO_LIMITS

    def declares(self, request: str) -> bool:
        """Whether a request of this name may be sent to it."""
        return any(one.name == request for one in self.requests)

    def floor_of(self, wanted: int) -> int:
        """How many replicas have to stay ready where so many are wanted."""
        return max(self.floor, math.ceil(self.healthy_share * wanted))


@dataclass(frozen=True, slots=True)
class Observation:
    """What an executor saw of a target: replicas ready and wanted, the oldest start among them, the releases.

    `identity` is another one once a replica was made anew; empty where the executor cannot tell. `limits` are those of
    each replica. `most_replicas` is how many there can be had, None: no bound but the target's, and `no_more` why not
    more; `no_release` is why no other release can be brought, empty where one can; `no_change` is who refuses all that
    is done to it, and why, empty where nobody is known to. `aliases` are all names that it goes by, and `is_agent` says
    that the agent runs in it.
    """

    ready: int
    wanted: int
    oldest_start: datetime | None
    release: str = ""
    previous_release: str = ""
    identity: str = ""
    limits: Limits = NO_LIMITS
    most_replicas: int | None = None
    no_more: str = ""
    no_release: str = ""
    no_change: str = ""
    aliases: tuple[str, ...] = ()
    is_agent: bool = False

    def shows(self, wish: Wish) -> bool:
        """Whether this is what was wished: everything wanted is ready, which limits do not ask for, and it is so."""
        if isinstance(wish, Limits):
            return self.limits.has(wish)
        if self.ready < self.wanted:
            return False
        match wish:
            case StartedAfter(instant):
                return self.oldest_start is not None and self.oldest_start > instant
            case Replicas(count):
                return self.wanted == count
            case Release(name):
                return bool(name) and self.release == name
            case Requested():
                return False

    def restoring(self, wish: Wish) -> Wish | None:
        """The wish that brings back what was seen here, once the other one was carried out; None: nothing can."""
        match wish:
            case StartedAfter() | Requested():
                return None
            case Replicas(count):
                return None if count == self.wanted else Replicas(self.wanted)
            case Release(name):
                return Release(self.release) if self.release and self.release != name else None
            case Limits():
                return None if self.limits.has(wish) else self.limits.instead_of(wish)


ASSISTANT = "mcp:"
"""Begins the name of whoever proposed an action, before that of the token: no token is called so itself."""


class ActionState(StrEnum):
    """How far an action has come."""

    REFUSED = "refused"
    WAITING_APPROVAL = "waiting_approval"
    ALLOWED = "allowed"
    RUNNING = "running"
    FINISHED = "finished"


class OutcomeStatus(StrEnum):
    """What came of a wish: `unknown` means that nobody can tell, and that it is not sent again blindly.

    `not_done` is known not to have been carried out at all: it may be decided anew.
    """

    DONE = "done"
    NOT_NEEDED = "not_needed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_DONE = "not_done"


class Verdict(StrEnum):
    """Whether a repair helped. `cannot_tell` is never success."""

    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    CANNOT_TELL = "cannot_tell"


_VERDICTS = {verdict.value: verdict for verdict in Verdict}  # made once: each decision asks of each recent action
WITHOUT_END = frozenset({OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN})
"""Outcomes of what could not be done, or of which nobody can tell."""
WITHOUT_HELP = frozenset({Verdict.NOT_RECOVERED, Verdict.CANNOT_TELL})
"""Verdicts that no repair is proved by."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one wish, with the reason in words."""

    status: OutcomeStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Why a plan restarts a dependent: `repair` is the verified action on `target`, of which the call ended at `since`.

    `turn_at` is when the turn of this one came. `without` are the dependents that were left out before it: nothing that
    depends on them is restarted. `is_told` says that a person has been called for one of them.
    """

    repair: ActionId
    target: TargetName
    since: datetime
    turn_at: datetime
    without: tuple[TargetName, ...] = ()
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, to which target, by which playbook (None: a person's request), with its bound queries.

    `when` must hold on fresh data at the moment of acting; `verify` must hold for `verify_for_seconds` on samples
    newer than the action, within `verify_within_seconds`. An empty query means that there is none: without `when` a
    playbook's plan rests on its alert. `replicas` belongs
    to scale: the number wanted. Cooldown and limit bound how often the playbook may act on the target. `alert_id` is
    the episode of the alert that it is for; 0 for a person's request. `step` names the step of a playbook that has
    several. `unless` are targets that must not be broken. With `undo` a repair that did not help is undone where it can
    be; `undo_of` is the action that this plan undoes, `release` the one that it brings back. After `escalate_after`
    repairs in a row that did not help the playbook leaves the target alone. With `silence` its alert is silenced in
    Alertmanager while it acts and verifies. `planned_from` belongs to scale: the number that was wanted when it was
    planned. `request` belongs to http: the name of the target's request. `limits` belong to limits. `identity` is that
    of the target when an alert's labels named it; empty where nothing was looked at to plan. `digest` is that of the
    playbook's content which made it (see Playbook); empty: not known, so that no promotion lifts it. `dependents` are
    restarted after it, in this order, once it is verified. `chain` belongs to the plan that restarts one of them.
    `is_proposal` says that an assistant proposed it, so that a person has to approve it whatever the mode. `restores`
    is the action that a person wants taken back by this plan.
    """

    verb: Verb
    target: TargetName
    playbook: PlaybookName | None = None
    replicas: int | None = None
    when: str = ""
    verify: str = ""
    verify_for_seconds: float = 0.0
    verify_within_seconds: float = 60.0
    cooldown_seconds: float = 0.0
    per_hour: int = 3
    alert_id: int = 0
    tenant: str = ""
    step: str = ""
    unless: tuple[TargetName, ...] = ()
    undo: bool = False
    undo_of: ActionId | None = None
    release: str = ""
    escalate_after: int = 1
    silence: bool = False
    planned_from: int | None = None
    request: str = ""
    limits: Limits = NO_LIMITS
    identity: str = ""
    digest: str = ""
    dependents: tuple[TargetName, ...] = ()
    chain: Chain | None = None
    is_proposal: bool = False
    restores: ActionId | None = None

    @property
    def rests_on_alert(self) -> bool:
        """Whether its alert is the evidence for it, and neither a query nor a repair."""
        return self.playbook is not None and self.undo_of is None and self.chain is None and not self.when

    @property
    def is_repair(self) -> bool:
        """Whether it is for what is wrong, and neither takes back nor follows what was done about that."""
        return self.undo_of is None and self.chain is None

    @property
    def evidence_words(self) -> str:
        """What the evidence for it is, for people."""
        if self.chain is not None:
            return f"the repair of {self.chain.target} that it follows"
        return f"`{self.when}`" if self.when else "its alert"

    @property
    def words(self) -> str:
        """The plan in a few words, for people."""
        much = self.limits.words or self.release
        size = f" to {much}" if much else ""
        size = size if self.replicas is None else f" to {self.replicas}"
        request = f" {self.request}" if self.request else ""
        why = "" if self.chain is None else f", which depends on {self.chain.target}"
        later = f", then {', '.join(self.dependents)}" if self.dependents else ""
        return f"{'undo: ' if self.undo_of else ''}{self.verb}{request} {self.target}{size}{why}{later}"


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's yes."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for approval: what is shown, its hash, until when it may be granted, by how many people.

    `shown` holds JSON values only: plan, target, observed state, evidence, and what undo would do. `seal` is shown to
    nobody: with it what is shown binds secrets and does not tell them.
    """

    plan_hash: str
    asked_at: datetime
    expires_at: datetime
    shown: Mapping[str, object]
    needed: int = 1
    grants: tuple[Grant, ...] = ()
    seal: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether everybody who is needed has said yes."""
        return len({person_behind(grant.by) for grant in self.grants}) >= self.needed

    @property
    def completed_at(self) -> datetime:
        """When the last yes came; when it was asked for while there is none."""
        return max((grant.at for grant in self.grants), default=self.asked_at)

    def is_over(self, now: datetime) -> bool:
        """Whether nobody may say yes any more. A clock that was set back to before it was asked for extends nothing."""
        return now >= self.expires_at or self.asked_at - now > _LITTLE


@dataclass(frozen=True, slots=True)
class Started:
    """What the budgets count of an action that was started. `has_failed` as in Action."""

    target: TargetName
    playbook: PlaybookName | None
    tenant: str
    started_at: datetime
    finished_at: datetime | None
    has_failed: bool


@dataclass(frozen=True, slots=True)
class Action:
    """One action as stored: its plan, the decision, and what came of it.

    `started_at` is the moment of the intent, committed before the executor is called.
    """

    id: ActionId
    plan: Plan
    reason: str
    requested_by: str
    decision: Decision
    state: ActionState
    created_at: datetime
    incident_id: IncidentId | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    approval: Approval | None = None

    @property
    def verdict(self) -> Verdict | None:
        """Whether it helped; None while nobody knows yet, or when nobody looked."""
        stored = self.facts.get(VERDICT_FACT)
        return _VERDICTS.get(stored) if isinstance(stored, str) else None

    @property
    def has_failed(self) -> bool:
        """Whether it ended without help: it could not be done, nobody can tell, or it did not help."""
        if self.outcome is not None and self.outcome.status in WITHOUT_END:
            return self.started_at is not None
        return self.verdict in WITHOUT_HELP

    @property
    def as_started(self) -> Started | None:
        """What the budgets count of it; None when it was not started."""
        if self.started_at is None:
            return None
        plan = self.plan
        return Started(plan.target, plan.playbook, plan.tenant, self.started_at, self.finished_at, self.has_failed)


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """What a list of actions is narrowed to; None: not narrowed by this."""

    state: ActionState | None = None
    incident_id: str | None = None
    target: str | None = None
