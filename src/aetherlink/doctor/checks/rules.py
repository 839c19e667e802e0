"""Whether rules are loaded and can be evaluated: without them nothing ever fires."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial

from aetherlink.clients.credentials import connection_of
from aetherlink.clients.prometheus_setup import PrometheusSetup, Rule
from aetherlink.clients.source_options import SourceOptions
from aetherlink.doctor.findings import Finding, fault, not_checked, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.doctor.words import some
from aetherlink.errors import AetherError
from aetherlink.model.alerts import OWN_ALERTS
from aetherlink.settings import Settings


def looks(ground: Ground) -> Iterator[Look]:
    """One for each source."""
    for source in ground.settings.sources:
        subject = f"{source.prometheus} of source {source.name}"
        yield Look(subject, partial(_look, ground.settings, source))


async def _look(settings: Settings, source: SourceOptions) -> Sequence[Finding]:
    async with aclosing(PrometheusSetup(source.prometheus, settings.clients, connection_of(source))) as setup:
        try:
            rules = await setup.rules()
        except AetherError as problem:
            return [not_checked(f"its rules cannot be told: {problem}")]
    alerting = [rule for rule in rules if rule.is_alerting]
    return [*_loaded(alerting, len(rules) - len(alerting)), *_failing(rules), *_watched(source, settings, alerting)]


def _loaded(alerting: Sequence[Rule], recording: int) -> Iterator[Finding]:
    if alerting:
        yield ok(f"{len(alerting)} alerting rules and {recording} recording rules are loaded")
    else:
        fix = "load some with `rule_files` of its configuration; monitoring/rules holds the agent's own"
        yield fault("it has no alerting rule: nothing will ever fire", fix)


def _failing(rules: Sequence[Rule]) -> Iterator[Finding]:
    failing = [f"{rule.name} ({rule.lastError[:200]})" for rule in rules if rule.health == "err"]
    if failing:
        yield fault(f"rules that cannot be evaluated: {some(failing)}", "mend them: they never fire like this")


def _watched(source: SourceOptions, settings: Settings, alerting: Sequence[Rule]) -> Iterator[Finding]:
    """Who tells when the agent is down is asked of the first source only: one is enough."""
    missing = [name for name in OWN_ALERTS if name not in {rule.name for rule in alerting}]
    if source.name == settings.main_source and missing:
        yield warning(
            f"nobody is told when the agent is down or blind: there is no rule {some(missing)}",
            "load monitoring/rules/alerts_watch.yml, and route its alerts past the agent",
        )
