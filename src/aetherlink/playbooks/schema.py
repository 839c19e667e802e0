"""How a playbook is written in YAML, and how it becomes the model's Playbook. Unknown keys are refused."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aetherlink.lib import promql
from aetherlink.lib.option_types import Duration, PromQL
from aetherlink.model.actions import Verb
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.model.playbooks import Matcher, MatchOperator, Playbook, PlaybookStep, ScaleBy, TargetChoice

_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
_LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"


def _check_pattern(matchers: dict[str, str]) -> dict[str, str]:
    for label, value in matchers.items():
        operator, pattern = split_matcher(value)
        if operator in (MatchOperator.PATTERN, MatchOperator.NOT_PATTERN):
            try:
                re.compile(pattern)
            except re.error as problem:
                raise ValueError(f"the pattern {pattern!r} of label {label!r} does not compile: {problem}") from problem
    return matchers


def split_matcher(value: str) -> tuple[MatchOperator, str]:
    """`=~vip-.*` as operator and value; a value without an operator is matched exactly."""
    for operator in (MatchOperator.PATTERN, MatchOperator.NOT_PATTERN, MatchOperator.NOT_EQUAL, MatchOperator.EQUAL):
        if value.startswith(operator.value):
            return operator, value.removeprefix(operator.value)
    return MatchOperator.EQUAL, value


Matchers = Annotated[dict[str, str], Field(min_length=1), AfterValidator(_check_pattern)]
LabelName = Annotated[str, Field(pattern=_LABEL)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RestartForm(_Strict):
    """`restart: {}`"""


class RollbackForm(_Strict):
    """`rollback: {}`"""


class ScaleForm(_Strict):
    """`scale: {by: 1}`"""

    by: Annotated[int, Field(ge=-10, le=10)]


class ActionForm(_Strict):
    """Exactly one verb with its parameters."""

    restart: RestartForm | None = None
    scale: ScaleForm | None = None
    rollback: RollbackForm | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "ActionForm":
        if len(self.model_fields_set) != 1:
            raise ValueError("an action has exactly one verb: restart, scale or rollback")
        return self

    @property
    def verb(self) -> Verb:
        """The verb that was given."""
        return Verb(next(iter(self.model_fields_set)))


class VerifyForm(_Strict):
    """`{query: 'up == 1', for: 3s, within: 60s}`"""

    query: PromQL
    for_: Annotated[Duration, Field(alias="for")] = timedelta(0)
    within: Duration = timedelta(seconds=60)

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


class LimitsForm(_Strict):
    """`{per_hour: 3}`"""

    per_hour: Annotated[int, Field(ge=1, le=60)] = 3


class PlaybookForm(_Strict):
    """One playbook file."""

    name: Annotated[str, Field(pattern=_NAME)]
    match: Matchers
    target: Annotated[str, Field(pattern=_NAME)]
    bind: tuple[LabelName, ...] = Field(min_length=1)
    when: PromQL
    action: ActionForm
    verify: VerifyForm
    mode: Literal["observe", "approve", "auto"] = "observe"
    cooldown: Duration = timedelta(minutes=10)
    limits: LimitsForm = LimitsForm()

    def to_playbook(self) -> Playbook:
        """As the rest of the house knows it."""
        return Playbook(
            name=PlaybookName(self.name),
            match=tuple(Matcher(label, *split_matcher(value)) for label, value in self.match.items()),
            mode=Mode(self.mode),
            bind=self.bind,
            steps=(
                PlaybookStep(
                    target=TargetChoice(TargetName(self.target)),
                    verb=self.action.verb,
                    when=self.when,
                    verify=self.verify.query,
                    verify_for=self.verify.for_,
                    verify_within=self.verify.within,
                    scale=None if self.action.scale is None else ScaleBy(self.action.scale.by),
                ),
            ),
            cooldown=self.cooldown,
            per_hour=self.limits.per_hour,
        )
