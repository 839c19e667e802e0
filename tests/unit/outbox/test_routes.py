"""Which channels a route reaches: the first one that fits, and those after it only where it goes on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aetherlink.model.ids import ChannelName, SourceName
from aetherlink.model.incidents import Severity
from aetherlink.outbox.routes import Route, Routing
from rigs.letters import incident

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
CHAT, MAIL, PAGER = (ChannelName(name) for name in ("chat", "mail", "pager"))


def reached(*routes: Route, **facts: object) -> set[str]:
    one = incident(**facts)
    return {name for name in (CHAT, MAIL, PAGER) if Routing(routes).reaches(name, one, NOW)}


def test_without_routes_everybody_is_told() -> None:
    assert reached() == {"chat", "mail", "pager"}


def test_the_first_route_that_fits_is_the_last_one_asked() -> None:
    assert reached(Route((CHAT,)), Route((MAIL,))) == {"chat"}


def test_a_route_that_goes_on_lets_the_next_one_speak_too() -> None:
    assert reached(Route((CHAT,), goes_on=True), Route((MAIL,)), Route((PAGER,))) == {"chat", "mail"}


def test_where_no_route_fits_nobody_is_told() -> None:
    assert reached(Route((CHAT,), sources=frozenset({SourceName("elsewhere")}))) == set()


@pytest.mark.parametrize(
    ("fitting", "misfit"),
    [
        ({"severities": frozenset({Severity.CRITICAL})}, {"severities": frozenset({Severity.INFO})}),
        ({"tenants": ("vip-*",)}, {"tenants": ("vip-", "vip", "*-nobody")}),
        ({"vip": True}, {"vip": False}),
    ],
)
def test_everything_that_is_set_has_to_fit(fitting: dict[str, Any], misfit: dict[str, Any]) -> None:
    facts = {"severity": Severity.CRITICAL, "tenant": "vip-acme", "vip": True}

    assert reached(Route((CHAT,), **fitting), **facts) == {"chat"}
    assert reached(Route((CHAT,), **misfit), **facts) == set()
    assert reached(Route((CHAT,), **{**fitting, **misfit}), Route((MAIL,)), **facts) == {"mail"}
