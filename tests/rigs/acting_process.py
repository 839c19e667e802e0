"""A pipeline that acts without end, as a process that a test kills: `python -m rigs.acting_process FOLDER`.

Its hands write each call to FOLDER/witness, on the disk before they answer: what it did is known whatever is lost.
"""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.model.actions import Outcome, StartedAfter, Target, Wish
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.store.database import SqlStore
from aetherlink.testing import ManualClock, MemoryExecutor, fixed_key
from rigs.pipeline import build_rig


class Witnessed(MemoryExecutor):
    """Notes every wish before it is carried out."""

    def __init__(self, clock: ManualClock, target: TargetName, witness: Path) -> None:
        super().__init__(clock, [target])
        self._witness = os.open(witness, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """See ports.Executor."""
        assert isinstance(wish, StartedAfter)
        os.write(self._witness, f"{wish.instant.isoformat()}\n".encode())
        os.fsync(self._witness)
        return await super().converge(target, wish, deadline=deadline)


async def act_without_end(folder: Path, start_hour: int) -> None:
    """An alert fires, is repaired, ends; then time passes and it begins anew."""
    clock = ManualClock()
    clock.move(start_hour * 3600)
    store = SqlStore(folder / "aetherlink.db", key=fixed_key)
    store.open()
    rig = build_rig(store, clock, SortableIds(SystemClock()), database=folder / "aetherlink.db")
    [target] = rig.world.targets
    rig.change(executors={"memory": Witnessed(clock, target, folder / "witness")})
    rig.change(modes={PlaybookName("restart-crm-api"): rig.world.ceiling})
    while True:
        await rig.hear()
        await rig.run_for(30)
        await rig.hear(firing=False)
        await rig.run_for(30)
        clock.move(timedelta(minutes=31).total_seconds())


if __name__ == "__main__":
    asyncio.run(act_without_end(Path(sys.argv[1]), int(sys.argv[2])))
