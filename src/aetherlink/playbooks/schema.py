"""How a playbook is written in YAML, and how it becomes the model's Playbook. Unknown keys are refused."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from aetherlink.errors import BadRequestError
from aetherlink.lib import promql
from aetherlink.lib.option_types import Count, Cpus, Duration, Name, PromQL, Size
from aetherlink.model.actions import CPU, Limits, Verb
from aetherlink.model.decisions import Mode
from aetherlink.model.dependents import STARTING_ANEW
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.model.playbooks import Matcher, NewLimits, Playbook, PlaybookStep, ScaleBy, TargetChoice
from aetherlink.playbooks.binding import bind_query
from aetherlink.playbooks.form_problems import nearest
from aetherlink.playbooks.matchers import choosing, read_matchers
from aetherlink.playbooks.step_order import checked, in_order

_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
_LABEL = r"^_?[a-zA-Z][a-zA-Z0-9_]{0,98}$"  # `__name__` and its like are no labels of an alert
_LONGEST_COOLDOWN = timedelta(days=30)
_LONGEST_VERIFY = timedelta(days=1)
_OF_ACTING = (
    *("target", "bind", "when", "evidence", "unless", "verify", "undo", "cooldown", "limits", "escalate", "silence"),
    *("ceiling", "dependents"),
)

Growth = Annotated[str, Field(pattern=r"^\+(?:[1-9]|[1-9][0-9]|[1-3][0-9]{2}|400)%$")]
"""By so much more than it has: `+25%`, at most `+400%`."""
PlainName = Annotated[str, Field(pattern=_NAME)]
LabelName = Annotated[str, Field(pattern=_LABEL)]
Matchers = Annotated[tuple[Matcher, ...], BeforeValidator(read_matchers)]
Undo = Literal["auto", "never"]
_DEPENDENTS = ("restart", "leave")


def _known(value: object) -> object:
    if value in _DEPENDENTS:
        return value
    near = nearest(value, _DEPENDENTS) if isinstance(value, str) else ""
    raise ValueError(f"{value!r} is not known{near or ': it is `restart` or `leave`'}")


Dependents = Annotated[Literal["restart", "leave"], BeforeValidator(_known)]
"""What becomes of those that depend on a target that was started anew."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TargetForm(_Strict):
    """A declared target by its name, or `{from: labels, executor: docker}`: the one that the alert's labels name."""

    name: Name | None = None
    from_: Annotated[Literal["labels"] | None, Field(alias="from")] = None
    executor: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_way(self) -> "TargetForm":
        if (self.name is None) is (self.from_ is None):
            raise ValueError("give the name of a declared target, or {from: labels}")
        if self.executor is not None and self.from_ is None:
            raise ValueError("`executor` goes with `from: labels`: a declared target has its own")
        return self

    def to_choice(self) -> TargetChoice:
        """As the rest of the house knows it."""
        return TargetChoice(None if self.name is None else TargetName(self.name), self.executor or "")


class RestartForm(_Strict):
    """`restart: {}`"""


class RollbackForm(_Strict):
    """`rollback: {}`"""


class ScaleForm(_Strict):
    """`scale: {by: 1, min: 1, max: 4}`"""

    by: Annotated[Count, Field(ge=-10, le=10)]
    min: Annotated[Count, Field(ge=0, le=1000)] | None = None
    max: Annotated[Count, Field(ge=1, le=1000)] | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "ScaleForm":
        if self.by == 0:
            raise ValueError("`by` is 0: that changes nothing")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")
        return self


class LimitsForm(_Strict):
    """`limits: {memory: 512M}`, or `limits: {memory: +25%, cpus: +50%}` of what it has."""

    memory: Annotated[Growth | Size | None, Field(union_mode="left_to_right")] = None
    cpus: Annotated[Growth | Cpus | None, Field(union_mode="left_to_right")] = None

    @model_validator(mode="after")
    def _changes_something(self) -> "LimitsForm":
        if self.memory is None and self.cpus is None:
            raise ValueError("give `memory`, `cpus`, or both")
        return self

    @property
    def new(self) -> NewLimits:
        """As the rest of the house knows it."""
        memory = 0 if isinstance(self.memory, str) else self.memory or 0
        cpus = 0 if isinstance(self.cpus, str) else self.cpus or 0
        return NewLimits(Limits(memory, round(cpus * CPU)), _share(self.memory), _share(self.cpus))


def _share(growth: object) -> float:
    return int(growth[1:-1]) / 100 if isinstance(growth, str) else 0.0


class HttpForm(_Strict):
    """`http: {request: purge}`: one of the requests that the target's settings fix."""

    request: Name


class ActionForm(_Strict):
    """Exactly one verb with its parameters."""

    restart: RestartForm | None = None
    scale: ScaleForm | None = None
    rollback: RollbackForm | None = None
    limits: LimitsForm | None = None
    http: HttpForm | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "ActionForm":
        if len(self.model_fields_set) != 1:
            raise ValueError("an action has exactly one verb: restart, scale, rollback, limits or http")
        return self

    @property
    def verb(self) -> Verb:
        """The verb that was given."""
        return Verb(next(iter(self.model_fields_set)))

    @property
    def scale_by(self) -> ScaleBy | None:
        """How scale changes the number; None for the other verbs."""
        return None if self.scale is None else ScaleBy(self.scale.by, self.scale.min, self.scale.max)

    @property
    def request(self) -> str:
        """The name of the request; empty for the other verbs."""
        return "" if self.http is None else self.http.request


class VerifyForm(_Strict):
    """`{query: 'up == 1', for: 3s, within: 60s}`"""

    query: PromQL
    for_: Annotated[Duration, Field(alias="for")] = timedelta(0)
    within: Annotated[Duration, Field(le=_LONGEST_VERIFY)] = timedelta(seconds=60)

    @model_validator(mode="after")
    def _fits(self) -> "VerifyForm":
        if self.for_ >= self.within:
            raise ValueError("`for` has to be shorter than `within`")
        reach = promql.survey(promql.parse(self.query)).reach
        if reach and reach + self.for_ >= self.within:
            raise ValueError(
                f"`query` looks back {reach.total_seconds():g} s, and all of it has to lie after the action: with "
                f"`for` of {self.for_.total_seconds():g} s it cannot hold `within` {self.within.total_seconds():g} s. "
                "Take a shorter window, or a longer `within`"
            )
        return self


def _only_one(count: int) -> int:
    if count != 1:
        raise ValueError(
            "a target has one action at a time, and the next waits until it is known whether that helped: leave it "
            "out, or say 1. `limits.per_hour` bounds how many there are in an hour, `escalate.after` how many tries"
        )
    return count


class FrequencyForm(_Strict):
    """`{per_hour: 3, per_target: 1}`"""

    per_hour: Annotated[Count, Field(ge=1, le=60)] = 3
    per_target: Annotated[Count, AfterValidator(_only_one)] = 1


class EscalateForm(_Strict):
    """`{after: 1}`"""

    after: Annotated[Count, Field(ge=1, le=10)] = 1


class StepForm(_Strict):
    """One of several steps. What it does not say of target, when, verify, undo and dependents, the playbook says."""

    name: PlainName
    action: ActionForm
    target: TargetForm | None = None
    when: PromQL | None = None
    verify: VerifyForm | None = None
    undo: Undo | None = None
    dependents: Dependents | None = None
    after: tuple[PlainName, ...] = Field(default=(), max_length=8)
    instead_of: PlainName | None = None


Steps = Annotated[tuple[StepForm, ...], Field(min_length=1, max_length=8), AfterValidator(checked)]


class PlaybookForm(_Strict):
    """One playbook file. Without `action` and `steps` it only observes."""

    name: PlainName
    match: Annotated[Matchers, AfterValidator(choosing)]
    target: TargetForm | None = None
    bind: tuple[LabelName, ...] = Field(default=(), max_length=10)
    when: PromQL | None = None
    evidence: Literal["alert"] | None = None
    unless: tuple[Name, ...] = Field(default=(), max_length=10)
    action: ActionForm | None = None
    verify: VerifyForm | None = None
    undo: Undo = "auto"
    dependents: Dependents = "leave"
    mode: Literal["observe", "approve", "auto"] = "observe"
    ceiling: Literal["observe", "approve", "auto"] = "auto"
    cooldown: Annotated[Duration, Field(ge=timedelta(seconds=1), le=_LONGEST_COOLDOWN)] = timedelta(minutes=10)
    limits: FrequencyForm = FrequencyForm()
    escalate: EscalateForm = EscalateForm()
    silence: StrictBool = False
    steps: Steps | None = None

    @model_validator(mode="after")
    def _acts_or_observes(self) -> "PlaybookForm":
        if self.action is not None and self.steps is not None:
            raise ValueError("`action` is for a playbook of one step, `steps` for one of several: take one of them out")
        if self.action is None and self.steps is None:
            self._check_observing()
        elif "bind" not in self.model_fields_set:
            raise ValueError("bind: give the labels of the alert that its queries are bound to, like [job, instance]")
        else:
            self._check_acting()
        return self

    def _check_observing(self) -> None:
        given = [key for key in _OF_ACTING if key in self.model_fields_set]
        if given:
            raise ValueError(f"{given[0]}: this playbook only observes, for it has neither `action` nor `steps`")
        if self.mode != "observe":
            raise ValueError(f"mode: {self.mode} needs an `action` or `steps`: without, a playbook only observes")

    def _check_acting(self) -> None:
        for step in self.written_steps:
            place = f"steps.{step.name}: " if step.name else ""
            for key in ("target", "verify"):
                if getattr(step, key) is None and getattr(self, key) is None:
                    raise ValueError(f"{place}{key}: an action needs it")
            if step.when is None and self.when is None and self.evidence is None:
                raise ValueError(f"{place}when: an action needs it, or `evidence: alert` to rest on the alert alone")
        self._check_dependents()
        if self.evidence is not None:
            self._check_resting_on_its_alert()
        if len(self.written_steps) > self.limits.per_hour:
            raise ValueError(
                f"limits.per_hour: {self.limits.per_hour} actions an hour do not suffice for "
                f"{len(self.written_steps)} steps: raise it to as many at least"
            )
        if Mode(self.ceiling).rank < Mode(self.mode).rank:
            raise ValueError(f"ceiling: {self.ceiling} is below its mode, {self.mode}: raise it, or lower the mode")
        if not self.bind:
            self._check_is_bound_by_itself()
        for place, query in self._queries():
            _check_can_be_bound(place, query, self.bind)

    def _check_dependents(self) -> None:
        """They are restarted after what starts its target anew; nothing else makes them lose it."""
        verbs = " and ".join(f"`{verb}`" for verb in sorted(STARTING_ANEW))
        for step in self.written_steps:
            if step.dependents == "restart" and step.action.verb not in STARTING_ANEW:
                raise ValueError(
                    f"steps.{step.name}.dependents: {step.action.verb} does not start its target anew, {verbs} do: "
                    "take it out"
                )
        is_wanted = self.dependents == "restart"
        if is_wanted and not any(self.restarts_dependents(step) for step in self.written_steps):
            raise ValueError(
                f"dependents: nothing that this playbook does starts its target anew, as {verbs} do: take it out"
            )

    def restarts_dependents(self, step: StepForm) -> bool:
        """Whether what depends on the step's target is restarted after it."""
        return step.action.verb in STARTING_ANEW and (step.dependents or self.dependents) == "restart"

    def _check_is_bound_by_itself(self) -> None:
        """Without labels of the alert its queries say themselves what they are about, and so does its target."""
        if any((step.target or self.target or TargetForm(name="x")).name is None for step in self.written_steps):
            raise ValueError("bind: with `target: {from: labels}` give the labels that its queries are bound to")
        for place, query in self._queries():
            selectors = promql.survey(promql.parse(query)).selectors
            loose = next((one for one in selectors if not _names_something(one)), None)
            if loose is not None:
                raise ValueError(
                    f"{place}: bind is empty, so each selector has to say itself what it is about, with "
                    f'label="value": `{loose.plain.prettify()}` does not'
                )

    def _check_resting_on_its_alert(self) -> None:
        if any(place.endswith("when") for place, _ in self._queries()):
            raise ValueError("evidence: with a `when` the query is the evidence: take one of them out")
        if self.escalate.after > 1 or len(self.written_steps) > 1:
            raise ValueError(
                "evidence: an alert that began before an action is no evidence for another one: several steps, and "
                "`escalate.after` above 1, need a `when`"
            )

    @property
    def written_steps(self) -> Sequence[StepForm]:
        """Its steps as they stand there; that of a playbook of one step has no name."""
        if self.action is not None:
            return (StepForm.model_construct(name="", action=self.action),)
        return self.steps or ()

    def _queries(self) -> Iterator[tuple[str, str]]:
        """Where each of its queries stands, and the query."""
        holders: tuple[PlaybookForm | StepForm, ...] = (self, *self.written_steps)
        for holder in holders:
            place = f"steps.{holder.name}." if isinstance(holder, StepForm) else ""
            if holder.when is not None:
                yield f"{place}when", holder.when
            if holder.verify is not None:
                yield f"{place}verify.query", holder.verify.query

    def to_playbook(self, *, is_builtin: bool = False, digest: str = "") -> Playbook:
        """As the rest of the house knows it."""
        return Playbook(
            name=PlaybookName(self.name),
            match=self.match,
            mode=Mode(self.mode),
            bind=self.bind,
            steps=tuple(self._step(form) for form in in_order(self.written_steps)),
            cooldown=self.cooldown,
            per_hour=self.limits.per_hour,
            unless=tuple(TargetName(name) for name in self.unless),
            escalate_after=self.escalate.after,
            silence=self.silence,
            is_builtin=is_builtin,
            ceiling=Mode(self.ceiling),
            digest=digest,
        )

    def _step(self, form: StepForm) -> PlaybookStep:
        target, when, verify = form.target or self.target, form.when or self.when, form.verify or self.verify
        if target is None or verify is None or (when is None and self.evidence is None):
            raise ValueError(f"step {form.name!r} lacks target, when or verify")  # checked when it was read
        return PlaybookStep(
            target=target.to_choice(),
            verb=form.action.verb,
            when=when or "",
            verify=verify.query,
            verify_for=verify.for_,
            verify_within=verify.within,
            name=form.name,
            scale=form.action.scale_by,
            undo=(form.undo or self.undo) == "auto",
            after=form.after,
            instead_of=form.instead_of or "",
            request=form.action.request,
            limits=None if form.action.limits is None else form.action.limits.new,
            dependents=self.restarts_dependents(form),
        )


def _names_something(selector: promql.Selector) -> bool:
    """Whether one of its labels, beside the metric's name, has to have one value."""
    matchers = selector.plain.matchers.matchers
    return any(str(one.op) == "MatchOp.Equal" and one.value and one.name != "__name__" for one in matchers)


def _check_can_be_bound(place: str, query: str, names: Sequence[str]) -> None:
    try:
        bind_query(query, names, dict.fromkeys(names, "x"))
    except BadRequestError as problem:
        raise ValueError(f"{place}: {problem}") from problem
    if not promql.survey(promql.parse(query)).selectors:
        raise ValueError(f"{place}: `{query}` asks for no metric: it is evidence of nothing")
