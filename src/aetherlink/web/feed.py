"""What happens, told to whoever listens: new entries of timelines, the health scores, how the agent stands.

Stored state is the truth: an entry goes out once it is committed, in the order of its number, and whoever comes back
with the last number that he has goes on from there. One look serves all listeners; without any nobody looks.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from aetherlink.lib.periodic import Periodic
from aetherlink.model.timeline import StoredEntry
from aetherlink.ports import Store

MOST_LISTENERS = 100
MOST_UNREAD = 1_000
"""Events that wait for one listener; one that reads slower is let go, and comes back with his last number."""

LONGEST_GAP = 10_000
"""Entries that are told again to who comes back; whoever missed more has to look at everything anew."""

_EVERY = timedelta(milliseconds=100)
_QUIET = 15.0  # seconds without an event, after which it is said that the stream is alive
_LOOKS_A_PRESENT = 10
_AT_ONCE = 500
_END = None

NOTHING = "nothing"
"""The kind of an event that says only that the stream is alive."""

_log = logging.getLogger("aetherlink.web")

Facts = Mapping[str, object]


class Event(NamedTuple):
    """One thing to tell: its kind, what is said of it, and the number of the entry, where it is one."""

    kind: str
    facts: Facts
    number: int | None = None


class Feed:
    """Listens to the store for all. `newest` is the number of the last committed entry, known without asking.

    `present` gives, kind by kind, what is told whenever it changes, and to everybody who begins to listen.
    """

    def __init__(
        self, store: Store, *, newest: Callable[[], int], present: Callable[[], Awaitable[Mapping[str, Facts]]]
    ) -> None:
        self._store = store
        self._newest = newest
        self._present = present
        self._told = 0
        self._looks = 0
        self._known: Mapping[str, Facts] = {}
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        self._looking = Periodic("feed", self._look, every=_EVERY, log=_log)
        self._is_over = False

    def start(self) -> None:
        """Begin."""
        self._looking.start()

    async def stop(self) -> None:
        """Let every listener go."""
        self.end()
        await self._looking.stop()

    def end(self) -> None:
        """Let every listener go, now, and take no other: who serves them is about to end."""
        self._is_over = True
        for listener in list(self._listeners):
            self._let_go(listener)

    @property
    def has_room(self) -> bool:
        """Whether one more may listen."""
        return not self._is_over and len(self._listeners) < MOST_LISTENERS

    async def listen(self, after: int | None = None) -> AsyncGenerator[Event, None]:
        """How things are, then everything from now on, or from behind this number on; nothing where there is no room.

        Raises StoreError.
        """
        if not self.has_room:
            return
        if is_first := not self._listeners:
            self._told = self._newest()
        unread: asyncio.Queue[Event | None] = asyncio.Queue(MOST_UNREAD)
        self._listeners.add(unread)
        try:
            told, present = self._told, await self._present()
            if is_first:
                self._known = present
            for kind, facts in present.items():
                yield Event(kind, facts, told if after is None else after)  # who is cut off now goes on from here
            if after is not None and after != told:
                async for event in self._missed(after, told):
                    yield event
            while (following := await _next(unread)) is not _END:
                if following.number is None or following.number > told:
                    yield following
        finally:
            self._listeners.discard(unread)

    async def _missed(self, after: int, until: int) -> AsyncIterator[Event]:
        """What was stored behind one number and up to the other, page by page."""
        if not 0 <= until - after <= LONGEST_GAP:
            yield Event("reset", {"number": until}, until)
            return
        while after < until:
            entries = await self._entries_behind(after)
            for one in entries:
                if one.number > until:
                    return
                yield _told_of(one)
            if not entries:
                return
            after = entries[-1].number

    async def _entries_behind(self, number: int) -> list[StoredEntry]:
        return await self._store.read(lambda rows: rows.incidents.entries_after(number, limit=_AT_ONCE))

    async def _look(self) -> None:
        if not self._listeners:
            return
        self._looks += 1
        if self._looks % _LOOKS_A_PRESENT == 0:
            await self._tell_what_changed()
        while self._newest() > self._told and (entries := await self._entries_behind(self._told)):
            self._told = max(self._told, entries[-1].number)
            for one in entries:
                self._tell(_told_of(one))

    async def _tell_what_changed(self) -> None:
        present = await self._present()
        for kind, facts in present.items():
            if facts != self._known.get(kind):
                self._tell(Event(kind, facts))
        self._known = present

    def _tell(self, event: Event) -> None:
        for listener in list(self._listeners):
            try:
                listener.put_nowait(event)
            except asyncio.QueueFull:
                self._let_go(listener)

    def _let_go(self, listener: asyncio.Queue[Event | None]) -> None:
        self._listeners.discard(listener)
        while not listener.empty():  # what he has not read he asks for when he comes back
            listener.get_nowait()
        listener.put_nowait(_END)


async def _next(unread: "asyncio.Queue[Event | None]") -> Event | None:
    try:
        async with asyncio.timeout(_QUIET):
            return await unread.get()
    except TimeoutError:
        return Event(NOTHING, {})


def _told_of(stored: StoredEntry) -> Event:
    entry = stored.entry
    facts = {
        "number": stored.number,
        "incident_id": stored.incident_id,
        "kind": entry.kind.value,
        "at": entry.at.isoformat(),
        "text": entry.text,
    }
    return Event("entry", facts, stored.number)
