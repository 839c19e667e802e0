"""Whether the clocks of Prometheus and Alertmanager go as ours does: evidence is judged by its age."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial

from aetherlink import outside
from aetherlink.clients.alertmanager_setup import AlertmanagerSetup
from aetherlink.clients.credentials import connection_of
from aetherlink.clients.source_options import SourceOptions
from aetherlink.doctor.findings import Finding, fault, not_checked, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import AetherError

_BOUND = timedelta(seconds=2)
_FAR = timedelta(seconds=60)
_WHOLE_SECOND = timedelta(seconds=1)
_TIMES = 3
_FIX = "let NTP set the clocks of both machines (chrony, systemd-timesyncd)"


def looks(ground: Ground) -> Iterator[Look]:
    """One for each Prometheus and Alertmanager."""
    for source in ground.settings.sources:
        yield Look(f"{source.prometheus} of source {source.name}", partial(_prometheus, ground, source))
        for url in source.alertmanagers:
            yield Look(f"{url} of source {source.name}", partial(_alertmanager, ground, source, url))


async def _prometheus(ground: Ground, source: SourceOptions) -> Sequence[Finding]:
    async with aclosing(outside.prometheus(source, ground.settings.clients)) as client:

        async def ask() -> datetime | None:
            seconds = (await client.instant("time()")).value
            return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

        return [await _compared(ground, ask)]


async def _alertmanager(ground: Ground, source: SourceOptions, url: str) -> Sequence[Finding]:
    async with aclosing(AlertmanagerSetup(url, ground.settings.clients, connection_of(source))) as setup:

        async def ask() -> datetime | None:
            return (await setup.state()).now

        return [await _compared(ground, ask, grain=_WHOLE_SECOND)]


async def _compared(
    ground: Ground, ask: Callable[[], Awaitable[datetime | None]], *, grain: timedelta = timedelta(0)
) -> Finding:
    """Of several questions the quickest one counts: while much else is asked, one may take long for our own sake."""
    asked: list[tuple[timedelta, datetime, datetime]] = []
    for _ in range(_TIMES):
        before = ground.clock.now()
        try:
            its = await ask()
        except AetherError:
            return not_checked("its clock: it does not answer")
        except (OverflowError, OSError, ValueError):
            return fault("what it says that the time is, is none", _FIX)
        if its is None:
            return not_checked("its clock: it does not say what time it is")
        asked.append((ground.clock.now() - before, before, its if its.tzinfo else its.replace(tzinfo=UTC)))
    took, before, its = min(asked)
    return judged(its, before, before + took, grain=grain)


def judged(its: datetime, before: datetime, after: datetime, *, grain: timedelta = timedelta(0)) -> Finding:
    """Its time, cut off to the grain, against ours before and after it was asked: doubt is in its favour."""
    ahead, behind = its - after, before - (its + grain)
    off, way = (ahead, "ahead of") if ahead > behind else (behind, "behind")
    if off <= _BOUND:
        return ok(f"its clock goes with ours, to {_BOUND.total_seconds():g} s")
    text = f"its clock is at least {off.total_seconds():.1f} s {way} ours"
    return fault(text, _FIX) if off > _FAR else warning(text, _FIX)
