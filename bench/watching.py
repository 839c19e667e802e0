"""What a person at a browser sees of the console, in a real Chromium: when something is painted, and how it scrolls."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from bench.load import LoadError
from rigs.browser import browse

_ROUNDS = 5
_FRAMES = 400
_ROWS_A_FRAME = 10
_PAINTED = """() => new Promise((tell) => new PerformanceObserver((seen) => {
  const [first] = seen.getEntriesByName('first-contentful-paint');
  if (first) tell(first.startTime);
}).observe({ type: 'paint', buffered: true }))"""
_SCROLL = """async ([frames, step]) => {
  const list = document.querySelector('.window');
  list.scrollTop = 0;
  const lengths = [];
  let before = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames; frame += 1) {
    list.scrollTop += step;
    const now = await new Promise(requestAnimationFrame);
    lengths.push(now - before);
    before = now;
  }
  return lengths;
}"""


@dataclass(frozen=True, slots=True)
class Scrolled:
    """Lengths of frames in milliseconds, and what the page's thread did in one, also in milliseconds.

    `filtered` is how long it took from the last letter of a filter to the count of what fits.
    """

    frames: list[float]
    busy: float
    filtered: float


def chromium() -> str:
    """The program. Raises LoadError with the line that installs it."""
    found = shutil.which("chromium")
    if found is None:
        raise LoadError("Chromium is absent; to have it: apt-get install chromium libatomic1")
    return found


def first_paints(url: str) -> tuple[list[float], list[float]]:
    """Milliseconds until something is painted: in a browser that knows nothing, and in one that was there before."""
    cold: list[float] = []
    warm: list[float] = []

    def look(page: Page) -> None:
        browser = page.context.browser
        assert browser is not None
        for _ in range(1 + _ROUNDS):
            context = browser.new_context()
            fresh = context.new_page()
            for to in (cold, warm):
                fresh.goto(url)
                to.append(fresh.evaluate(_PAINTED))
            context.close()

    browse(look)
    return cold[1:], warm[1:]  # the first look of all started the browser's own parts


def scrolled(url: str, *, count: int) -> Scrolled:
    """The list of so many alerts scrolls by ten rows a frame, then is narrowed to those of one service."""
    seen: list[Scrolled] = []

    def look(page: Page) -> None:
        page.goto(f"{url}/alerts")
        page.wait_for_selector(f".window[aria-rowcount='{count}']")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        before = _busy(session.send("Performance.getMetrics"))
        frames = page.evaluate(_SCROLL, [_FRAMES, _ROWS_A_FRAME * 28])
        busy = (_busy(session.send("Performance.getMetrics")) - before) * 1000 / len(frames)
        seen.append(Scrolled(frames, busy, _filtered(page)))

    browse(look, viewport={"width": 1280, "height": 800})
    return seen[0]


def _filtered(page: Page) -> float:
    page.fill("#q", 'service="svc-00007"')
    page.evaluate("window.typed = performance.now()")
    page.wait_for_selector("#alert-count[aria-busy='false']")
    return float(page.evaluate("performance.now() - window.typed"))


def _busy(metrics: Mapping[str, Any]) -> float:
    return float(next(one["value"] for one in metrics["metrics"] if one["name"] == "TaskDuration"))
