"""A playbook: which alerts it is for, what it may do, and what proves that it worked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from aetherlink.model.actions import Verb
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName, TargetName


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
                return re.fullmatch(self.value, actual) is not None
            case MatchOperator.NOT_PATTERN:
                return re.fullmatch(self.value, actual) is None


@dataclass(frozen=True, slots=True)
class Playbook:
    """One playbook, validated. Queries are templates until they are bound to an alert's labels."""

    name: PlaybookName
    match: tuple[Matcher, ...]
    target: TargetName
    verb: Verb
    mode: Mode
    bind: tuple[str, ...]
    when: str
    verify: str
    verify_for: timedelta
    verify_within: timedelta
    cooldown: timedelta
    per_hour: int
    scale_by: int = 0

    @property
    def alert_names(self) -> frozenset[str] | None:
        """The alert names that it can match at all; None: any."""
        wanted = [one.value for one in self.match if (one.label, one.operator) == ("alertname", MatchOperator.EQUAL)]
        return frozenset(wanted[:1]) if wanted else None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every matcher is satisfied."""
        return all(matcher.matches(labels) for matcher in self.match)
