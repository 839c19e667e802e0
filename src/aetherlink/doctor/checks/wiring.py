"""Whether every alert is led to the agent, and whether those who were told before it came are told still.

Every rule that is loaded is followed through Alertmanager's routes as it would follow an alert of it, and one alert for
each route; once as the routes are, and once as they were without the agent.
"""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice

from aetherlink.clients.alertmanager_setup import AlertmanagerSetup
from aetherlink.clients.credentials import connection_of
from aetherlink.clients.prometheus_setup import PrometheusSetup
from aetherlink.clients.source_options import SourceOptions
from aetherlink.doctor import agent_receiver
from aetherlink.doctor.findings import Finding, fault, not_checked, ok, warning
from aetherlink.doctor.looking import Ground, Look, aside
from aetherlink.doctor.routing import Labels, Routing, example, read_routing
from aetherlink.doctor.words import some
from aetherlink.errors import AetherError
from aetherlink.model.alerts import OWN_ALERTS, TEST_ALERT
from aetherlink.settings import Settings

Probe = tuple[str, Labels]
"""What is followed, in words, and its labels."""

_ANY: Probe = ("an alert that no route knows", {"alertname": "AetherProbe"})
_KEPT_APART = frozenset({*OWN_ALERTS, TEST_ALERT})
_FIX = "docs/how-to/connect-alertmanager.md shows the routes: the agent's first, with `continue: true`"
_MOST_PROBES = 2000


def looks(ground: Ground) -> Iterator[Look]:
    """One for each Alertmanager."""
    for source in ground.settings.sources:
        for url in source.alertmanagers:
            yield Look(f"{url} of source {source.name}", partial(_look, ground, source, url))


async def _look(ground: Ground, source: SourceOptions, url: str) -> Sequence[Finding]:
    settings = ground.settings
    async with aclosing(AlertmanagerSetup(url, settings.clients, connection_of(source))) as setup:
        try:
            text = (await setup.state()).config
        except AetherError:
            return [not_checked("its routes: it does not answer")]
    routing = await aside(partial(read_routing, text))
    others = {one.name for one in settings.sources} - {source.name}
    found = agent_receiver.find(routing, source, others, is_tried=ground.test_alert_wait is not None)
    if not found.names:
        return found.findings
    rules = await _of_rules(settings, source)
    return [*found.findings, *await aside(partial(_followed, routing, found.names, rules))]


async def _of_rules(settings: Settings, source: SourceOptions) -> Sequence[Probe]:
    """The labels of the alerts that its rules make, as far as the rules themselves tell them."""
    async with aclosing(PrometheusSetup(source.prometheus, settings.clients, connection_of(source))) as setup:
        try:
            rules = await setup.rules()
        except AetherError:
            return []
    return [
        (rule.name, {**{name: each for name, each in rule.labels.items() if "{{" not in each}, "alertname": rule.name})
        for rule in rules
        if rule.is_alerting
    ]


def _followed(routing: Routing, names: frozenset[str], rules: Sequence[Probe]) -> Sequence[Finding]:
    wanted = [(name, labels) for name, labels in rules if name not in _KEPT_APART]
    return [
        *_arriving(routing, names, wanted),
        *_looped(routing, names),
        *_kept(routing, names, [*wanted, *_one_for_each_route(routing)]),
        *_odd(routing, names),
    ]


def _arriving(routing: Routing, names: frozenset[str], rules: Sequence[Probe]) -> Iterator[Finding]:
    probes = [*rules, _ANY]
    lost = [name for name, labels in probes if names.isdisjoint(routing.hearing(labels))]
    if len(lost) == len(probes):
        yield fault("no route leads any alert to the agent", _FIX)
    elif lost:
        text = f"{len(lost)} of {len(probes)} kinds of alerts do not reach the agent: {some(dict.fromkeys(lost))}"
        yield warning(text, f"{_FIX}, and without matchers that keep them away")
    else:
        yield ok(f"every alert is led to the agent{f', those of {len(rules)} rules' if rules else ''}")


def _looped(routing: Routing, names: frozenset[str]) -> Iterator[Finding]:
    looped = [name for name in OWN_ALERTS if not names.isdisjoint(routing.hearing({"alertname": name}))]
    if looped:
        fix = (
            f'give the agent\'s route the matcher alertname!~"{"|".join(OWN_ALERTS)}", and let somebody else hear them'
        )
        yield warning(f"{some(looped)} is sent to the agent, which then cannot hear it", fix)


def _kept(routing: Routing, names: frozenset[str], probes: Sequence[Probe]) -> Iterator[Finding]:
    if routing.root.receiver in names:
        yield warning(
            "whatever no other route takes goes to the agent alone: no person is told of it",
            "let the root route name a receiver that tells people, and give the agent a route of its own",
        )
    taken: dict[str, list[str]] = {}
    for name, labels in probes:
        for receiver in routing.lost_by(names, labels):
            taken.setdefault(receiver, []).append(name)
    for receiver, alerts in taken.items():
        fix = f"give the agent's route `continue: true`, and after it a route `- receiver: {receiver}`"
        named = some(dict.fromkeys(alerts))
        yield fault(f"receiver {receiver} is not told any more, because of the agent's route, of: {named}", fix)
    if not taken:
        yield ok("nothing is taken from the other receivers")


def _one_for_each_route(routing: Routing) -> Iterator[Probe]:
    for route, matchers in islice(routing.root.walk(), _MOST_PROBES):
        labels = example(matchers)
        if labels is not None and labels.get("alertname") not in _KEPT_APART:
            yield f"what {route.place} matches", {"alertname": "AetherProbe", **labels}


def _odd(routing: Routing, names: frozenset[str]) -> Iterator[Finding]:
    unread = [f"{route.place} ({route.problem})" for route, _ in routing.root.walk() if route.problem]
    if unread:
        fix = "`amtool config routes test` follows an alert through them"
        yield warning(f"matchers that are not understood here, so that these routes were left out: {some(unread)}", fix)
    timed = [route.place for route, _ in routing.root.walk() if route.receiver in names and route.is_timed]
    if timed:
        fix = "take its mute_time_intervals or active_time_intervals out: `freezes` keeps the agent from acting"
        yield warning(f"the agent is told at certain times only: {some(timed)}", fix)
