"""A playbook: which alerts it is for, what it may do, and what proves that it worked."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from aetherlink.model.actions import CPU, NO_LIMITS, Limits, Verb
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName, TargetName

LONGEST_MATCHED = 1000
"""Characters of a label that a pattern is matched against. A longer one satisfies no pattern, `!~` neither."""

_MEMORY_STEP = 2**20  # bytes
_CPU_STEP = CPU // 100
_NAMES = re.compile(r"\w+(?:\|\w+)*", re.ASCII)


class MatchOperator(StrEnum):
    """Alertmanager's four matcher operators."""

    EQUAL = "="
    NOT_EQUAL = "!="
    PATTERN = "=~"
    NOT_PATTERN = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One matcher on one label; a label that is absent counts as empty, as Alertmanager has it."""

    label: str
    operator: MatchOperator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy it; patterns are anchored at both ends."""
        actual = labels.get(self.label, "")
        match self.operator:
            case MatchOperator.EQUAL:
                return actual == self.value
            case MatchOperator.NOT_EQUAL:
                return actual != self.value
            case MatchOperator.PATTERN:
                return len(actual) <= LONGEST_MATCHED and self._fits(actual)
            case MatchOperator.NOT_PATTERN:
                return len(actual) <= LONGEST_MATCHED and not self._fits(actual)

    def _fits(self, actual: str) -> bool:
        """Whether the pattern does; a dot is also a line's end, as Prometheus has it: else `!~` could be got around."""
        return re.fullmatch(self.value, actual, re.DOTALL) is not None

    @property
    def words(self) -> str:
        """As Alertmanager writes it."""
        return f"{self.label}{self.operator.value}{json.dumps(self.value, ensure_ascii=False)}"

    @property
    def only_values(self) -> frozenset[str] | None:
        """The values that satisfy it where they can be listed; None: any may."""
        if self.operator is MatchOperator.EQUAL:
            return frozenset([self.value])
        is_list = self.operator is MatchOperator.PATTERN and _NAMES.fullmatch(self.value)
        return frozenset(self.value.split("|")) if is_list else None


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """The target of a step: one by name, or the one declared target whose service or name the alert's service is.

    `executor` narrows the second to targets of that executor; empty: of any.
    """

    name: TargetName | None = None
    executor: str = ""

    @property
    def is_from_labels(self) -> bool:
        """Whether the alert's labels say which one it is."""
        return self.name is None

    @property
    def words(self) -> str:
        """The choice in a few words, for people."""
        return self.name or "the target that the alert's labels name"


@dataclass(frozen=True, slots=True)
class ScaleBy:
    """How many replicas more or less, and the bounds that the playbook itself keeps; None: the target's alone."""

    by: int
    minimum: int | None = None
    maximum: int | None = None

    def applied(self, wanted: int) -> int:
        """The number to wish for where so many are wanted now; never beyond a bound of the playbook's."""
        count = wanted + self.by
        if self.minimum is not None:
            count = max(count, self.minimum)
        return count if self.maximum is None else min(count, self.maximum)


@dataclass(frozen=True, slots=True)
class NewLimits:
    """The limits to wish for: `limits` as they are given, else larger by these shares of what there is (0: not)."""

    limits: Limits = NO_LIMITS
    memory_by: float = 0.0
    cpus_by: float = 0.0

    def applied(self, now: Limits, most: Limits) -> Limits:
        """Those to wish for where these are in force; what grows stops at `most`, where there is one."""
        memory = _grown(now.memory, self.memory_by, most.memory, _MEMORY_STEP)
        nano_cpus = _grown(now.nano_cpus, self.cpus_by, most.nano_cpus, _CPU_STEP)
        return Limits(self.limits.memory or memory, self.limits.nano_cpus or nano_cpus)


def _grown(now: int, by: float, most: int, step: int) -> int:
    if not by or not now:
        return 0
    grown = -(-round(now * (1 + by)) // step) * step
    return min(grown, max(most, now)) if most else grown


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """One step: what is done, and what proves that it helped. Queries are templates until they are bound.

    An empty `when`: the alert alone is the evidence for it.

    It runs once the steps in `after` have helped; or, when `instead_of` names one, only where that one did not.
    `request` belongs to http: the name of the target's request, `limits` to limits. With `dependents` what depends on
    its target is restarted once it has helped.
    """

    target: TargetChoice
    verb: Verb
    when: str
    verify: str
    verify_for: timedelta
    verify_within: timedelta
    name: str = ""
    scale: ScaleBy | None = None
    undo: bool = True
    after: tuple[str, ...] = ()
    instead_of: str = ""
    request: str = ""
    limits: NewLimits | None = None
    dependents: bool = False

    @property
    def words(self) -> str:
        """What it does in a few words, for people: `restart crm-api`, `http purge crm-cache`."""
        return f"{self.deed} {self.target.words}"

    @property
    def deed(self) -> str:
        """The verb, with the request's name where it sends one."""
        return f"{self.verb} {self.request}" if self.request else self.verb


@dataclass(frozen=True, slots=True)
class Playbook:
    """One playbook, validated; `steps` in an order that keeps to what each runs after. None: it only observes.

    `ceiling` is the most that it may be promoted to. `digest` is SHA-256 in hex over what stands in its file; empty:
    not known.
    """

    name: PlaybookName
    match: tuple[Matcher, ...]
    mode: Mode
    bind: tuple[str, ...]
    steps: tuple[PlaybookStep, ...]
    cooldown: timedelta
    per_hour: int
    unless: tuple[TargetName, ...] = ()
    escalate_after: int = 1
    silence: bool = False
    is_builtin: bool = False
    ceiling: Mode = Mode.AUTO
    digest: str = ""

    @property
    def alert_names(self) -> frozenset[str] | None:
        """The alert names that it can do something about; None: any."""
        if not self.steps:
            return frozenset()
        listed = [one.only_values for one in self.match if one.label == "alertname"]
        return next((names for names in listed if names is not None), None)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every matcher is satisfied."""
        return all(matcher.matches(labels) for matcher in self.match)

    def following(self, name: str, *, helped: bool) -> PlaybookStep | None:
        """The step that comes after this one: the next that waits for it, or the one in its place when it failed.

        What was done in the place of a step counts as that step, for those that wait for it.
        """
        if not helped:
            return next((step for step in self.steps if step.instead_of == name), None)
        done = self._stood_for(name)
        place = [step.name for step in self.steps].index(name)
        later = (step for step in self.steps[place + 1 :] if not step.instead_of)
        return next((step for step in later if step.name not in done), None)

    def _stood_for(self, name: str) -> set[str]:
        """This step, and those in whose place it was done."""
        names = {name}
        while (step := next(one for one in self.steps if one.name == name)).instead_of:
            name = step.instead_of
            names.add(name)
        return names
