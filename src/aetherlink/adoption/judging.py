"""For each rule of a stack: would help with this playbook on that target, or why not. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from aetherlink.adoption import container_rules, target_rules
from aetherlink.adoption.drafts import Draft, exactly
from aetherlink.adoption.findings import Finding, Occasion
from aetherlink.adoption.recognising import Recognised, Watched, recognised
from aetherlink.adoption.stack import Stack, StackRule
from aetherlink.errors import BadRequestError
from aetherlink.model.playbooks import Playbook

_MOST_PLAYBOOKS = 200
_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 63


class Help(StrEnum):
    """What the agent could do for a rule."""

    HELPS = "would help"
    OBSERVES = "only observes"
    NOT = "would not help"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one rule. `drafts` are to be written, `playbooks` all that would take its alerts."""

    rule: StackRule
    help: Help
    playbooks: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    why: str = ""
    drafts: tuple[Draft, ...] = ()
    is_heartbeat: bool = False


_BY_KIND: Mapping[Watched, Callable[[Occasion], Finding]] = {
    Watched.UP: target_rules.of_up,
    Watched.PROBE: target_rules.of_probe,
    Watched.CONTAINER_ABSENT: container_rules.of_absence,
    Watched.CONTAINER_GONE: container_rules.of_gone,
    Watched.CONTAINER_RESTARTS: container_rules.of_restarts,
    Watched.CONTAINER_MEMORY: container_rules.of_memory,
    Watched.CONTAINER_CPU: container_rules.of_cpu,
}
_WHY_NOT: Mapping[Watched, str] = {
    Watched.NOT_SCRAPED: "it watches what is not scraped, which may run well: a restart of it could not be verified",
    Watched.DATABASE: "a database is restarted by people: it may be recovering",
    Watched.CONTAINER_OTHER: "a restart changes nothing about what it watches",
    Watched.HOST: "it watches the machine: there is no container to repair",
    Watched.KUBERNETES: "it watches Kubernetes, for which there is no executor yet",
    Watched.MONITORING: "it watches the monitoring itself, which the agent lives on and never touches",
}


def judged(stack: Stack, builtins: Sequence[Playbook]) -> tuple[Verdict, ...]:
    """A verdict for each rule, in their order. No two drafts have the same name."""
    often = Counter(rule.name for rule in stack.rules)
    verdicts = [_judge(stack, rule, builtins, is_unique=often[rule.name] == 1) for rule in stack.rules]
    return tuple(_bounded(_named_apart(verdicts)))


def _judge(stack: Stack, rule: StackRule, builtins: Sequence[Playbook], *, is_unique: bool) -> Verdict:
    try:
        expression = recognised(rule.expr)
    except BadRequestError as problem:
        return Verdict(rule, Help.NOT, why=f"its expression cannot be followed: {problem}")
    if expression.watched is Watched.HEARTBEAT:
        why = "it always fires: heard as a heartbeat, and missed when it stops"
        return Verdict(rule, Help.OBSERVES, why=why, is_heartbeat=True)
    builtin = next((one for one in builtins if one.matches({"alertname": rule.name, **rule.labels})), None)
    make = _BY_KIND.get(expression.watched)
    if make is None:
        return _without_repair(rule, expression, builtin)
    found = make(Occasion(stack, rule, expression, _match(rule, is_unique=is_unique), builtin))
    return _told(rule, found, builtin)


def _told(rule: StackRule, found: Finding, builtin: Playbook | None) -> Verdict:
    drafts = tuple(replace(one, name=_slug(one.name)) for one in found.drafts)
    problem = next((one.problem for one in drafts if one.problem), "")
    if problem:
        return Verdict(rule, Help.NOT, why=f"a playbook for it would be refused: {problem}")
    if found.builtin:
        return Verdict(rule, Help.HELPS, (found.builtin,), found.targets, found.why)
    if drafts:
        return Verdict(rule, Help.HELPS, tuple(one.name for one in drafts), found.targets, found.why, drafts)
    # A built-in playbook that goes by the alert's name alone would find no target either.
    return Verdict(rule, Help.NOT, () if builtin is None else (builtin.name,), why=found.why)


def _without_repair(rule: StackRule, expression: Recognised, builtin: Playbook | None) -> Verdict:
    """What is known by its name only, or not at all."""
    about = ", ".join(expression.metrics[:3]) or "no metric by name"
    known = _WHY_NOT.get(
        expression.watched, f"nothing is known about what it watches ({about}): write a playbook for it"
    )
    if builtin is None:
        return Verdict(rule, Help.NOT, why=known)
    if not builtin.steps:
        return Verdict(rule, Help.OBSERVES, (builtin.name,), why=known if expression.watched in _WHY_NOT else "")
    why = f"the built-in playbook {builtin.name} goes by the alert's name, and needs its target to be declared"
    return Verdict(rule, Help.NOT, (builtin.name,), why=f"{known}; {why}")


def _match(rule: StackRule, *, is_unique: bool) -> dict[str, str]:
    """How the alerts of the rule are told from others: by name, and by the rule's own labels where it has twins."""
    own = {} if is_unique else {name: value for name, value in rule.labels.items() if "{{" not in value and value}
    return {name: exactly(value) for name, value in {"alertname": rule.name, **own}.items()}


def _named_apart(verdicts: Iterable[Verdict]) -> Iterable[Verdict]:
    taken: set[str] = set()
    for verdict in verdicts:
        drafts = []
        for draft in verdict.drafts:
            name, number = draft.name, 2
            while name in taken:
                name, number = f"{draft.name[: _LONGEST_NAME - 4]}-{number}", number + 1
            taken.add(name)
            drafts.append(replace(draft, name=name))
        named = tuple(one.name for one in drafts)
        yield replace(verdict, drafts=tuple(drafts), playbooks=named) if drafts else verdict


def _bounded(verdicts: Iterable[Verdict]) -> Iterable[Verdict]:
    """Not more playbooks than a person could read."""
    count = 0
    for verdict in verdicts:
        count += len(verdict.drafts)
        if verdict.drafts and count > _MOST_PLAYBOOKS:
            yield Verdict(verdict.rule, Help.NOT, why=f"{_MOST_PLAYBOOKS} playbooks are proposed already")
        else:
            yield verdict


def _slug(text: str) -> str:
    words = _SLUG.sub("-", re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", text).lower()).strip("-")
    return words[:_LONGEST_NAME].strip("-") or "rule"
