"""The pages in a real Chromium, with what somebody hostile writes into labels: nothing runs, nobody else is asked."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from rigs import event_source
from rigs.browser import Overheard, browse
from rigs.hostile_values import ATTACKS

pytestmark = pytest.mark.chromium

SCRIPTS = (
    "<script>window.ran = true</script>",
    '"><img src="https://evil.example/x.png" onerror="window.ran = true">',
    "<style>body{display:none}</style>",
    "javascript:window.ran=true",
    "</title></head><body onload=window.ran=true>",
    "<svg/onload=window.ran=true>",
    '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    '<base href="https://evil.example/">',
)


def hostile(agent) -> str:
    values = {f"x{number}": value for number, value in enumerate((*SCRIPTS, *ATTACKS)) if value.strip()}
    alert = {
        "status": "firing",
        "labels": {
            "alertname": SCRIPTS[0],
            "severity": "critical",
            "service": SCRIPTS[1],
            "tenant": SCRIPTS[4],
            **values,
        },
        "annotations": {"summary": "".join(SCRIPTS), **values},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
    }
    assert agent.call("POST", "/alertmanager", json={"alerts": [alert]}).status_code == 200
    return agent.call("GET", "/api/v1/incidents").json()["items"][0]["id"]


@pytest.mark.parametrize("width", [380, 1280])
def test_nothing_of_a_label_runs_or_is_asked_for(agent, width: int) -> None:
    incident = hostile(agent)
    heard = Overheard()

    def look(page: Page) -> None:
        heard.listen(page)
        event_source.stand_in(page)
        for path in ("/", "/incidents", f"/incidents/{incident}"):
            page.goto(agent.url + path)
            for details in page.locator("summary").all():
                details.click()
            assert page.evaluate("window.ran") is None
            assert page.url == agent.url + path
            assert SCRIPTS[0] in page.inner_text("main")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator("main a[href^='javascript'], main img, main script, main style").count() == 0

    browse(look, viewport={"width": width, "height": 900})

    assert heard.said == []
    assert heard.asked == {urlsplit(agent.url).netloc}


def test_the_policy_stops_a_script_even_if_one_got_in(agent) -> None:
    def look(page: Page) -> None:
        page.goto(agent.url)
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = true'}))"
        )
        assert page.evaluate("window.ran") is None

    browse(look)


def test_who_is_not_known_sees_a_page_with_its_style_that_leads_to_the_door(agent) -> None:
    """Through what looks like a proxy, so that the place gives nothing."""

    def refused(page: Page) -> None:
        page.goto(agent.url)
        assert "Who are you?" in page.inner_text("h1")
        assert page.locator("main a.strong[href^='/login?next=']").inner_text() == "Sign in"
        assert page.evaluate("getComputedStyle(document.querySelector('body')).display") == "grid"  # with its style

    browse(refused, extra_http_headers={"Via": "1.1 proxy"})


def test_it_can_be_read_without_a_script(agent) -> None:
    incident = hostile(agent)

    def look(page: Page) -> None:
        page.goto(f"{agent.url}/incidents/{incident}")
        page.locator("article summary", has_text="Labels").click()
        assert page.locator("details[open] dd").count() > 3

    browse(look, java_script_enabled=False)
