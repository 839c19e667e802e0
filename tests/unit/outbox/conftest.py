"""One channel over a store in memory."""

import pytest

from aetherlink.outbox.plan import ChannelPlan
from aetherlink.simulation.memory_store import MemoryStore
from aetherlink.testing import ManualClock
from rigs.outbox import CHAT, Rig


@pytest.fixture
async def rig() -> Rig:
    made = Rig(MemoryStore(), ManualClock(), {CHAT: ChannelPlan(CHAT)})
    await made.start()
    return made
