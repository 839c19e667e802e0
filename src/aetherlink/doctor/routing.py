"""Alertmanager's tree of routes, read from its file, and who hears of an alert by it. No I/O.

What cannot be read the way Alertmanager reads it is named, and never guessed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec
import yaml

from aetherlink.errors import AnswerError
from aetherlink.lib.durations import parse_duration
from aetherlink.model.playbooks import Matcher, MatchOperator
from aetherlink.playbooks.matchers import parse_matcher, read_matchers

Labels = Mapping[str, str]

_LARGEST = 1 << 20  # characters
_DEEPEST = 50
_UNREADABLE = (yaml.YAMLError, msgspec.ValidationError, RecursionError, ValueError)
_GROUP_WAIT = timedelta(seconds=30)  # Alertmanager's own


class Webhook(msgspec.Struct, frozen=True):
    """One webhook of a receiver. `url` is `<secret>` where Alertmanager keeps it to itself."""

    url: str = ""
    url_file: str = ""
    send_resolved: bool = True
    max_alerts: int = 0


class Receiver(msgspec.Struct, frozen=True):
    """Who is told."""

    name: str
    webhook_configs: tuple[Webhook, ...] = ()


class _WireRoute(msgspec.Struct):
    """Keys that say nothing of who hears are left out."""

    receiver: str = ""
    match: dict[str, str] | None = None
    match_re: dict[str, str] | None = None
    matchers: list[str] | None = None
    goes_on: bool = msgspec.field(default=False, name="continue")
    routes: "list[_WireRoute] | None" = None
    group_wait: str = ""
    mute_time_intervals: list[str] | None = None
    active_time_intervals: list[str] | None = None


class _WireConfig(msgspec.Struct):
    route: _WireRoute
    receivers: list[Receiver]


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree. `place` names it for people; `problem` says why its matchers cannot be read."""

    place: str
    receiver: str
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False
    routes: tuple["Route", ...] = ()
    group_wait: timedelta = _GROUP_WAIT
    is_timed: bool = False
    problem: str = ""

    def matches(self, labels: Labels) -> bool:
        """Whether it takes such an alert; what cannot be read takes none."""
        return not self.problem and all(matcher.matches(labels) for matcher in self.matchers)

    def leads_to(self, labels: Labels) -> list["Route"]:
        """The routes at which such an alert ends up, as Alertmanager finds them; none where it takes none."""
        if not self.matches(labels):
            return []
        found: list[Route] = []
        for route in self.routes:
            below = route.leads_to(labels)
            found += below
            if below and not route.goes_on:
                break
        return found or [self]

    def without(self, receivers: Collection[str]) -> "Route":
        """The tree as it would be had nobody added routes to these receivers."""
        kept = (route.without(receivers) for route in self.routes if not route.is_only_for(receivers))
        return replace(self, routes=tuple(kept))

    def is_only_for(self, receivers: Collection[str]) -> bool:
        """Whether nobody else is told below it."""
        return self.receiver in receivers and all(route.is_only_for(receivers) for route in self.routes)

    def walk(self, above: tuple[Matcher, ...] = ()) -> Iterator[tuple["Route", tuple[Matcher, ...]]]:
        """Every route, each with its matchers and those above it."""
        matchers = (*above, *self.matchers)
        yield self, matchers
        for route in self.routes:
            yield from route.walk(matchers)


@dataclass(frozen=True, slots=True)
class Routing:
    """What the file says of who is told."""

    root: Route
    receivers: Mapping[str, Receiver] = field(default_factory=dict)

    def hearing(self, labels: Labels) -> list[str]:
        """The receivers that are told of such an alert, in order, each once."""
        return _names(self.root.leads_to(labels))

    def lost_by(self, receivers: Collection[str], labels: Labels) -> list[str]:
        """Who would be told of such an alert had nobody added routes to these receivers, and is not."""
        heard = {*self.hearing(labels), *receivers}
        return [name for name in _names(self.root.without(receivers).leads_to(labels)) if name not in heard]


def read_routing(text: str) -> Routing:
    """From the text of an Alertmanager's file. Raises AnswerError. May take long for a large file."""
    try:
        if len(text) > _LARGEST:
            raise AnswerError(f"its configuration has more than {_LARGEST} characters: it is not read")
        config = msgspec.convert(yaml.load(text, _PlainLoader), _WireConfig)  # noqa: S506 - a SafeLoader, with less
        root = _route(config.route, _Above())
    except _UNREADABLE as problem:
        raise AnswerError(f"its configuration cannot be read: {str(problem)[:300]}") from problem
    return Routing(root, {receiver.name: receiver for receiver in config.receivers})


def example(matchers: Sequence[Matcher]) -> dict[str, str] | None:
    """Labels that satisfy all of the matchers, where some are easily found."""
    labels: dict[str, str] = {}
    for matcher in matchers:
        if matcher.operator is MatchOperator.EQUAL:
            labels[matcher.label] = matcher.value
        elif matcher.operator is MatchOperator.PATTERN:
            labels.setdefault(matcher.label, _fitting(matcher))
    return labels if all(matcher.matches(labels) for matcher in matchers) else None


def _fitting(matcher: Matcher) -> str:
    words = matcher.value.removeprefix("^(").removesuffix(")$").split("|")
    return next((word for word in (*words, "x") if matcher.matches({matcher.label: word})), "")


def _names(routes: Sequence[Route]) -> list[str]:
    return list(dict.fromkeys(route.receiver for route in routes))


@dataclass(frozen=True, slots=True)
class _Above:
    """What a route inherits."""

    receiver: str = ""
    group_wait: timedelta = _GROUP_WAIT
    place: str = "the root route"
    depth: int = 0


def _route(wire: _WireRoute, above: _Above) -> Route:
    if above.depth > _DEEPEST:
        raise ValueError(f"its routes are nested more than {_DEEPEST} deep")
    receiver = wire.receiver or above.receiver
    group_wait = parse_duration(wire.group_wait) if wire.group_wait else above.group_wait
    matchers, problem = _matchers(wire)
    below = "" if above.depth == 0 else f"{above.place.removeprefix('route ')}."
    routes = tuple(
        _route(each, _Above(receiver, group_wait, f"route {below}{number}", above.depth + 1))
        for number, each in enumerate(wire.routes or (), start=1)
    )
    is_timed = bool(wire.mute_time_intervals or wire.active_time_intervals)
    return Route(above.place, receiver, matchers, wire.goes_on, routes, group_wait, is_timed, problem)


def _matchers(wire: _WireRoute) -> tuple[tuple[Matcher, ...], str]:
    """Those of the route, in the old ways of writing them too; or why they cannot be read."""
    try:
        read = [parse_matcher(text) for text in wire.matchers or ()]
        for label, value in (wire.match or {}).items():
            read.append(Matcher(label, MatchOperator.EQUAL, value))
        for label, pattern in (wire.match_re or {}).items():
            read += read_matchers({label: f"=~{pattern}"})
    except ValueError as problem:
        return (), str(problem)
    return tuple(read), ""


class _PlainLoader(yaml.SafeLoader):
    """No aliases: a few lines of them can stand for billions of routes, and Alertmanager writes none."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it holds aliases")
        return super().compose_node(parent, index)
