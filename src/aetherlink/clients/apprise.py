"""Apprise, which knows how to tell more than a hundred services: in a child process, see clients.apprise_child."""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from aetherlink.clients.apprise_options import AppriseOptions
from aetherlink.clients.credentials import read_lines
from aetherlink.errors import DeadlineError, NotSentError, UnreachableError

_MOST_URLS = 10
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,19})://", re.IGNORECASE)
_TO_START = 60.0  # seconds: all of its plugins are read from the disk
_BROKEN = (OSError, ValueError, EOFError, KeyError, TypeError)  # what comes of a child that died or talks nonsense


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one URL. `status` is what HTTP said, 0 where it said nothing."""

    number: int
    is_told: bool
    is_unknown: bool = False
    is_late: bool = False
    is_unsure: bool = True
    status: int = 0
    retry_after: str = ""
    broken: str = ""


class AppriseProcess:
    """One list of URLs, told by a child that lives until `aclose`; one that hangs is killed, and started anew.

    Raises SettingsError for a file that cannot be read, ModuleNotFoundError where Apprise is not installed.
    """

    def __init__(self, settings: AppriseOptions) -> None:
        if find_spec("apprise") is None:
            raise ModuleNotFoundError("Apprise is not installed", name="apprise")
        self._urls = read_lines(settings.urls_file, "urls_file", _MOST_URLS)
        self._environment = _environment(settings)
        self._turn = asyncio.Lock()
        self._starting: asyncio.Task[Process] | None = None
        self._names: tuple[str, ...] = ()
        self.schemes = tuple(_scheme(url) for url in self._urls)

    @property
    def numbers(self) -> range:
        """The URLs, counted from 0."""
        return range(len(self._urls))

    async def names(self, *, ends: float) -> tuple[str, ...]:
        """The services, in the order of their URLs; empty for a URL that cannot be used. Raises NotSentError."""
        await self._child(ends)
        return self._names

    async def tell(
        self, message: Mapping[str, str], numbers: Collection[int], *, told: Callable[[Told], None], ends: float
    ) -> None:
        """Tell these URLs, one after another; `told` hears what came of each. `ends` is an instant of the loop's clock.

        Raises NotSentError while it cannot begin, DeadlineError or UnreachableError where it breaks off.
        """
        try:
            async with asyncio.timeout_at(ends):
                await self._turn.acquire()
        except TimeoutError:
            raise NotSentError("Apprise tells another message still") from None
        try:
            await self._told(await self._child(ends), message, numbers, told, ends)
        finally:
            self._turn.release()

    async def _told(
        self,
        child: Process,
        message: Mapping[str, str],
        numbers: Collection[int],
        told: Callable[[Told], None],
        ends: float,
    ) -> None:
        is_done = False
        try:
            assert child.stdin is not None  # noqa: S101 - it was started with one
            child.stdin.write(json.dumps({**message, "numbers": list(numbers)}).encode() + b"\n")
            async with asyncio.timeout_at(ends):
                await child.stdin.drain()
                for _ in numbers:
                    told(Told(**await _line(child)))
            is_done = True
        except TimeoutError:
            raise DeadlineError("Apprise was not done in time") from None
        except _BROKEN as problem:
            raise UnreachableError(f"Apprise's process broke off: {type(problem).__name__}") from problem
        finally:
            if not is_done:
                await self._end()

    async def aclose(self) -> None:
        """End the child."""
        await self._end()

    async def _child(self, ends: float) -> Process:
        """The one that runs, or a new one. It may take longer to start than there is time: the next call finds it."""
        if self._starting is None or _is_over(self._starting):
            self._starting = asyncio.create_task(self._started(), name="apprise starts")
        try:
            async with asyncio.timeout_at(ends):
                return await asyncio.shield(self._starting)
        except TimeoutError:
            raise NotSentError("Apprise is being started still") from None

    async def _started(self) -> Process:
        arguments = (sys.executable, "-P", "-m", "aetherlink.clients.apprise_child")
        child = await asyncio.create_subprocess_exec(
            *arguments, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=self._environment, start_new_session=True
        )
        is_up = False
        try:
            assert child.stdin is not None  # noqa: S101 - it was started with one
            child.stdin.write(json.dumps({"urls": self._urls}).encode() + b"\n")
            async with asyncio.timeout(_TO_START):
                self._names = tuple((await _line(child))["names"])
            is_up = True
        except (TimeoutError, *_BROKEN) as problem:
            raise NotSentError(f"Apprise's process does not start: {type(problem).__name__}") from problem
        finally:
            if not is_up:
                await _killed(child)
        return child

    async def _end(self) -> None:
        starting, self._starting = self._starting, None
        if starting is None:
            return
        starting.cancel()
        with suppress(asyncio.CancelledError, NotSentError, OSError):
            await _killed(await starting)


def _scheme(url: str) -> str:
    """What may be shown of it. A line that is no URL, a bare token for instance, is a secret as a whole."""
    found = _SCHEME.match(url)
    return "no URL" if found is None else found[1]


def _environment(settings: AppriseOptions) -> dict[str, str]:
    """Where Python's modules are, and nothing else of the agent's own."""
    proxies = {} if settings.proxy is None else {"http_proxy": settings.proxy, "https_proxy": settings.proxy}
    paths = os.pathsep.join(path for path in sys.path if path)
    return {"PYTHONPATH": paths, "PATH": os.defpath, "NETRC": os.devnull, "LC_ALL": "C.UTF-8", **proxies}


def _is_over(starting: "asyncio.Task[Process]") -> bool:
    if not starting.done():
        return False
    return starting.cancelled() or starting.exception() is not None or starting.result().returncode is not None


async def _line(child: Process) -> dict[str, Any]:
    """Raises EOFError where it is gone, ValueError for what is no JSON."""
    assert child.stdout is not None  # noqa: S101 - it was started with one
    line = await child.stdout.readline()
    if not line:
        raise EOFError
    said: dict[str, Any] = json.loads(line)
    return said


async def _killed(child: Process) -> None:
    with suppress(ProcessLookupError):
        child.kill()
    if child.stdin is not None:
        child.stdin.close()
    await child.wait()
