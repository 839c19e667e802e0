"""What filing alerts has to come to, written from the rules alone: slow, small, and on none of the product's code.

Of all reports of one fingerprint the latest counts, the end before the start where both are of one instant. Only who
asks Alertmanager hears of silences, and what he sees of an episode that is known says nothing of its time.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aetherlink.model.alerts import Alert

WATCHDOG = "Watchdog"
_AHEAD = timedelta(minutes=10)


@dataclass(frozen=True)
class Known:
    """How one fingerprint stands; `hush` is why nobody is to hear of it."""

    since: datetime
    fires: bool
    hush: str


@dataclass
class FilingModel:
    """Hears every report that the product hears, and knows what has to be known afterwards."""

    known: dict[tuple[str, str], Known] = field(default_factory=dict)
    received: int = 0

    def hear(self, report: Alert, now: datetime) -> None:
        """One report at this instant."""
        self.received += 1
        key = (report.source, report.fingerprint)
        self.known[key] = _afterwards(self.known.get(key), report, now)

    def firing(self, source: str) -> dict[str, Known]:
        """What of the source fires."""
        return {print_: one for (of, print_), one in self.known.items() if of == source and one.fires}


def _afterwards(known: Known | None, report: Alert, now: datetime) -> Known:
    said = _said(report, now)
    if known is None:
        return said
    if known.fires and said.fires and (report.starts_at <= known.since or report.starts_at > now + _AHEAD):
        return known if report.seen_at is None or known.hush == "heartbeat" else _hushed(known, said.hush)
    if (said.since, not said.fires) > (known.since, not known.fires):
        return said
    return known


def _said(report: Alert, now: datetime) -> Known:
    """What the report alone would have known. Nobody's clock is believed that is far ahead of ours."""
    starts = report.starts_at if report.starts_at <= now + _AHEAD else now
    ends = report.ends_at if report.ends_at is not None and report.ends_at <= now + _AHEAD else None
    fires = report.status == "firing"
    other = report.seen_at if fires else ends
    hush = "heartbeat" if report.labels.get("alertname") == WATCHDOG else report.suppressed.value
    return Known(starts if other is None else max(starts, other), fires, hush)


def _hushed(known: Known, hush: str) -> Known:
    return Known(known.since, known.fires, hush)
