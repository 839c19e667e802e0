"""Runs a lab in the foreground: from the first look for tools to the last process gone.

`aether lab up` calls `run_lab`; the demo and tests use `running_lab` as a block. Progress is told line by line.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from aetherlink.lab.options import LabOptions
from aetherlink.lab.supervisor import Lab, Tell
from aetherlink.lib.clock import SystemClock
from aetherlink.ports import Clock

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _silent(_line: str) -> None:
    """For callers that do not want to hear."""


_HINT = (
    "running; Ctrl-C or `make down` ends it. In another terminal: `make drill`, `.venv/bin/aether lab status`, "
    "`.venv/bin/aether incidents`"
)

Scene = Callable[[Lab], Awaitable[int]]


async def run_lab(
    options: LabOptions,
    *,
    tell: Tell = _silent,
    clock: Clock | None = None,
    scene: Scene | None = None,
    keep: bool = True,
) -> int:
    """Run a lab until Ctrl-C, SIGTERM, SIGHUP or `POST /v1/stop`; 0 when it ended well.

    A second Ctrl-C gives nobody time any more. A `scene` is played once the lab is ready, and its result is returned
    (1 when the end came first); without `keep` the lab ends with it. Raises AetherError when the lab cannot start or
    the scene fails: nothing is left running then.
    """
    clock = clock or SystemClock()
    lab = Lab(options, clock=clock, tell=tell)
    begun = clock.monotonic()
    code = 0
    with _signals(lab.request_stop):
        try:
            if await lab.start():
                _tell_addresses(lab, tell, seconds=clock.monotonic() - begun)
                code = 0 if scene is None else await _play(scene, lab)
                if keep or scene is None:
                    tell(_HINT)
                    await lab.wait_for_stop()
            tell("stopping")
        finally:
            await lab.stop()
    tell("stopped")
    return code


async def _play(scene: Scene, lab: Lab) -> int:
    """The scene's result, or 1 when the end was asked for before it was over."""
    playing, asked = asyncio.ensure_future(scene(lab)), asyncio.ensure_future(lab.wait_for_stop())
    try:
        await asyncio.wait({playing, asked}, return_when=asyncio.FIRST_COMPLETED)
        return playing.result() if playing.done() else 1
    finally:
        for task in (playing, asked):
            task.cancel()
        await asyncio.gather(playing, asked, return_exceptions=True)


def _tell_addresses(lab: Lab, tell: Tell, *, seconds: float) -> None:
    tell(f"ready after {seconds:.1f} s")
    for name, url in lab.urls.items():
        tell(f"  {name:<13} {url}")
    tell(f"  {'logs':<13} {lab.options.dir / 'logs'}")


@contextlib.asynccontextmanager
async def running_lab(options: LabOptions, *, tell: Tell = _silent, clock: Clock | None = None) -> AsyncIterator[Lab]:
    """A lab that is ready, for the length of a block. Leaves the process' signals alone."""
    lab = Lab(options, clock=clock or SystemClock(), tell=tell)
    try:
        await lab.start()
        yield lab
    finally:
        await lab.stop()


@contextlib.contextmanager
def _signals(request_stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, request_stop)
    try:
        yield
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
