"""The images of README and documentation, as a real Chromium shows a night on call."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

from aetherlink.model.actions import Action
from aetherlink.model.decisions import Mode
from rigs.browser import browse
from rigs.night import night

pytestmark = pytest.mark.chromium

SCREEN = {"width": 1160, "height": 725}
IMAGES = Path(__file__).parents[3] / "docs/images"
LARGEST = 150 * 1000  # bytes of one image: each is fetched by whoever reads the README
_WRITES = bool(os.environ.get("AETHER_WRITE_SCREENS"))


@pytest.fixture
def agent(start_agent):
    """One that asks before it acts."""
    return start_agent(mode=Mode.APPROVE)


@pytest.fixture
def asks(agent) -> Action:
    """What the worst incident of the night asks for."""
    return night(agent)


def signed_in(page: Page, agent) -> None:
    page.goto(f"{agent.url}/login")
    page.fill("[name=code]", agent.secrets["operator"])
    page.press("[name=code]", "Enter")
    page.wait_for_url(f"{agent.url}/")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_images_of_the_readme_can_be_made_and_are_small(agent, asks: Action, theme: str, tmp_path: Path) -> None:
    """AETHER_WRITE_SCREENS=1 puts them where the pages of the documentation show them."""
    folder = IMAGES if _WRITES else tmp_path
    folder.mkdir(exist_ok=True)

    def look(page: Page) -> None:
        signed_in(page, agent)
        for name, path in (("now", "/"), ("incident", f"/incidents/{asks.incident_id}"), ("alerts", "/alerts")):
            page.goto(agent.url + path)
            page.wait_for_load_state("load")
            page.screenshot(path=folder / f"console-{name}-{theme}.png", animations="disabled")

    browse(look, viewport=SCREEN, color_scheme=theme)

    sizes = {path.name: path.stat().st_size for path in folder.glob(f"console-*-{theme}.png")}
    assert len(sizes) == 3
    assert [name for name, size in sizes.items() if size > LARGEST] == []
