"""What is asked about a rule, and what is found: the words between judging and those who know one kind of rules."""

from collections.abc import Mapping
from dataclasses import dataclass

from aetherlink.adoption.drafts import Draft
from aetherlink.adoption.recognising import Recognised
from aetherlink.adoption.stack import Stack, StackRule, Workload
from aetherlink.model.playbooks import Playbook


@dataclass(frozen=True, slots=True)
class Occasion:
    """A rule that is understood. `match` tells its alerts from others, `builtin` is the playbook there for its name."""

    stack: Stack
    rule: StackRule
    expression: Recognised
    match: Mapping[str, str]
    builtin: Playbook | None

    def carries(self, label: str) -> bool:
        """Whether its alerts can have this label with the value of the series, and not one that the rule makes up."""
        return label not in self.rule.labels and self.expression.carried.may_have(label)


@dataclass(frozen=True, slots=True)
class Finding:
    """Playbooks to write for these targets, or a built-in one; `why` says what is left out, or why all of it is."""

    drafts: tuple[Draft, ...] = ()
    targets: tuple[str, ...] = ()
    why: str = ""
    builtin: str = ""


def refused(workload: Workload) -> str:
    """Why the agent does not repair it by itself; empty where it may."""
    if workload.why_not:
        return f"{workload.name} {workload.why_not}"
    return f"{workload.name} keeps data, and is restarted by people" if workload.is_store else ""
