"""T35: whichever step on the way to Alertmanager fails, reconciliation closes nothing, and the next poll is whole."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client import CollectorRegistry

from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.options import ClientOptions
from aetherlink.intake.comparison import Comparison, PollStatus
from aetherlink.intake.reconcile import Reconciler, Watched
from aetherlink.intake.reconcile_metrics import ReconcileMetrics
from aetherlink.intake.reconcile_options import ReconcileOptions
from aetherlink.lab.tools import find_tools
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.model.ids import SourceName
from aetherlink.store.database import SqlStore
from aetherlink.testing import fixed_key
from rigs.agent_process import free_port, wait_until
from rigs.alertmanager import Alertmanager
from rigs.databases import empty_file
from rigs.failing_proxy import FailingProxy, Fault
from rigs.reception import build_reception

ROOT = Path(__file__).parents[2]
LAB = SourceName("lab")
DEADLINE = timedelta(seconds=1.5)  # well beyond what an answer takes on a machine that is busy with other tests
AT_ONCE = ReconcileOptions(settle=timedelta(0), settle_after_start=timedelta(0))
FEWEST_STEPS = 9  # of three questions: each is asked, and answered in two parts


class Nobody:
    """Is told of heartbeats, and woken, and need not be."""

    def heard(self, *_: object) -> None:
        pass

    missed = stopped = heard

    def wake(self) -> None:
        pass


class World:
    """An Alertmanager, a way to it that breaks, and who asks it over that way and files what he hears."""

    def __init__(self, alertmanager: Alertmanager, proxy: FailingProxy, store: SqlStore) -> None:
        self.alertmanager = alertmanager
        self.proxy = proxy
        self._ghosts: list[str] = []
        clock = SystemClock()
        self.client = AlertmanagerClient(proxy.url, ClientOptions(deadline=DEADLINE, in_flight=2))
        self._store = store
        self._reconciler = Reconciler(
            Watched(LAB, [self.client], "agent"),
            AT_ONCE,
            comparison=Comparison(AT_ONCE, frozenset()),
            standings=store.standings,
            sink=build_reception(store, clock=clock, ids=SortableIds(clock), waker=Nobody()),
            store=store,
            heartbeats=Nobody(),
            clock=clock,
            metrics=ReconcileMetrics(CollectorRegistry(), [LAB]),
        )

    async def poll(self) -> PollStatus:
        return await self._reconciler.poll()

    def fires(self) -> set[str]:
        """The names of the alerts that stand."""
        with self._store._place.reading.connect() as connection:
            rows = connection.exec_driver_sql("SELECT name FROM alerts WHERE status = 'firing'")
            return {name for (name,) in rows}

    async def a_ghost_was_seen_once(self, name: str) -> None:
        """An alert that stands is over in Alertmanager, and one poll has seen so: one more has to agree."""
        self._ghosts.append(name)
        self.alertmanager.fire(name)
        assert await self.poll() is PollStatus.OK
        self.alertmanager.resolve(name)
        assert await self.poll() is PollStatus.OK
        assert self.fires() == {"Standing", name}

    def leave_nothing(self) -> None:
        """Whatever became of the test: the next one has the same Alertmanager."""
        for name in self._ghosts:
            self.alertmanager.resolve(name)

    async def recovers(self) -> None:
        """The next poll is whole, and it is the one that agrees."""
        assert await self.poll() is PollStatus.OK
        assert self.fires() == {"Standing"}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    program = find_tools("stable", project_dir=ROOT).alertmanager
    nobody = f"http://127.0.0.1:{free_port()}/"
    made = Alertmanager(program, tmp_path_factory.mktemp("alertmanager"), nobody)
    made.start()
    wait_until(lambda: is_up_by_its_own_clock(made), "what it does not list may be believed")
    made.fire("Standing")
    yield made
    made.kill()


def is_up_by_its_own_clock(alertmanager: Alertmanager) -> bool:
    """It tells the time in whole seconds, so in its first one it seems to start in time to come."""
    answer = httpx.get(f"{alertmanager.url}/api/v2/status")
    return parsedate_to_datetime(answer.headers["date"]) >= datetime.fromisoformat(answer.json()["uptime"])


@asynccontextmanager
async def open_world(alertmanager: Alertmanager, folder: Path) -> AsyncIterator[World]:
    store = SqlStore(empty_file(folder / "aetherlink.db"), key=fixed_key)
    store.open()
    place = urlsplit(alertmanager.url)
    async with FailingProxy(str(place.hostname), int(place.port or 0)).standing() as proxy:
        world = World(alertmanager, proxy, store)
        try:
            yield world
        finally:
            world.leave_nothing()
            await world.client.aclose()
    store.close()


@pytest.fixture
async def world(alertmanager: Alertmanager, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(alertmanager, tmp_path) as made:
        yield made


CASES = [(fault, is_new) for fault in Fault for is_new in (True, False) if is_new or fault is not Fault.HANG]


@pytest.mark.parametrize(
    ("fault", "is_new"), CASES, ids=[f"{fault.name} {'new' if is_new else 'kept'}" for fault, is_new in CASES]
)
async def test_t35_whichever_step_fails_nothing_is_closed(world: World, fault: Fault, is_new: bool) -> None:
    for number in count(1):
        await world.a_ghost_was_seen_once(f"Ghost-{number}")
        if is_new:
            await world.proxy.shut()
            await world.proxy.open()
        world.proxy.fail(number, fault)
        status = await world.poll()
        if not world.proxy.has_struck:
            break
        assert status is PollStatus.ERROR
        assert world.fires() == {"Standing", f"Ghost-{number}"}
        await world.recovers()

    assert status is PollStatus.OK
    assert number > FEWEST_STEPS  # else not every step was made to fail


async def test_t35_a_refused_connection_closes_nothing(world: World) -> None:
    await world.a_ghost_was_seen_once("Ghost")
    await world.proxy.shut()

    assert [await world.poll() for _ in range(3)] == [PollStatus.ERROR] * 3

    assert world.fires() == {"Standing", "Ghost"}
    await world.proxy.open()
    await world.recovers()
