"""Watches the files of the playbooks: a good set takes the place of the last one, a wrong one is refused and said.

Started by the agent. Names, sizes and times of the files are compared from time to time; what changed is read once it
has not changed between two looks, for an editor may be in the middle of writing. Reading is done on a thread.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from aetherlink.errors import AetherError, SettingsError
from aetherlink.lib.periodic import Periodic
from aetherlink.model.decisions import Mode
from aetherlink.model.playbooks import Playbook
from aetherlink.playbooks.book import Book
from aetherlink.playbooks.loader import files_of
from aetherlink.ports import Clock, PlaybookSink

_log = logging.getLogger("aetherlink.playbooks")

_SETTLE = timedelta(seconds=0.5)

Mark = tuple[object, ...]


class ReloadMetrics:
    """How many playbooks are in force, and whether those on disk are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._loaded = Gauge(
            "aether_agent_playbooks",
            "Playbooks in force, by the mode that their files and the settings give them, promotions apart.",
            ["mode"],
            registry=registry,
        )
        self._refused = Gauge(
            "aether_agent_playbooks_refused",
            "1 while the files on disk are wrong and the playbooks read before stay in force.",
            registry=registry,
        )
        self._reloads = Counter(
            "aether_agent_playbook_reloads",
            "Changed playbook files that were read, taken or refused.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("taken", "refused"):
            self._reloads.labels(outcome)

    def in_force(self, book: Book) -> None:
        """Count them."""
        modes = [mode for _, mode in book.in_force]
        for mode in Mode:
            self._loaded.labels(mode.value).set(modes.count(mode))

    def read(self, *, is_refused: bool) -> None:
        """Files were read."""
        self._refused.set(is_refused)
        self._reloads.labels("refused" if is_refused else "taken").inc()


class Reload:
    """`load` reads every playbook, or raises SettingsError; `use` is given each new set.

    `folder` is the user's, None when there is none. `settle` ends what was for another content than that in force, at
    the first look too: a file may have changed while nobody looked. While it fails no other set is taken. The sink
    hears of it at the first look too: files that were wrong before a restart are right now, or the agent would not have
    started.
    """

    def __init__(
        self,
        folder: Path | None,
        load: Callable[[], tuple[Playbook, ...]],
        use: Callable[[tuple[Playbook, ...]], None],
        *,
        settle: Callable[[], Awaitable[None]],
        book: Book,
        every: timedelta,
        sink: PlaybookSink,
        clock: Clock,
        metrics: ReloadMetrics,
    ) -> None:
        self._folder = folder
        self._load = load
        self._use = use
        self._settle = settle
        self._is_settled = False
        self._book = book
        self._sink = sink
        self._clock = clock
        self._metrics = metrics
        self._read_at: Mark | None = None
        self._changing: Mark | None = None
        self._problem: str | None = None
        self._is_told: bool | None = None  # that they are refused; None: nobody was told yet
        self._loop = Periodic("playbooks", self.check, every=every, log=_log)
        metrics.in_force(book)

    def start(self) -> None:
        """Look at once, then from time to time."""
        self._loop.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._loop.stop()

    async def check(self) -> timedelta | None:
        """Look once; the pause until the next look where that is not the usual one."""
        if not await self._settles():
            return None
        mark = await asyncio.to_thread(_mark, self._folder)
        if mark != self._read_at:
            if mark != self._changing:
                self._changing = mark
                return _SETTLE
            await self._read(mark)
            await self._settles()
        await self._tell()
        return None

    async def _settles(self) -> bool:
        """Whether the sets taken so far are settled. A content that comes back later must find its promotion ended."""
        if not self._is_settled:
            try:
                await self._settle()
            except AetherError as problem:
                _log.error("the end of promotions whose files were changed could not be recorded: %s", problem)
                return False
            self._is_settled = True
        return True

    async def _read(self, mark: Mark) -> None:
        try:
            found = await asyncio.to_thread(self._load)
        except SettingsError as problem:
            self._problem = str(problem)
            _log.error("The playbooks on disk are refused, those read before stay in force: %s", problem)
        else:
            self._problem = None
            self._take(found)
        self._read_at = mark
        self._metrics.read(is_refused=self._problem is not None)

    def _take(self, found: tuple[Playbook, ...]) -> None:
        before = self._book.playbooks
        if found == before:
            return
        self._book.replace(found)
        self._use(found)
        self._is_settled = False
        self._metrics.in_force(self._book)
        for level, line in _changes(before, self._book):
            _log.log(level, "%s", line)

    async def _tell(self) -> None:
        """Tell the sink what it does not know yet; when it cannot record that, the next look tries again."""
        is_refused = self._problem is not None
        if is_refused == self._is_told:
            return
        try:
            if self._problem is not None:
                await self._sink.refused(self._problem, at=self._clock.now())
            else:
                await self._sink.accepted(at=self._clock.now())
        except AetherError as problem:
            _log.error("that playbooks are %s could not be recorded: %s", _word(is_refused), problem)
            return
        self._is_told = is_refused


def _word(is_refused: bool) -> str:
    return "refused" if is_refused else "accepted"


def _mark(folder: Path | None) -> Mark:
    """What changes with the files."""
    if folder is None:
        return ()
    try:
        return tuple(_mark_of(path) for path in files_of(folder))
    except SettingsError as problem:
        return (str(problem),)


def _mark_of(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError as problem:
        return (path.name, problem.errno)
    return (path.name, found.st_size, found.st_mtime_ns, found.st_ino)


def _changes(before: tuple[Playbook, ...], book: Book) -> Iterator[tuple[int, str]]:
    """What a reload changed, line by line with its level: whoever raises a mode should see that in the log."""
    known = {playbook.name: playbook for playbook in before}
    for playbook, mode in book.in_force:
        old = known.pop(playbook.name, None)
        was = Mode.OBSERVE if old is None else old.mode
        if playbook.mode.rank > was.rank:
            yield (
                logging.WARNING,
                f"Playbook {playbook.name}: mode raised from {was} to {playbook.mode}, in force: {mode}",
            )
        elif playbook != old:
            yield logging.INFO, f"Playbook {playbook.name} {'added' if old is None else 'changed'}, mode {mode}"
    for name in known:
        yield logging.INFO, f"Playbook {name} taken away"
