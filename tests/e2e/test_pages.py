"""The pages in a real Chromium on the whole stack: an agent that observes says what it would have done, and why."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from aetherlink.lab import remote
from aetherlink.lab.options import LabOptions
from aetherlink.lab.runner import running_lab
from rigs import event_source
from rigs.browser import Overheard, browse

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(240)]

WIDTHS = (380, 1280)
SCHEMES = ("light", "dark")


async def _decided(ask: Callable[[str], Any]) -> str:
    """Until the agent has said what it would do; the id of that incident."""
    async with asyncio.timeout(60):
        while True:
            for action in (await ask("/api/v1/actions"))["items"]:
                if action["decision"] == "observe" and action["incident_id"]:
                    return str(action["incident_id"])
            await asyncio.sleep(0.2)


async def test_what_the_agent_would_do_is_seen_at_every_width_and_in_both_schemes(
    lab_options: Callable[..., LabOptions], ask_at, tmp_path: Path
) -> None:
    heard = Overheard()
    seen: dict[tuple[str, int], dict[str, Any]] = {}
    async with running_lab(lab_options(agent_settings={"mode": "observe"})) as lab:
        url = lab.urls["agent"]
        await remote.kill(lab.options.dir, "crm")
        incident = await _decided(ask_at(url))

        def look(page: Page) -> None:
            heard.listen(page)
            event_source.stand_in(page)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": 900})
                    seen[scheme, width] = _walk(page, url, incident)

        await asyncio.to_thread(browse, look)

    assert heard.said == []
    assert heard.asked == {urlsplit(url).netloc}
    for (_, width), found in seen.items():
        assert "Would have done: restart crm-api by playbook restart-crm-api" in found["overview"]
        assert "mode" in found["overview"]
        assert "The chain is intact" in found["incident"]
        assert "CrmApiDown is firing" in found["incident"]
        assert max(found["widths"]) <= width
    grounds = {scheme: {seen[scheme, width]["ground"] for width in WIDTHS} for scheme in SCHEMES}
    assert grounds["light"].isdisjoint(grounds["dark"])


async def test_what_is_approved_in_two_clicks_is_done_and_proved_before_the_eyes(
    lab_options: Callable[..., LabOptions], ask_at
) -> None:
    heard = Overheard()
    asking = {"mode": "approve", "vip_mode": "approve"}
    async with running_lab(lab_options(agent_settings=asking)) as lab:
        url, token = lab.urls["agent"], (lab.options.dir / "data/agent/operator.token").read_text().strip()
        await remote.kill(lab.options.dir, "crm")
        incident = await _asked(ask_at(url))

        def look(page: Page) -> None:
            heard.listen(page)
            event_source.stand_in(page)
            page.goto(url)
            page.click(".hero [data-approve]")
            page.click("dialog[open] button.strong")
            page.goto(f"{url}/incidents/{incident}")
            proved = page.locator(".timeline .kind", has_text="verified")
            for _ in range(120):  # what the agent's own stream would say
                event_source.say(page, "entry", incident_id=incident)
                page.wait_for_timeout(500)
                if proved.count():
                    break
            expect(proved).to_be_visible()
            expect(page.locator(".decision")).to_contain_text("Done, and it helped")
            assert page.locator(".steps .done", has_text="approved").count() == 1

        await asyncio.to_thread(browse, look, extra_http_headers={"Authorization": f"Bearer {token}"})

    assert heard.asked == {urlsplit(url).netloc}


async def _asked(ask: Callable[[str], Any]) -> str:
    """Until an action waits for people; the id of its incident."""
    async with asyncio.timeout(60):
        while True:
            for action in (await ask("/api/v1/actions"))["items"]:
                if action["state"] == "waiting_approval" and action["approval"]:
                    return str(action["incident_id"])
            await asyncio.sleep(0.2)


def _walk(page: Page, url: str, incident: str) -> dict[str, Any]:
    """As somebody would: the first page, then the incident by its link, by keyboard."""
    wide = "document.documentElement.scrollWidth"
    page.goto(url)
    overview, first = page.inner_text("main"), page.evaluate(wide)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator(f'a[data-incident][href="/incidents/{incident}"]').first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/incidents/{incident}")
    page.locator("summary").first.click()
    return {
        "overview": " ".join(overview.split()),
        "incident": " ".join(page.inner_text("main").split()),
        "widths": (first, page.evaluate(wide)),
        "ground": page.evaluate("getComputedStyle(document.body).backgroundColor"),
    }
