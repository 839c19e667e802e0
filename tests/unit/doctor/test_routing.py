"""Who hears of an alert by Alertmanager's routes, and whom the agent's route takes it from."""

from pathlib import Path

import pytest

from aetherlink.doctor.routing import Routing, example, read_routing
from aetherlink.errors import AnswerError

ROOT = Path(__file__).parents[3]
RECEIVERS = "receivers: [{name: default}, {name: db}, {name: agent}]\n"


def routing(routes: str, *, root: str = "default") -> Routing:
    return read_routing(f"route:\n  receiver: {root}\n  routes: [{routes}]\n{RECEIVERS}")


def test_the_agents_own_file_takes_nothing_away() -> None:
    ours = read_routing((ROOT / "monitoring/alertmanager.yml").read_text())

    assert ours.hearing({"alertname": "X"}) == ["agent", "default"]
    assert ours.hearing({"alertname": "AetherAgentDown"}) == ["default"]
    assert ours.lost_by({"agent"}, {"alertname": "X"}) == []


def test_a_lone_route_with_continue_silences_the_roots_receiver() -> None:
    """The seed's block alone."""
    alone = routing("{receiver: agent, continue: true}")

    assert alone.hearing({"alertname": "X"}) == ["agent"]
    assert alone.lost_by({"agent"}, {"alertname": "X"}) == ["default"]


def test_a_route_without_continue_takes_what_the_routes_below_it_had() -> None:
    greedy = routing('{receiver: agent, matchers: [team="db"]}, {receiver: db, match: {team: db}}')

    assert greedy.lost_by({"agent"}, {"alertname": "X", "team": "db"}) == ["db"]
    assert greedy.lost_by({"agent"}, {"alertname": "X"}) == []


def test_routes_inherit_what_they_do_not_say() -> None:
    found = routing('{matchers: [team="db"], group_wait: 5s, routes: [{matchers: [x="1"]}]}')

    [inner] = found.root.leads_to({"team": "db", "x": "1"})
    assert (inner.receiver, inner.place, inner.group_wait.total_seconds()) == ("default", "route 1.1", 5)


@pytest.mark.parametrize(
    ("route", "labels", "hears"),
    [
        ('{receiver: db, matchers: [a="1", b!="2"]}', {"a": "1"}, "db"),
        ('{receiver: db, matchers: [a="1", b!="2"]}', {"a": "1", "b": "2"}, "default"),
        ('{receiver: db, matchers: ["a=~\\"x|y\\""]}', {"a": "y"}, "db"),
        ('{receiver: db, matchers: ["a=~\\"x|y\\""]}', {"a": "yy"}, "default"),
        ("{receiver: db, match_re: {a: x.*}}", {"a": "xyz"}, "db"),
        ("{receiver: db, match: {a: x.*}}", {"a": "xyz"}, "default"),
        ("{receiver: db, match: {a: ''}}", {}, "db"),
    ],
)
def test_matchers_are_read_as_alertmanager_does(route: str, labels: dict[str, str], hears: str) -> None:
    assert routing(route).hearing({"alertname": "X", **labels}) == [hears]


def test_the_first_route_that_takes_an_alert_ends_the_search_unless_it_goes_on() -> None:
    both = "{{receiver: db{}}}, {{receiver: agent}}"

    assert routing(both.format("")).hearing({}) == ["db"]
    assert routing(both.format(", continue: true")).hearing({}) == ["db", "agent"]


def test_a_matcher_that_is_not_understood_is_told_of_and_takes_nothing() -> None:
    odd = routing("{receiver: db, matchers: ['a=~\"(x+)+\"']}")

    [problem] = [route.problem for route, _ in odd.root.walk() if route.problem]
    assert "(x+)+" in problem
    assert odd.hearing({"a": "x"}) == ["default"]


def test_an_example_of_a_route_satisfies_it() -> None:
    found = routing('{receiver: db, match: {a: b}, routes: [{matchers: ["c=~\\"d|e\\"", f!="g", "h=~\\".+\\""]}]}')

    [*_, (inner, matchers)] = found.root.walk()
    labels = example(matchers)
    assert labels is not None
    assert [route.place for route in found.root.leads_to(labels)] == [inner.place]
    assert example([*matchers, *routing("{match: {a: other}}").root.routes[0].matchers]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "route: 5\nreceivers: []",
        "route: {receiver: [}",
        "receivers: []",
        "a: &a {receiver: x}\nroute: *a\nreceivers: []",
        f"route: {'{routes: [' * 200}{{}}{']}' * 200}\nreceivers: []",
        "route: {receiver: x, group_wait: soon}\nreceivers: []",
    ],
)
def test_what_is_no_such_file_is_refused_in_words(text: str) -> None:
    with pytest.raises(AnswerError, match="its configuration"):
        read_routing(text)
