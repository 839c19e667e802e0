"""/docs in a real Chromium: Swagger works, asks no other server for anything, and the console stays silent."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from rigs.browser import browse

pytestmark = pytest.mark.chromium
WEBHOOK = "[id$=-alertmanager_webhook]"


def test_the_page_shows_the_api_without_a_word_to_anyone_else(agent) -> None:
    def look(page: Page) -> None:
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))

        answer = page.goto(f"{agent.url}/docs")
        page.wait_for_selector(WEBHOOK)
        page.click(f"{WEBHOOK} .opblock-summary-control")
        page.wait_for_selector(f"{WEBHOOK} .opblock-body")

        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "HealthScoreDegradation" in page.inner_text(WEBHOOK)
        assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(agent.url).netloc}
        assert said == []

    browse(look)


def test_a_request_can_be_tried_from_the_page(agent) -> None:
    def look(page: Page) -> None:
        page.goto(f"{agent.url}/docs")
        block = page.locator(".opblock", has_text="/act").first
        block.locator(".opblock-summary-control").click()
        block.locator(".try-out__btn").click()
        block.locator(".execute").click()
        page.wait_for_selector(".live-responses-table")

        assert '"decision": "deny"' in page.inner_text(".live-responses-table")
        assert len(agent.call("GET", "/api/v1/actions").json()["items"]) == 1

    browse(look)


def test_a_script_in_the_page_would_not_run(agent) -> None:
    def look(page: Page) -> None:
        page.goto(f"{agent.url}/docs")

        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = true'}))"
        )

        assert page.evaluate("window.ran") is None

    browse(look)
