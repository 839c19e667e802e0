"""/docs works without the internet: all that the page asks for comes from the CRM itself."""

import re
import shutil
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import sync_playwright

from peakpro_crm.settings import CrmSettings


async def test_the_page_and_all_that_it_names_come_from_here(crm: httpx.AsyncClient) -> None:
    page = await crm.get("/docs")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert {urlsplit(url).netloc for url in named} == {""}
    assert {url: (await crm.get(url)).status_code for url in named} == dict.fromkeys(named, 200)
    assert len(named) == 4


@pytest.mark.parametrize("name", ["docs.html", "LICENSE", "..%2fdocs_page.py", "swagger-ui"])
async def test_no_other_file_is_handed_out(crm: httpx.AsyncClient, name: str) -> None:
    answer = await crm.get(f"/docs/assets/{name}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.chromium
def test_a_browser_shows_the_api_and_asks_nobody_else(launch, settings) -> None:
    made: CrmSettings = settings()
    url = launch("serve", {"CRM_DATABASE_URL": made.database_url.get_secret_value()}).url()
    asked: list[str] = []
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{url}/docs")
        page.wait_for_selector(".opblock")
        browser.close()

    assert {urlsplit(one).netloc for one in asked if not one.startswith("data:")} == {urlsplit(url).netloc}
    assert said == []
