"""A stream of events that a test speaks through: in the place of the browser's own."""

import json

from playwright.sync_api import Page

_STAND_IN = """
window.streams = [];
window.EventSource = class extends EventTarget {
  static CLOSED = 2;
  constructor(url) {
    super();
    this.url = url;
    this.readyState = 1;
    window.streams.push(this);
    setTimeout(() => this.dispatchEvent(new Event("open")));
  }
  close() { this.readyState = 2; }
};
"""


def stand_in(page: Page) -> None:
    """From the next page on."""
    page.add_init_script(_STAND_IN)


def say(page: Page, kind: str, **data: object) -> None:
    """One event to everything that listens."""
    page.evaluate(
        "([kind, data]) => streams.forEach(one => one.dispatchEvent(new MessageEvent(kind, {data})))",
        [kind, json.dumps(data)],
    )


def lose(page: Page) -> None:
    """The connection is gone."""
    page.evaluate("streams.forEach(one => { one.readyState = 0; one.dispatchEvent(new Event('error')) })")
