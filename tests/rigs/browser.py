"""A real Chromium, and what it asked for and said while somebody looked at pages."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright


@dataclass
class Overheard:
    """Which servers a page asked, and what it said on the console."""

    asked: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """To everything from now on."""
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))


def browse(look: Callable[[Page], None], **context: object) -> None:
    """Look at pages on a thread of its own: playwright's loop, left by an error, must not be this thread's for ever."""

    def run() -> None:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            look(browser.new_context(**context).new_page())
            browser.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(run).result()
