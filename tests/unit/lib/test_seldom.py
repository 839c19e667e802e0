"""What strangers cause is in the log once a minute, with how often it was."""

import logging

import pytest

from aetherlink.lib.seldom import Seldom
from aetherlink.testing import ManualClock


def test_a_flood_is_one_line_a_minute_with_its_number(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    seldom = Seldom(logging.getLogger("aetherlink.seldom"))
    for _ in range(1000):
        seldom.warn("not signed", clock.monotonic())
    clock.move(60)
    for _ in range(10):
        seldom.warn("not signed", clock.monotonic())
    clock.move(60)
    seldom.warn("not signed", clock.monotonic())

    assert caplog.messages == [
        "not signed",
        "not signed (and 999 more since the last such line)",
        "not signed (and 9 more since the last such line)",
    ]
