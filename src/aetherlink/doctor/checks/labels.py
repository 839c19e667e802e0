"""Whether the alerts that came in say for whom they are, of what, and on which target a playbook would act."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aetherlink import outside
from aetherlink.doctor.findings import Finding, not_checked, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look, aside
from aetherlink.doctor.words import share, some
from aetherlink.errors import AetherError, BadRequestError, UnreachableError
from aetherlink.model.playbooks import Playbook, PlaybookStep
from aetherlink.pipeline import choice
from aetherlink.pipeline.plan import lacking, unbound
from aetherlink.playbooks.binding import bind_query
from aetherlink.ports import TargetFinder
from aetherlink.settings import Settings

_LATEST = 500
_MOST_SOUGHT = 50  # alerts whose target is looked for among containers
_MUCH = 0.2
_SAY_NOTHING = frozenset({"alertname", "severity", "instance", "job", "prometheus", "monitor"})


@dataclass(frozen=True, slots=True)
class Heard:
    """An alert as the agent understood it."""

    name: str
    tenant: str
    service: str
    labels: Mapping[str, str]


def looks(ground: Ground) -> Iterator[Look]:
    """One look."""
    yield Look(f"the latest {_LATEST} alerts", partial(_look, ground))


async def _look(ground: Ground) -> Sequence[Finding]:
    query = urlencode({"limit": _LATEST, "suppressed": "false"})
    try:
        page = await ground.agent.page(f"/api/v1/alerts?{query}")
    except UnreachableError as problem:
        return [await ground.agent.unheard("what alerts say", problem)]
    except AetherError as problem:
        return [not_checked(f"what alerts say cannot be asked for: {problem}")]
    settings = ground.settings
    heard = await aside(partial(_heard, settings, page.get("items", [])))
    if not heard:
        return [not_checked("what alerts say: none has come in yet")]
    return [_tenants(heard), _services(heard), *await _targets(settings, heard)]


def _heard(settings: Settings, items: Iterable[Mapping[str, Any]]) -> list[Heard]:
    own = {source.name: source.labels for source in settings.sources}
    found = []
    for item in items:
        labels = {**own.get(str(item.get("source")), {}), **item.get("labels", {})}
        name, tenant = str(item.get("name", "")), str(item.get("tenant", ""))
        found.append(Heard(name, tenant, outside.service_of(settings, labels), labels))
    return found


def _tenants(heard: Sequence[Heard]) -> Finding:
    without = [one for one in heard if not one.tenant]
    if not without:
        return ok(f"all {len(heard)} alerts name a tenant")
    text = f"{share(len(without), len(heard))} of the alerts name no tenant"
    if len(without) == len(heard):
        return not_set_up(text, "fine where there is one only; else name the label that does in labels.tenant")
    return _by_share(f"{text}: {_named(without)}", without, heard, "tenant")


def _services(heard: Sequence[Heard]) -> Finding:
    without = [one for one in heard if not one.service]
    if not without:
        return ok(f"all {len(heard)} alerts name a service")
    text = f"{share(len(without), len(heard))} of the alerts name no service: {_named(without)}"
    return _by_share(text, without, heard, "service")


def _by_share(text: str, without: Sequence[Heard], heard: Sequence[Heard], meaning: str) -> Finding:
    """A few of them are as they are: of the machine, of monitoring itself."""
    if len(without) < _MUCH * len(heard):
        return ok(text)
    counts = Counter(label for one in without for label in one.labels if label not in _SAY_NOTHING)
    common = [f"{label} ({count})" for label, count in counts.most_common(5)]
    they_have = f"; they have: {', '.join(common)}" if common else ""
    return warning(text, f"name the label that says it in labels.{meaning}, or let the rules set one{they_have}")


@dataclass(frozen=True, slots=True)
class Matched:
    """An alert with the playbook that matches it first, which has a step at least."""

    alert: Heard
    playbook: Playbook

    @property
    def step(self) -> PlaybookStep:
        """The one that would be planned first."""
        return self.playbook.steps[0]


async def _targets(settings: Settings, heard: Sequence[Heard]) -> Sequence[Finding]:
    """As the stage plan finds them."""
    matched = await aside(lambda: list(_matched(settings, heard)))
    if not matched:
        return [not_set_up("no alert that came in matches a playbook that acts", "docs/how-to/write-a-playbook.md")]
    opened = outside.finder(settings)
    try:
        finder = None if opened is None else opened.finder
        asked = matched if finder is None else matched[:_MOST_SOUGHT]
        reasons = [(one, await _why_none(finder, settings, one)) for one in asked]
    except AetherError as problem:
        return [not_checked(f"which containers the alerts mean: {problem}")]
    finally:
        if opened is not None:
            await opened.aclose()
    return [_by_reasons([(one, reason) for one, reason in reasons if reason], len(asked))]


def _matched(settings: Settings, heard: Sequence[Heard]) -> Iterator[Matched]:
    playbooks = outside.book(settings).playbooks
    for one in heard:
        playbook = next((each for each in playbooks if each.matches(one.labels)), None)
        if playbook is not None and playbook.steps:
            yield Matched(one, playbook)


async def _why_none(finder: TargetFinder | None, settings: Settings, one: Matched) -> str:
    """Why the alert leads to no target of which evidence can be asked; empty where it does."""
    wanted = choice.Wanted(one.step.target, settings.declared_targets, one.alert.service)
    found = await choice.find(finder, wanted, one.alert.labels, since=None)
    target = choice.chosen(found, wanted, "" if finder is None else finder.executor)
    if isinstance(target, str):
        problem = target
    else:
        problem = lacking(target, one.step) or unbound(found, one.playbook, one.step) or _why_not_bound(one)
    return f"playbook {one.playbook.name}: {problem}" if problem else ""


def _why_not_bound(one: Matched) -> str:
    """Why the queries cannot be asked for this alert; empty where they can."""
    try:
        for query in filter(None, (one.step.when, one.step.verify)):
            bind_query(query, one.playbook.bind, one.alert.labels)
    except BadRequestError as problem:
        return f"cannot be bound: {problem}"
    return ""


def _by_reasons(lost: Sequence[tuple[Matched, str]], asked: int) -> Finding:
    if not lost:
        return ok(f"all {asked} alerts that match a playbook lead to a target")
    reasons = some(dict.fromkeys(reason for _, reason in lost))
    text = f"{share(len(lost), asked)} of the alerts that match a playbook lead to no target: {reasons}"
    return warning(
        text,
        "declare the target under `targets`, label its container, or name in labels.service what the alerts call it; "
        "where a query cannot be bound, let the alert carry the label, or change the playbook's `bind`",
    )


def _named(alerts: Iterable[Heard]) -> str:
    return some(dict.fromkeys(one.name for one in alerts))
