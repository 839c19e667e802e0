"""A playbook tried on labels without touching anything: what matches, which target is chosen, what would be asked.

Called by the command line. It goes the same way as the stage plan, and stops where that would look at the outside.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aetherlink.errors import BadRequestError
from aetherlink.model.actions import Target
from aetherlink.model.decisions import Mode
from aetherlink.model.dependents import dependents_of
from aetherlink.model.findings import Finding
from aetherlink.model.ids import TargetName
from aetherlink.model.playbooks import Matcher, Playbook, PlaybookStep
from aetherlink.pipeline.choice import Wanted, chosen
from aetherlink.pipeline.choice import is_sought as is_sought_at
from aetherlink.pipeline.plan import lacking, unbound
from aetherlink.playbooks.binding import bind_query

_SEARCHED = "docker"  # the executor among whose containers targets are found


@dataclass(frozen=True, slots=True)
class Compared:
    """One matcher, and what the labels say."""

    matcher: Matcher
    actual: str
    fits: bool

    @property
    def words(self) -> str:
        """Both in one line."""
        said = f"the alert says {self.actual!r}" if self.actual else "the alert has no such label"
        return self.matcher.words if self.fits else f"{self.matcher.words}: {said}"


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """One step with its target and its bound queries, or why it could not be planned.

    `dependents` are restarted after it.
    """

    step: PlaybookStep
    target: TargetName | None
    when: str
    verify: str
    problem: str
    dependents: tuple[TargetName, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would come of one alert."""

    playbook: Playbook
    compared: tuple[Compared, ...]
    steps: tuple[RehearsedStep, ...]

    @property
    def is_match(self) -> bool:
        """Whether every matcher fits."""
        return all(one.fits for one in self.compared)

    @property
    def problems(self) -> Sequence[str]:
        """Why nothing would be planned; empty: it would."""
        if not self.is_match:
            return [one.words for one in self.compared if not one.fits]
        if not self.steps:
            return ["it only observes: a person is called"]
        return [each.problem for each in self.steps if each.problem]


@dataclass(frozen=True, slots=True)
class Meant:
    """What the labels mean by the settings: the service, the declared targets, and what was found among containers.

    `found` None: nobody looked.
    """

    service: str
    targets: Mapping[TargetName, Target]
    found: Finding | None = None


def rehearse(playbook: Playbook, labels: Mapping[str, str], meant: Meant) -> Rehearsal:
    """The playbook on these labels."""
    return Rehearsal(playbook, compared(playbook, labels), tuple(_steps(playbook, labels, meant)))


def compared(playbook: Playbook, labels: Mapping[str, str]) -> tuple[Compared, ...]:
    """Each matcher with what the labels say."""
    return tuple(Compared(one, labels.get(one.label, ""), one.matches(labels)) for one in playbook.match)


def needs(playbook: Playbook, mode: Mode) -> Iterator[str]:
    """What policy would want before the first step runs, one thing a line."""
    hourly = f"fewer than {playbook.per_hour} of its actions on the target within an hour"
    yield f"mode {mode}" + ("" if mode is Mode.AUTO else ": it does not act by itself")
    if any(step.when for step in playbook.steps):
        yield "`when` holds on fresh data at the moment of acting"
    else:
        yield "the alert fires at the moment of acting, was heard of or listed within the last 15 min"
        yield "it began more than a minute after the last action on the target had ended"
    yield f"{playbook.cooldown.total_seconds():g} s since its last action on the target, and {hourly}"
    if playbook.unless:
        yield f"none of these is broken itself: {', '.join(playbook.unless)}"
    yield "no action runs on the target, no pause and no other rule stands against it (docs/reference/policy.md)"


def _steps(playbook: Playbook, labels: Mapping[str, str], meant: Meant) -> Iterator[RehearsedStep]:
    for step in playbook.steps:
        is_sought = is_sought_at(step.target, _SEARCHED)
        wanted = Wanted(step.target, meant.targets, meant.service)
        target = chosen(meant.found if is_sought else None, wanted, _SEARCHED)
        if isinstance(target, str) and meant.found is None and step.target.executor == _SEARCHED:
            target = f"{target}; nobody has looked among Docker's containers yet (--ask does)"
        name, problem = (None, target) if isinstance(target, str) else (target.name, lacking(target, step))
        problem = problem or unbound(meant.found if is_sought else None, playbook, step)
        when = verify = ""
        try:
            verify = bind_query(step.verify, playbook.bind, labels)
            when = bind_query(step.when, playbook.bind, labels) if step.when else ""
        except BadRequestError as wrong:
            problem = "; ".join(filter(None, (problem, str(wrong))))
        later = dependents_of(meant.targets, name) if name is not None and step.dependents else ()
        yield RehearsedStep(step, name, when, verify, problem, later)
