"""A pipeline that ends by SIGKILL at one point around its executor's call; `run` is for a process.

It hears an alert and acts; on a store that knows of it already it goes on, until nothing is left to do. What it finds
stored then, if it comes so far, it writes to FOUND in its folder.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from aetherlink.clients.docker import DockerDaemon
from aetherlink.clients.lab_control import LabControl
from aetherlink.executors.docker import DockerExecutor
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.executors.lab import LabExecutor
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.model.actions import ActionState, Outcome, Target, Wish
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.timeline import EventKind
from aetherlink.ports import Executor, Transaction
from aetherlink.store.database import SqlStore
from aetherlink.testing import fixed_key
from rigs.pipeline import API, Rig, build_rig

_OVER = (ActionState.FINISHED, ActionState.REFUSED)
FOUND = "found.json"

_QUIET = 15  # looks in a row at which nothing was left to do
_PAUSE = 0.02


class Point(StrEnum):
    """Where the process dies. Of the three during the call, whoever answers it kills the process."""

    IN_INTENT = "in the transaction that commits the intent"
    AFTER_INTENT = "between the intent and the call"
    CALL_LOST = "during the call, which is not carried out"
    CALL_CARRIED_OUT = "during the call, which is carried out all the same"
    BEFORE_REPLY = "after the effect and before the reply"
    AFTER_REPLY = "after the reply"
    IN_OUTCOME = "in the transaction that stores the outcome"
    AFTER_OUTCOME = "after the outcome is stored"


def die() -> None:
    """As by power loss: nothing more of this process runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def newest_state(transaction: Transaction) -> ActionState | None:
    actions, _ = transaction.actions.page(limit=1, before=None)
    return actions[0].state if actions else None


class CrashingStore:
    """The store, and the process's end at a transaction."""

    def __init__(self, inner: SqlStore, point: Point | None) -> None:
        self._inner = inner
        self._point = point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def write(self, work: Callable[[Transaction], Any], **given: Any) -> Any:
        def watched(transaction: Transaction) -> Any:
            result = work(transaction)
            self._die_at(newest_state(transaction), {"running": Point.IN_INTENT, "finished": Point.IN_OUTCOME})
            return result

        result = await self._inner.write(watched, **given)
        state = await self._inner.read(newest_state)
        self._die_at(state, {"running": Point.AFTER_INTENT, "finished": Point.AFTER_OUTCOME})
        return result

    def _die_at(self, state: ActionState | None, points: dict[str, Point]) -> None:
        if self._point is not None and points.get(state or "") is self._point:
            die()


class CrashingExecutor:
    """An executor, and the process's end once it has come back."""

    def __init__(self, inner: Executor, point: Point | None) -> None:
        self.verbs, self.is_rolling = inner.verbs, inner.is_rolling
        self.observe = inner.observe
        self._inner = inner
        self._point = point

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        """See ports.Executor."""
        outcome = await self._inner.converge(target, wish, deadline=deadline)
        if self._point is Point.AFTER_REPLY:
            die()
        return outcome


def lab_hands(socket: Path) -> Executor:
    """Those of the lab, whose control API is at the socket."""
    return LabExecutor(LabControl(socket))


def docker_hands(socket: Path, project: str) -> Executor:
    """Those for containers, on the service `crm` of the project."""
    place = DockerPlace(project=project, service="crm")
    return DockerExecutor(DockerDaemon(f"unix://{socket}"), {API: place}, grace=timedelta(seconds=1))


@dataclass(frozen=True)
class Hands:
    """What a process is told of its executor: how to make it, and how long its call may take."""

    make: Callable[[], Executor]
    deadline: timedelta = timedelta(seconds=3)


def crashing_rig(folder: Path, hands: Hands, point: Point | None) -> Rig:
    clock: Any = SystemClock()  # the rig's own is moved by hand; here time passes as it does
    ids: Any = SortableIds(clock)
    store = SqlStore(folder / "aetherlink.db", key=fixed_key)
    store.open()
    rig = build_rig(store, clock, ids, database=folder / "aetherlink.db")
    rig.change(
        store=CrashingStore(store, point),
        executors={"hands": CrashingExecutor(hands.make(), point)},
        targets={API: replace(rig.world.targets[API], executor="hands")},
        modes={PlaybookName("restart-crm-api"): Mode.AUTO},
        options=rig.world.options.model_copy(update={"action_deadline": hands.deadline}),
    )
    return rig


async def until_over(rig: Rig) -> None:
    """Until no action is on its way, and it stays so for a while."""
    quiet = 0
    while quiet < _QUIET:
        await rig.run()
        quiet = quiet + 1 if await rig.store.read(newest_state) in _OVER else 0
        await asyncio.sleep(_PAUSE)


async def found(rig: Rig) -> dict[str, object]:
    actions = await rig.actions()
    kinds = await rig.kinds()
    return {
        "states": [action.state for action in actions],
        "outcomes": [action.outcome.status if action.outcome else None for action in actions],
        "escalations": kinds.count(EventKind.ESCALATED),
        "started": kinds.count(EventKind.ACTION_STARTED),
    }


async def main(folder: Path, hands: Hands, point: Point | None) -> None:
    rig = crashing_rig(folder, hands, point)
    if await rig.store.read(newest_state) is None:
        await rig.hear()
    await until_over(rig)
    (folder / FOUND).write_text(json.dumps(await found(rig)))
    rig.store.close()


def run(folder: Path, hands: Hands, point: Point | None) -> None:
    asyncio.run(main(folder, hands, point))
