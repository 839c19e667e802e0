"""Runs a lab in the foreground: from the first look for tools to the last process gone.

`aether lab up` calls `run_lab`; the demo and tests use `running_lab` as a block. Progress is told line by line.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator

from aetherlink.lab.options import LabOptions
from aetherlink.lab.supervisor import Lab, Tell
from aetherlink.lib.clock import SystemClock
from aetherlink.ports import Clock

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _silent(_line: str) -> None:
    """For callers that do not want to hear."""


async def run_lab(options: LabOptions, *, tell: Tell = _silent, clock: Clock | None = None) -> int:
    """Run a lab until Ctrl-C, SIGTERM, SIGHUP or `POST /v1/stop`; 0 when it ended well.

    A second Ctrl-C gives nobody time any more. Raises AetherError when it cannot start: nothing is left running then.
    """
    clock = clock or SystemClock()
    lab = Lab(options, clock=clock, tell=tell)
    begun = clock.monotonic()
    with _signals(lab.request_stop):
        try:
            if await lab.start():
                tell(f"ready after {clock.monotonic() - begun:.1f} s")
                for name, url in lab.urls.items():
                    tell(f"  {name:<13} {url}")
                tell(f"  {'logs':<13} {options.dir / 'logs'}")
                await lab.wait_for_stop()
            tell("stopping")
        finally:
            await lab.stop()
    tell("stopped")
    return 0


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
