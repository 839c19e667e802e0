"""T14: somebody else's page changes nothing, whoever looks at it is signed in; looking changes nothing; no frame."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page

from aetherlink.lib.clock import SystemClock
from aetherlink.testing import CountingIds
from rigs.approvals import Desk
from rigs.browser import browse
from rigs.console_pages import console_routes
from rigs.foreign_page import foreign_page, script

pytestmark = pytest.mark.chromium

_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_PASSING = {"sessions", "login_links"}  # who is signed in; whoever signs in here writes them
_LONG = {"/api/v1/stream"}  # an answer without an end
CHANGING = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def world(agent) -> Any:
    """An agent with something to approve, to close, to resume."""
    agent.action = asyncio.run(Desk(agent.store, SystemClock(), CountingIds()).asked())
    agent.incident = agent.action.incident_id
    return agent


def stored(agent) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for who is signed in."""
    with closing(sqlite3.connect(f"file:{agent.data_dir / 'aether.db'}?mode=ro", uri=True)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f'SELECT * FROM "{name}"').fetchall() for name in names if name not in _PASSING}  # noqa: S608 - names of its own


def routes(agent) -> Iterator[tuple[str, str]]:
    """Method and path of each route of API and console, its parameters filled in."""
    described = agent.call("GET", "/openapi.json").json()["paths"]
    known = [(method.upper(), path) for path, methods in described.items() for method in methods]
    known += [(method, route.path) for route in console_routes(agent.services) for method in route.methods]
    values = {"incident_id": agent.incident, "action_id": agent.action.id, "name": "restart-crm-api"}
    for method, path in dict.fromkeys(known):
        yield method, _PARAMETER.sub(lambda found: values.get(found[1], "x"), path)


def changing(agent) -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes(agent) if method in CHANGING and path != "/login"]


def signed_in(page: Page, agent) -> None:
    page.goto(f"{agent.url}/login")
    page.fill("[name=code]", agent.secrets["operator"])
    page.press("[name=code]", "Enter")
    page.wait_for_url(f"{agent.url}/")


@pytest.mark.parametrize("from_nowhere", [False, True])
def test_t14_nothing_changes_from_the_page_of_somebody_else(world, from_nowhere: bool) -> None:
    asked, tried, before = changing(world), list[list[Any]](), stored(world)

    def look(page: Page) -> None:
        signed_in(page, world)
        with foreign_page() as address:
            page.goto(address)
            page.evaluate(script(asked, world.url, world.action.approval.plan_hash, from_nowhere=from_nowhere))
            tried.extend(page.evaluate("tried"))
        page.goto(world.url)
        assert page.locator("form[action$='/logout']").count(), "whoever looked at it is signed in as ever"

    browse(look)

    assert {(method, world.url + path) for method, path in asked} <= {(one[0], one[1]) for one in tried}
    assert [one for one in tried if one[2] not in ("failed", "opaque", "opaqueredirect", "form")] == []
    assert stored(world) == before


def test_t14_the_same_from_the_agents_own_page_changes_something(world) -> None:
    """Else the test above could not fail."""
    before = stored(world)

    def look(page: Page) -> None:
        signed_in(page, world)
        notes = [("POST", f"/incidents/{world.incident}/notes")]
        page.evaluate(script(notes, world.url, world.action.approval.plan_hash, from_nowhere=False))

    browse(look)

    assert len(stored(world)["timeline"]) > len(before["timeline"])


def test_t14_to_look_changes_nothing(world) -> None:
    before, seen = stored(world), dict[str, int]()
    for method, path in routes(world):
        if method in ("GET", "HEAD") and path not in _LONG:
            seen[path] = world.call(method, path, token="operator", follow_redirects=False).status_code

    assert len(seen) > 20
    assert [path for path, status in seen.items() if status >= 500] == []
    assert stored(world) == before


def test_t14_no_page_stands_in_a_frame_of_somebody_else(world) -> None:
    framed: list[str] = []

    def look(page: Page) -> None:
        with foreign_page() as address:
            page.goto(address)
            page.set_content(f'<iframe src="{world.url}/" width=900 height=600></iframe>')
            page.wait_for_timeout(500)
            framed.extend(frame.url for frame in page.frames if frame.url.startswith(world.url))

    browse(look)

    headers = world.call("GET", "/").headers
    assert framed == []
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


def test_t14_the_cookie_is_for_the_agent_alone(world) -> None:
    cookies: list[Any] = []

    def look(page: Page) -> None:
        signed_in(page, world)
        cookies.extend(page.context.cookies())
        assert page.evaluate("document.cookie") == ""

    browse(look)

    [cookie] = cookies
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
