"""Walks the plan by the clock: an open loop, in which a late answer delays no later request.

`__main__` calls `run`. At most `max_in_flight` requests wait at once; what would exceed that is dropped and counted.
"""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import Any, TextIO

import httpx
import uvloop

from peakpro_crm.ports import RandomIds
from peakpro_crm.settings import TrafficSettings
from peakpro_crm.traffic import plan, report
from peakpro_crm.traffic.book import LeadBook
from peakpro_crm.traffic.tally import Tally, end_of
from peakpro_crm.traffic.words import Arrival, Call, End

_LAST_ANSWERS = 1.0  # seconds that requests under way get when the generator stops


def run(settings: TrafficSettings, output: TextIO) -> None:
    """Send traffic until the duration is over or a SIGTERM or SIGINT comes, then print the summary."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(settings, output))


async def _main(settings: TrafficSettings, output: TextIO) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # A connection per request: as many visitors do, and a replica that joins or leaves gets its share at once.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=settings.url, limits=limits, timeout=None, trust_env=False) as client:  # noqa: S113 - _ask bounds the whole request, not each of its phases
        generator = Generator(settings, client, output=output, stop=stop)
        await generator.run()


@dataclass(slots=True)
class Generator:
    """One run of traffic against one CRM."""

    settings: TrafficSettings
    client: httpx.AsyncClient
    output: TextIO
    stop: asyncio.Event
    _book: LeadBook = field(init=False)
    _tally: Tally = field(init=False)
    _stretch: Tally = field(init=False)
    _in_flight: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _began: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Begin with empty books."""
        self._book = LeadBook(run=RandomIds().new().hex[:12], seed=self.settings.seed)
        self._tally = Tally.of(self.settings.tenants)
        self._stretch = Tally.of(self.settings.tenants)

    async def run(self) -> None:
        """Send until told to stop, let the last answers come in, and report."""
        settings = self.settings
        self._say(f"sending {settings.rate:g} requests a second to {settings.url} as {', '.join(settings.tenants)}")
        self._began = time.monotonic()
        reporting = asyncio.create_task(self._report_now_and_then())
        try:
            await self._send_all()
            await self._finish()
        finally:
            reporting.cancel()
        self._say(report.table(self._tally, vip=settings.vip_tenants))

    async def _send_all(self) -> None:
        settings = self.settings
        schedule = plan.arrivals(settings.rate, settings.mix, tenants=settings.tenants, seed=settings.seed)
        for arrival in schedule:
            if settings.duration_seconds is not None and arrival.at >= settings.duration_seconds:
                await self._is_stopped_by(settings.duration_seconds)
                return
            if await self._is_stopped_by(arrival.at):
                return
            self._send(arrival)

    async def _is_stopped_by(self, at: float) -> bool:
        """Wait until `at` seconds after the start; tell whether a stop came first."""
        remaining = self._began + at - time.monotonic()
        if remaining > 0:
            try:
                await asyncio.wait_for(self.stop.wait(), timeout=remaining)
            except TimeoutError:
                return False
        return self.stop.is_set()

    def _send(self, arrival: Arrival) -> None:
        accounts = (self._tally.accounts[arrival.tenant], self._stretch.accounts[arrival.tenant])
        if len(self._in_flight) >= self.settings.max_in_flight:
            for account in accounts:
                account.dropped += 1
            return
        for account in accounts:
            account.sent += 1
        task = asyncio.create_task(self._ask(arrival, self._book.call_for(arrival)))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _ask(self, arrival: Arrival, call: Call) -> None:
        end = End.CUT
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                response = await self.client.request(
                    call.method,
                    call.path,
                    params=call.params,
                    json=call.body,
                    headers={**call.headers, "X-Tenant": arrival.tenant},
                )
            end = end_of(response.status_code)
            self._book.learn(arrival.tenant, call, status=response.status_code, answer=_decoded(response))
        except (httpx.HTTPError, TimeoutError):
            end = End.ERROR
        finally:
            # From when it was due, not from when it was sent: a generator that falls behind hides nothing.
            seconds = time.monotonic() - self._began - arrival.at
            for tally in (self._tally, self._stretch):
                tally.accounts[arrival.tenant].ended(end, seconds=seconds)

    async def _finish(self) -> None:
        if self._in_flight:
            # Without a stop none: each has its own bound, which for the last one begins no earlier than here.
            grace = _LAST_ANSWERS if self.stop.is_set() else None
            await asyncio.wait(self._in_flight, timeout=grace)
        for task in list(self._in_flight):
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _report_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self.settings.report_seconds)
            stretch, self._stretch = self._stretch, Tally.of(self.settings.tenants)
            seconds = time.monotonic() - self._began
            self._say(report.line(seconds, stretch.total(), in_flight=len(self._in_flight)))

    def _say(self, text: str) -> None:
        self.output.write(f"{text}\n")
        self.output.flush()


def _decoded(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
