"""Signing in with a real Chromium: what it does by itself with fragments, origins and cookies."""

import pytest
from playwright.sync_api import Page

from aetherlink.access.options import AuthMode, AuthOptions
from rigs.browser import Overheard, browse

pytestmark = pytest.mark.chromium


@pytest.fixture
def agent(start_agent):
    return start_agent(auth=AuthOptions(mode=AuthMode.TOKEN))


def link_to(agent, role: str) -> str:
    made = agent.call("POST", "/api/v1/login-links", token="operator", json={"role": role, "name": "zoe"}).json()
    return agent.url + made["path"]


# A live page that is left by its session looks once more, is refused, and says so.
OF_THE_END = ("Failed to load resource", "Response Status Error Code 401 from /,")


def test_a_link_signs_in_leaves_no_trace_and_one_can_sign_out(agent) -> None:
    link, heard = link_to(agent, "viewer"), Overheard()
    code = link.partition("#")[2]

    def look(page: Page) -> None:
        heard.listen(page)
        page.goto(link)
        page.wait_for_url(agent.url + "/")
        assert "zoe" in page.inner_text("header")
        assert page.evaluate("document.cookie") == ""
        [cookie] = page.context.cookies()
        assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("aether_session", True, "Strict")
        page.go_back()
        assert code not in page.url
        page.goto(agent.url + "/")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(agent.url + "/login")
        assert page.goto(agent.url + "/").status == 401
        page.goto(link)
        page.get_by_role("alert").wait_for()
        assert "a link is good once" in page.inner_text("main")

    browse(look)

    assert heard.asked == {agent.url.removeprefix("http://")}
    assert not [words for words in heard.said if not words.startswith(OF_THE_END)]


def test_a_link_signs_in_from_a_tab_that_shows_the_page_already(agent) -> None:
    def look(page: Page) -> None:
        page.goto(agent.url + "/login")
        page.goto(link_to(agent, "viewer"))  # only what is behind the # differs: the browser loads nothing anew
        page.wait_for_url(agent.url + "/")

    browse(look)


@pytest.mark.parametrize("has_scripts", [True, False])
def test_one_signs_in_with_a_token_and_comes_back_to_where_one_was(agent, has_scripts: bool) -> None:
    def look(page: Page) -> None:
        page.goto(agent.url + "/?status=resolved")
        page.get_by_role("main").get_by_role("link", name="Sign in").click()
        page.get_by_label("A token, or the code of a login link").fill(agent.secrets["read"])
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url(agent.url + "/?status=resolved")

    browse(look, java_script_enabled=has_scripts)


def test_t14_a_page_elsewhere_changes_nothing_and_a_link_there_leads_in(agent) -> None:
    """Elsewhere is another name of this machine: to a browser another site."""
    elsewhere = agent.url.replace("127.0.0.1", "localhost")

    evil = f'<form method="post" action="{agent.url}/logout"><button>Go</button></form><a href="{agent.url}/">In</a>'

    def look(page: Page) -> None:
        page.route(elsewhere + "/evil", lambda route: route.fulfill(content_type="text/html", body=evil))
        page.goto(link_to(agent, "admin"))
        page.wait_for_url(agent.url + "/")
        page.goto(elsewhere + "/evil")
        page.get_by_role("button", name="Go").click()
        page.wait_for_url(agent.url + "/logout")
        assert "own pages only" in page.inner_text("body")
        page.goto(elsewhere + "/evil")
        page.get_by_role("link", name="In").click()
        page.get_by_role("button", name="Sign out").wait_for()

    browse(look)
