"""The end of a voice: every channel is closed, whatever the closing of another one does."""

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.errors import UnreachableError
from aetherlink.model.ids import ChannelName
from aetherlink.notifiers.opened import Opened
from aetherlink.settings import Settings
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock
from aetherlink.voice import Ground, Voice


@pytest.mark.parametrize("fault", [UnreachableError("nobody is there"), RuntimeError("a bug of an SDK")])
async def test_a_channel_that_cannot_be_closed_leaves_no_other_open(
    store: SqlStore, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    channels = {name: {"webhook": {"url": "http://127.0.0.1:9/x"}} for name in ("first", "second")}
    ground = Ground(store, ManualClock(), CountingIds(), CollectorRegistry())
    voice = Voice(Settings(notify={"channels": channels}), ground)
    closed = []

    async def fails() -> None:
        raise fault

    async def closes() -> None:
        closed.append("second")

    for name, close in (("first", fails), ("second", closes)):
        opened = voice._opened[ChannelName(name)]
        await opened.aclose()
        voice._opened[ChannelName(name)] = Opened(opened.notifier, close)
    await voice.stop()

    assert closed == ["second"]
    assert "closing channel first" in caplog.text
