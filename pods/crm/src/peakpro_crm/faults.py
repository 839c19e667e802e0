"""The fault switchboard: breaks this process on request, for drills, and mends it again.

Exists only when CRM_FAULTS_ENABLED is true. The fault routes set and lift, every API request passes `before_request`.
Leaks are real: resident memory, connections out of the pool.
"""

import asyncio
import logging
import mmap
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from peakpro_crm.database import Database
from peakpro_crm.errors import FaultRefusedError, InjectedError
from peakpro_crm.ports import Chance

_LOG = logging.getLogger("peakpro_crm.faults")
_MEBIBYTE = 1024 * 1024
_ANSWER_FIRST = 0.05  # seconds between answering and hanging, so that the caller hears that it worked


class FaultName(StrEnum):
    """The faults there are."""

    LATENCY = "latency"
    ERRORS = "errors"
    POOL_LEAK = "pool_leak"
    MEMORY_LEAK = "memory_leak"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Latency:
    """Adds `seconds` to requests of a tenant, or of all when it is None."""

    seconds: float
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Errors:
    """Answers a `ratio` (0 to 1) of the requests of a tenant, or of all, with 500."""

    ratio: float
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class PoolLeak:
    """Keeps so many connections out of the pool."""

    connections: int


@dataclass(frozen=True, slots=True)
class MemoryLeak:
    """Keeps so much memory resident."""

    mebibytes: int


@dataclass(frozen=True, slots=True)
class Hang:
    """Blocks the event loop for so long: requests, scrapes and probes all wait."""

    seconds: float


Fault = Latency | Errors | PoolLeak | MemoryLeak | Hang


class Faults:
    """Which faults are on in this process, and what they hold."""

    def __init__(self, database: Database, chance: Chance) -> None:
        self._database = database
        self._chance = chance
        self._active: dict[FaultName, Fault] = {}
        self._held: dict[FaultName, ExitStack] = {}
        self._changing = asyncio.Lock()

    @property
    def active(self) -> dict[FaultName, Fault]:
        """The faults that are on."""
        return dict(self._active)

    async def before_request(self, tenant: str) -> None:
        """Delay or refuse a request as the faults say; raises InjectedError for the refused ones."""
        match self._active.get(FaultName.LATENCY):
            case Latency() as latency if latency.tenant in (None, tenant):
                await asyncio.sleep(latency.seconds)
        match self._active.get(FaultName.ERRORS):
            case Errors() as errors if errors.tenant in (None, tenant) and self._chance.draw() < errors.ratio:
                raise InjectedError("the error fault is on")

    async def put(self, name: FaultName, fault: Fault) -> None:
        """Switch a fault on, in place of an earlier setting of it. Raises FaultRefusedError, PoolExhaustedError."""
        async with self._changing:
            await self._lift(name)
            match fault:
                case PoolLeak():
                    self._held[name] = await asyncio.to_thread(_take_connections, self._database, fault.connections)
                case MemoryLeak():
                    self._held[name] = await asyncio.to_thread(_take_memory, fault.mebibytes)
                case Hang():
                    self._held[name] = self._hang_soon(fault.seconds)
                case Latency() | Errors():
                    pass
            self._active[name] = fault
            _LOG.warning("fault on: %s", fault)

    async def lift(self, *names: FaultName) -> None:
        """Switch faults off and give back what they hold; one that is not on is no error."""
        async with self._changing:
            for name in names:
                await self._lift(name)

    async def _lift(self, name: FaultName) -> None:
        if self._active.pop(name, None) is not None:
            _LOG.warning("fault off: %s", name)
        held = self._held.pop(name, None)
        if held is not None:
            await asyncio.to_thread(held.close)

    def _hang_soon(self, seconds: float) -> ExitStack:
        def hang() -> None:
            time.sleep(seconds)
            self._active.pop(FaultName.HANG, None)

        timer = asyncio.get_running_loop().call_later(_ANSWER_FIRST, hang)
        return _holding(timer.cancel)


def _holding(give_back: Callable[[], object]) -> ExitStack:
    held = ExitStack()
    held.callback(give_back)
    return held


def _take_connections(database: Database, count: int) -> ExitStack:
    if count > database.pool_size:
        raise FaultRefusedError(f"connections: the pool holds {database.pool_size}, {count} cannot be leaked")
    with ExitStack() as held:
        for _ in range(count):
            connection: Connection = database.check_out()
            held.callback(connection.close)
        return held.pop_all()


def _take_memory(mebibytes: int) -> ExitStack:
    with ExitStack() as held:
        for _ in range(mebibytes):
            try:
                block = mmap.mmap(-1, _MEBIBYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            except OSError as error:
                raise FaultRefusedError(f"mebibytes: the system refuses {mebibytes}: {error}") from error
            held.callback(block.close)
            for offset in range(0, _MEBIBYTE, mmap.PAGESIZE):
                block[offset] = 1  # a page that was never written is not resident
        return held.pop_all()
