"""Which target a step is for: the one that it names, or the one that the alert's labels mean. Never several, never all.

Where labels speak of a container, Docker's list has the first word: a service of that name in another project is
another target. What it has no word on is asked of the declared targets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherlink.errors import AetherError
from aetherlink.model.actions import Target
from aetherlink.model.findings import Finding
from aetherlink.model.ids import TargetName
from aetherlink.model.playbooks import TargetChoice
from aetherlink.ports import TargetFinder

LOOK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step's choice among these declared targets, for an alert whose labels name this service."""

    choice: TargetChoice
    targets: Mapping[TargetName, Target]
    service: str

    def besides(self, executor: str) -> "Wanted":
        """Without the targets of that executor."""
        others = {name: target for name, target in self.targets.items() if target.executor != executor}
        return Wanted(self.choice, others, self.service)


async def find(
    finder: TargetFinder | None, wanted: Wanted, labels: Mapping[str, str], *, since: datetime | None
) -> Finding | None:
    """What an alert's labels mean among what runs; None where nobody looks there for the step's target.

    `since` is when it began, where that is known.

    An executor whose list cannot be had keeps no target of another one waiting for longer than a look. Raises
    UnreachableError, NotFoundError or AnswerError.
    """
    if finder is None or not is_sought(wanted.choice, finder.executor):
        return None
    try:
        return await finder.find(labels, since=since, deadline=LOOK)
    except AetherError:
        if isinstance(other := declared(wanted.besides(finder.executor)), Target):
            return Finding(other, f"the labels name the service {wanted.service!r}")
        raise


def is_sought(choice: TargetChoice, executor: str) -> bool:
    """Whether the step's target may be found among what runs at that executor."""
    return choice.is_from_labels and choice.executor in ("", executor)


def chosen(finding: Finding | None, wanted: Wanted, executor: str) -> Target | str:
    """The target, or why there is none. `finding` is what was found at the executor; None: nobody looked there."""
    if finding is None:
        return declared(wanted)
    if finding.target is not None:
        return finding.target
    other = declared(wanted.besides(executor) if finding.is_named else wanted)
    if isinstance(other, Target):
        return other
    return finding.words if finding.is_named else f"{finding.words}, and {other}"


def declared(wanted: Wanted) -> Target | str:
    """The one declared target that the step is for, or why there is none."""
    choice, service, targets = wanted.choice, wanted.service, wanted.targets
    if choice.name is not None:
        return targets.get(choice.name) or f"no target {choice.name!r} is configured under `targets`"
    found = [
        target
        for target in targets.values()
        if service and service in (target.name, target.service) and choice.executor in ("", target.executor)
    ]
    match found:
        case [target]:
            return target
        case []:
            return f"no target under `targets` has the name or the service {service!r} that the alert's labels name"
        case _:
            names = ", ".join(sorted(target.name for target in found))
            return f"several targets have the service {service!r} that the alert's labels name: {names}"
