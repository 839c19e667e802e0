"""One supervised service: its replicas, their probes, and the wishes that can be made of it.

Wishes are about state (started after an instant, so many replicas, this release): repeating one changes nothing.
Nothing is restarted unless somebody asks. Driven by the control API and by the lab's own start and stop.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aetherlink.errors import BadRequestError, ConflictError, DeadlineError
from aetherlink.lab import logs, processes
from aetherlink.lab.probes import Probe
from aetherlink.lab.processes import Child, Launch
from aetherlink.lab.states import ReplicaView, ServiceView, State, overall
from aetherlink.ports import Clock

_STARTING_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_MISSES_ALLOWED = 1
_IMPATIENT_GRACE = 1.0


async def _nothing() -> None:
    """For services that need no preparation."""


def _ignore(_ports: Sequence[int]) -> None:
    """For services whose ports nobody has to be told."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """How a service is run. `launch` and `probe` are told the replica's index and port (and release)."""

    name: str
    log: Path
    launch: Callable[[int, str | None], Launch]
    probe: Callable[[int], Probe]
    url: str | None = None
    ports: tuple[int, ...] = ()
    """One for each possible replica, which keeps it over restarts: a scrape target is known by it."""
    releases: tuple[str, ...] = ()
    release: str | None = None
    min: int = 1
    max: int = 1
    wanted: int = 1
    before_start: Callable[[], Awaitable[None]] = _nothing
    on_ports: Callable[[Sequence[int]], None] = _ignore
    """Told the ports of the wanted replicas whenever these change."""
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(slots=True, eq=False)
class Replica:
    """One process and what is known of it."""

    index: int
    port: int | None
    release: str | None
    child: Child
    started_at: datetime
    state: State = State.STARTING
    detail: str | None = None
    misses: int = 0
    farewell: str | None = None
    """What is said when it has ended, where that was asked for; empty: nothing. None: nobody asked for it."""
    watcher: "asyncio.Task[None] | None" = field(default=None, repr=False)

    def view(self) -> ReplicaView:
        """As others may see it."""
        alive = self.child.exit_code is None
        return ReplicaView(
            index=self.index,
            pid=self.child.pid if alive else None,
            port=self.port,
            state=self.state,
            started_at=self.started_at,
            exit_code=self.child.exit_code,
            release=self.release,
            detail=self.detail,
        )


class Service:
    """The replicas of one service. Wishes are served one at a time; looking and killing never wait."""

    def __init__(
        self,
        plan: ServicePlan,
        *,
        clock: Clock,
        interval: float,
        grace: float,
        on_change: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        """`tell` is given a line when a replica that was well has ended by itself, or was killed."""
        self.plan = plan
        self._tell = tell
        self._clock = clock
        self._interval = interval
        self._grace = grace
        self._on_change = on_change
        self._replicas: dict[int, Replica] = {}
        self._wishes = asyncio.Lock()
        self._wanted = 0
        self._is_stopping = False
        self._release = plan.release
        self._previous_release: str | None = None

    @property
    def state(self) -> State:
        """The service's own, from all its replicas."""
        return overall([replica.state for replica in self._replicas.values()], self._wanted)

    def children(self) -> list[Child]:
        """The processes that live."""
        return [replica.child for replica in self._replicas.values() if replica.child.exit_code is None]

    def view(self) -> ServiceView:
        """As others may see it."""
        return ServiceView(
            name=self.plan.name,
            state=self.state,
            url=self.plan.url,
            log=str(self.plan.log),
            release=self._release,
            previous_release=self._previous_release,
            min=self.plan.min,
            max=self.plan.max,
            wanted=self._wanted,
            replicas=tuple(self._replicas[index].view() for index in sorted(self._replicas)),
        )

    async def start(self, *, within: float) -> None:
        """Start what is wanted at first. Raises DeadlineError when it is not ready within so many seconds."""
        logs.begin(self.plan.log)
        await self.plan.before_start()
        await self.scale(self.plan.wanted, within=within)

    async def scale(self, wanted: int, *, within: float) -> None:
        """Make it so many replicas, all of them alive. Raises ConflictError outside of its bounds."""
        if not self.plan.min <= wanted <= self.plan.max:
            raise ConflictError(f"{self.plan.name} can have {self.plan.min} to {self.plan.max} replicas, not {wanted}")
        async with self._one_wish(within) as deadline:
            self._want(wanted)
            await asyncio.gather(*(self._end(index) for index in list(self._replicas) if index >= wanted))
            await self._replace(self._dead_or_missing(), deadline)

    async def restart(self, started_after: datetime, *, within: float) -> None:
        """Make every wanted replica one that started after the instant; those that did already are left alone."""
        if started_after > self._clock.now():
            raise BadRequestError("started_after lies in the future: nothing could have started after it")
        async with self._one_wish(within) as deadline:
            old = [index for index, replica in self._replicas.items() if replica.started_at <= started_after]
            await self._roll({*old, *self._dead_or_missing()}, deadline)

    async def deploy(self, release: str, *, within: float) -> None:
        """Make every wanted replica run the release; the one before it is remembered, be this one well or not."""
        if release not in self.plan.releases:
            known = ", ".join(self.plan.releases) or "none"
            raise ConflictError(f"{self.plan.name} has no release {release!r}; known: {known}")
        async with self._one_wish(within) as deadline:
            if release != self._release:
                self._release, self._previous_release = release, self._release
            other = [index for index, replica in self._replicas.items() if replica.release != release]
            await self._roll({*other, *self._dead_or_missing()}, deadline)

    def kill(self) -> None:
        """SIGKILL to every replica. Nothing brings them back but a wish."""
        for replica in self._replicas.values():
            if replica.child.exit_code is None:
                replica.farewell = f"{self.plan.name} was killed, as asked"
                replica.child.send(signal.SIGKILL)

    async def stop(self, *, grace: float | None = None) -> None:
        """End every replica, by force when it does not end by itself; no wish starts another one after that."""
        self._is_stopping = True
        self._wanted = 0
        await self._end_all(grace)
        # A wish that was about to start one has started it by now, and starts no more.
        async with self._wishes:
            await self._end_all(grace)

    async def _end_all(self, grace: float | None) -> None:
        await asyncio.gather(*(self._end(index, grace=grace) for index in list(self._replicas)))

    def _one_wish(self, within: float) -> "_Wish":
        return _Wish(self._wishes, self._clock.monotonic() + within, within, self._complaint)

    def _complaint(self) -> str:
        parts = [
            f"replica {replica.index} is {replica.state}" + (f" ({replica.detail})" if replica.detail else "")
            for replica in self._replicas.values()
            if replica.state is not State.READY
        ]
        return f"{self.plan.name} is {self.state}: {', '.join(parts) or 'no replica'}; see {self.plan.log}"

    def _want(self, wanted: int) -> None:
        self._wanted = wanted
        self.plan.on_ports(self.plan.ports[:wanted])

    def _dead_or_missing(self) -> list[int]:
        return [
            index
            for index in range(self._wanted)
            if index not in self._replicas or self._replicas[index].child.exit_code is not None
        ]

    async def _roll(self, indexes: set[int], deadline: float) -> None:
        """Replace those that are not well all at once, then those that are one after another.

        None is taken away while one that was replaced before it is not well, or has ceased to be.
        """
        well = [index for index in sorted(indexes) if self._is_ready(index)]
        replaced = [index for index in sorted(indexes) if index not in well]
        await self._replace(replaced, deadline)
        for index in well:
            await self._all_ready(replaced, deadline)
            await self._replace([index], deadline)
            replaced.append(index)

    async def _all_ready(self, indexes: Sequence[int], deadline: float) -> None:
        """Those that are gone altogether were taken away with the lab."""
        for replica in [self._replicas[index] for index in indexes if index in self._replicas]:
            await self._until_ready(replica, deadline)

    def _is_ready(self, index: int) -> bool:
        return index in self._replicas and self._replicas[index].state is State.READY

    async def _replace(self, indexes: Sequence[int], deadline: float) -> None:
        await asyncio.gather(*(self._end(index) for index in indexes))
        for index in indexes:
            await self._begin(index)
        for index in indexes:
            await self._until_ready(self._replicas[index], deadline)

    async def _begin(self, index: int) -> None:
        if self._is_stopping:
            raise ConflictError(f"{self.plan.name} is being stopped with the lab")
        port = self.plan.ports[index] if self.plan.ports else None
        # Read before the start: a wish "started after T" must never take an older process for a newer one.
        started_at = self._clock.now()
        child = await processes.start(self.plan.launch(index, self._release))
        replica = Replica(index, port, self._release, child, started_at)
        self._replicas[index] = replica
        replica.watcher = asyncio.create_task(self._watch(replica), name=f"watch {self.plan.name}/{index}")
        self._on_change()

    async def _end(self, index: int, *, grace: float | None = None) -> None:
        """Stop the replica and forget it."""
        replica = self._replicas.get(index)
        if replica is None:
            return
        if grace is None:
            # One that does not answer its probes will hardly answer a signal: others wait for the replacement.
            grace = self._grace if replica.state is State.READY else min(_IMPATIENT_GRACE, self._grace)
        if replica.child.exit_code is None:
            replica.farewell = ""
        await replica.child.stop(self.plan.stop_signal, grace=grace)
        if replica.watcher is not None:
            await replica.watcher
        if self._replicas.get(index) is replica:
            del self._replicas[index]
        self._on_change()

    async def _until_ready(self, replica: Replica, deadline: float) -> None:
        while replica.state is not State.READY:
            if replica.state is State.EXITED or self._clock.monotonic() >= deadline:
                raise DeadlineError(self._complaint())
            await asyncio.sleep(_STARTING_PAUSE / 2)

    async def _watch(self, replica: Replica) -> None:
        """Probe the replica until it has ended; its last entry is its exit."""
        probe = self.plan.probe(replica.index)
        exited = asyncio.ensure_future(replica.child.wait())
        while not exited.done():
            self._note(replica, await probe())
            pause = _STARTING_PAUSE if replica.state is State.STARTING else min(self._interval, _LONGEST_PAUSE)
            await asyncio.wait({exited}, timeout=pause)
        code = exited.result()
        was_well = replica.state is not State.STARTING
        replica.state = State.EXITED
        replica.detail = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
        self._on_change()
        if was_well and (line := self._farewell(replica, code)):
            self._tell(line)

    def _farewell(self, replica: Replica, code: int) -> str:
        """One that never was well is not told here: whoever started it hears of it."""
        if replica.farewell is not None:
            return replica.farewell
        name = self.plan.name
        which = name if self._wanted == 1 else f"{name}-{replica.index + 1}"
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"{which} ended ({how}); see {self.plan.log}; `aether lab restart {name}` starts it again"

    @staticmethod
    def _note(replica: Replica, problem: str | None) -> None:
        replica.detail = problem
        if problem is None:
            replica.state, replica.misses = State.READY, 0
        elif replica.state is not State.STARTING:
            replica.misses += 1
            if replica.misses > _MISSES_ALLOWED:
                replica.state = State.UNHEALTHY


class _Wish:
    """Waits for the service's turn, no longer than the wish itself may take."""

    def __init__(self, lock: asyncio.Lock, deadline: float, within: float, complaint: Callable[[], str]) -> None:
        self._lock, self._deadline, self._within, self._complaint = lock, deadline, within, complaint

    async def __aenter__(self) -> float:
        """The instant, on the monotonic clock, at which the wish has taken too long."""
        try:
            await asyncio.wait_for(self._lock.acquire(), self._within)
        except TimeoutError as error:
            raise DeadlineError(f"an earlier wish is still being served: {self._complaint()}") from error
        return self._deadline

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
